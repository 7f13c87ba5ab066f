// SPDX-License-Identifier: BSL-1.0
// Registries on a context of Asio's: beats, ends and events with one thread, several threads and a strand; and what
// matters most where a thread is the only one there is: stop, shutdown and the destructor inside a handler wait for
// nobody who would need that thread (F2, F4, F6). Read next: async_end.cpp.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <system_error>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio.hpp>

#include "context.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(registry)

namespace asio = boost::asio;
using namespace heartbeat;              // NOLINT
using namespace heartbeat::asio_tests;  // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

using Strand = asio::strand<asio::io_context::executor_type>;
using OnStrand = BasicAsioExecutor<Strand>;
using OnManual = BasicAsioExecutor<asio::io_context::executor_type, ManualClock>;
using AsioRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, BootClock, AsioExecutor>;
using StrandRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, BootClock, OnStrand>;
using ManualAsioRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, OnManual>;
using PoolRegistry = HeartbeatRegistry<int, FunctionTransport<BlockingBeat>, BootClock, BlockingAsioExecutor>;

// A sink that says how often which kind was told.
struct Ends {
  std::atomic<int> count{0};
  template <class Event>
  void operator()(const Event& event) {
    if (event.kind == EventKind::ended) ++count;
  }
};

AsioRegistry::Options fast() {
  return {.interval = 20ms, .ttl = 30s, .first_beat = FirstBeat::now};
}

// What a handler of the context's only thread does; true if it came back. One that hangs keeps the
// test from ending, which the runner's limit reports.
template <class Fn>
bool runs_in_a_handler(asio::io_context& context, Fn fn) {
  bool came_back = false;
  asio::post(context, [&] {
    fn();
    came_back = true;
  });
  return run_until(context, "the call to come back", [&] { return came_back; });
}

BOOST_AUTO_TEST_CASE(heartbeats_beat_on_the_threads_that_run_the_context_and_on_no_other) {
  for (const int count : {1, 4}) {
    asio::io_context context;
    Tally beats;
    std::mutex mutex;
    std::set<std::thread::id> threads_seen;
    AsioRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                            {
                              const std::lock_guard lock{mutex};
                              threads_seen.insert(std::this_thread::get_id());
                            }
                            completion(BeatResult::acknowledged());
                            beats.add();
                          }),
                          BootClock{}, AsioExecutor{context}};
    std::vector<AsioRegistry::Handle> handles;
    for (int key = 0; key < 50; ++key)
      handles.push_back(registry.start(key, fast()));
    BOOST_TEST(beats.count() == 0);
    Threads threads{context, count};

    BOOST_TEST(beats.reaches(500));

    for (auto& handle : handles) {
      BOOST_TEST(handle.valid());
      handle.stop();
    }
    BOOST_TEST(registry.shutdown(generous));
    threads.stop();
    BOOST_TEST(threads_seen.size() <= static_cast<std::size_t>(count));
    BOOST_TEST(!threads_seen.contains(std::this_thread::get_id()));
  }
}

BOOST_AUTO_TEST_CASE(in_a_strand_transport_and_sink_share_state_without_a_lock) {
  asio::io_context context;
  Strand strand = asio::make_strand(context);
  int beats = 0, ends = 0;  // the strand's
  Tally done;
  std::optional<StrandRegistry> registry;
  registry.emplace(answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
                     ++beats;
                     completion(key % 2 == 0 ? BeatResult::gone() : BeatResult::acknowledged());
                     done.add();
                   }),
                   BootClock{}, BasicAsioExecutor{strand}, [&](const StrandRegistry::EventType& event) {
                     if (event.kind != EventKind::ended) return;
                     ++ends;
                     done.add();
                   });
  std::vector<StrandRegistry::Handle> handles;
  Threads threads{context, 4};
  for (int key = 0; key < 100; ++key)
    handles.push_back(registry->start(key, one_beat<StrandRegistry>()));

  BOOST_TEST(done.reaches(150));

  asio::post(strand, [&] { registry.reset(); });
  threads.run_out();
  BOOST_TEST(beats == 100);
  BOOST_TEST(ends == 100);
}

// One shard's transport hangs; another shard's beats on the other thread.
BOOST_AUTO_TEST_CASE(with_two_threads_a_shard_beats_while_another_ones_call_hangs) {
  asio::io_context context;
  Door hangs, release, other;
  AsioRegistry registry{answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
                          if (key == key_in(0, 2)) {
                            hangs.open();
                            release.wait();
                          } else {
                            other.open();
                          }
                          completion(BeatResult::acknowledged());
                        }),
                        BootClock{},
                        AsioExecutor{context},
                        {},
                        {.shards = 2}};
  Threads threads{context, 2};

  const auto first = registry.start(key_in(0, 2), one_beat<AsioRegistry>());
  BOOST_REQUIRE(hangs.wait());
  const auto second = registry.start(key_in(1, 2), one_beat<AsioRegistry>());

  BOOST_TEST(other.wait());
  release.open();
}

BOOST_AUTO_TEST_CASE(with_heartbeats_ended_the_context_runs_out_of_work_soon) {
  asio::io_context context;
  AsioRegistry registry{answering(acknowledge), BootClock{}, AsioExecutor{context}};
  auto handle = registry.start(1, fast());
  context.poll();
  BOOST_TEST(!context.stopped());

  handle.stop();

  context.run();
}

BOOST_AUTO_TEST_CASE(a_manual_clock_moves_a_registry_on_a_context) {
  ManualClock clock;
  asio::io_context context;
  int beats = 0;
  ManualAsioRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                                ++beats;
                                completion(BeatResult::acknowledged());
                              }),
                              clock,
                              OnManual{context, clock},
                              {},
                              no_gaps()};
  auto handle = registry.start(1, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now});
  context.poll();

  for (int i = 0; i < 10; ++i) {
    clock.advance(5s);
    context.poll();
  }

  BOOST_TEST(beats == 11);
  BOOST_TEST(handle.valid());
}

// --- the only thread

BOOST_AUTO_TEST_CASE(stop_in_a_handler_of_the_only_thread_returns_with_calls_unanswered) {
  asio::io_context context;
  std::vector<BeatCompletion> unanswered;
  AsioRegistry registry{
      answering([&](const int&, const BeatContext&, BeatCompletion c) { unanswered.push_back(std::move(c)); }),
      BootClock{}, AsioExecutor{context}};
  auto handle = registry.start(1, one_beat<AsioRegistry>());
  BOOST_REQUIRE(run_until(context, "a beat", [&] { return !unanswered.empty(); }));

  BOOST_TEST(runs_in_a_handler(context, [&] { BOOST_TEST(handle.stop()); }));

  BOOST_TEST(why(handle) == "stopped");
}

// A server is silent, so that hundreds of calls time out at once; their tokens are to be requested by works of the very
// thread that stops the heartbeats. So each stop requests its own one's, however many others wait.
BOOST_AUTO_TEST_CASE(stop_on_the_only_thread_returns_while_the_tokens_of_many_calls_that_timed_out_wait) {
  constexpr int sessions = 700;
  ManualClock clock;
  asio::io_context context;
  std::vector<std::stop_token> tokens;
  std::vector<BeatCompletion> unanswered;
  ManualAsioRegistry registry{answering([&](const int&, const BeatContext& beat, BeatCompletion completion) {
                                tokens.push_back(beat.stop_token());
                                unanswered.push_back(std::move(completion));
                              }),
                              clock,
                              OnManual{context, clock},
                              {},
                              no_gaps()};
  std::vector<ManualAsioRegistry::Handle> handles;
  for (int key = 0; key < sessions; ++key) {
    handles.push_back(
        registry.start(key, {.interval = 10s, .ttl = 60s, .beat_timeout = 1s, .first_beat = FirstBeat::now}));
  }
  context.poll();
  BOOST_REQUIRE(tokens.size() == sessions);
  const auto requested = [&] {
    return std::count_if(tokens.begin(), tokens.end(), [](auto& t) { return t.stop_requested(); });
  };
  const auto in_flight = [&] { return static_cast<std::ptrdiff_t>(registry.statistics().in_flight); };

  clock.advance(1s);
  while (in_flight() == sessions && context.run_one() != 0) {
  }
  const auto waiting = sessions - in_flight() - requested();
  BOOST_TEST(waiting > 256);

  for (std::size_t i = 0; i < handles.size(); ++i)
    BOOST_TEST(handles[i * 331 % handles.size()].stop());  // all of them: neither the oldest first nor the newest

  BOOST_TEST(requested() == sessions);
}

// The engine ends the heartbeat, and its token's callbacks wait for the very thread that stops it.
BOOST_AUTO_TEST_CASE(stop_in_the_handler_that_answered_gone_does_not_wait_for_the_token) {
  asio::io_context context;
  std::optional<BeatCompletion> answer;
  AsioRegistry registry{
      answering([&](const int&, const BeatContext&, BeatCompletion c) { answer.emplace(std::move(c)); }), BootClock{},
      AsioExecutor{context}};
  auto handle = registry.start(1, one_beat<AsioRegistry>());
  int fired = 0;
  const std::stop_callback count{handle.stop_token(), [&] { ++fired; }};
  BOOST_REQUIRE(run_until(context, "a beat", [&] { return answer.has_value(); }));

  BOOST_TEST(runs_in_a_handler(context, [&] {
    (*answer)(BeatResult::gone());
    BOOST_TEST(!handle.stop());
  }));

  BOOST_TEST(run_until(context, "the token to fire", [&] { return fired == 1; }));
  BOOST_TEST(why(handle) == "gone");
}

BOOST_AUTO_TEST_CASE(shutdown_in_a_handler_of_the_only_thread_returns_and_tells_every_end) {
  asio::io_context context;
  std::vector<BeatCompletion> unanswered;
  Ends ends;
  AsioRegistry registry{
      answering([&](const int&, const BeatContext&, BeatCompletion c) { unanswered.push_back(std::move(c)); }),
      BootClock{}, AsioExecutor{context}, std::ref(ends)};
  std::vector<AsioRegistry::Handle> handles;
  for (int key = 0; key < 20; ++key)
    handles.push_back(registry.start(key, one_beat<AsioRegistry>()));
  BOOST_REQUIRE(run_until(context, "ten beats", [&] { return unanswered.size() >= 10; }));

  BOOST_TEST(runs_in_a_handler(context, [&] {
    BOOST_TEST(registry.shutdown(1ms));
    BOOST_TEST(ends.count == 20);
  }));

  for (const auto& handle : handles)
    BOOST_TEST(why(handle) == "shut_down");
}

BOOST_AUTO_TEST_CASE(the_destructor_in_a_handler_of_the_only_thread_returns_with_works_and_calls_under_way) {
  asio::io_context context;
  std::vector<BeatCompletion> unanswered;
  Ends ends;
  std::optional<AsioRegistry> registry;
  registry.emplace(
      answering([&](const int&, const BeatContext&, BeatCompletion c) { unanswered.push_back(std::move(c)); }),
      BootClock{}, AsioExecutor{context}, std::ref(ends));
  std::vector<AsioRegistry::Handle> handles;
  for (int key = 0; key < 20; ++key)
    handles.push_back(registry->start(key, one_beat<AsioRegistry>()));
  BOOST_REQUIRE(run_until(context, "ten beats", [&] { return unanswered.size() >= 10; }));

  BOOST_TEST(runs_in_a_handler(context, [&] {
    registry.reset();
    BOOST_TEST(ends.count == 20);
  }));

  unanswered.front()(BeatResult::gone());  // late, and harmless
  BOOST_TEST(why(handles.front()) == "shut_down");
}

BOOST_AUTO_TEST_CASE(the_destructor_in_every_kind_of_callback_on_the_only_thread_returns) {
  enum class Where { transport, token, sink };
  for (const Where where : {Where::transport, Where::token, Where::sink}) {
    asio::io_context context;
    std::optional<AsioRegistry> registry;
    std::atomic<int> ends{0};
    registry.emplace(answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                       completion(BeatResult::gone());
                       if (where == Where::transport) registry.reset();
                     }),
                     BootClock{}, AsioExecutor{context}, [&](const AsioRegistry::EventType& event) {
                       if (event.kind != EventKind::ended) return;
                       ++ends;
                       if (where == Where::sink) registry.reset();
                     });
    auto handle = registry->start(1, one_beat<AsioRegistry>());
    auto other = registry->start(2, {.interval = 1h, .ttl = 10h});
    const std::stop_callback fired{handle.stop_token(), [&] {
                                     if (where == Where::token) registry.reset();
                                   }};

    context.run();

    BOOST_TEST(!registry.has_value());
    BOOST_TEST(why(handle) == "gone");
    BOOST_TEST(why(other) == "shut_down");
    BOOST_TEST(ends == 2);
  }
}

// --- contexts that stop

BOOST_AUTO_TEST_CASE(shutdown_and_destruction_with_the_context_stopped_wait_for_nothing) {
  asio::io_context context;
  Ends ends;
  {
    AsioRegistry registry{answering(acknowledge), BootClock{}, AsioExecutor{context}, std::ref(ends)};
    std::vector<AsioRegistry::Handle> handles;
    for (int key = 0; key < 20; ++key)
      handles.push_back(registry.start(key, fast()));
    context.poll();
    context.stop();

    BOOST_TEST(registry.shutdown(generous));
    BOOST_TEST(ends.count == 20);
  }
  context.restart();
  context.run();
}

BOOST_AUTO_TEST_CASE(a_context_stopped_and_restarted_goes_on_beating) {
  asio::io_context context;
  int beats = 0;
  AsioRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                          completion(BeatResult::acknowledged());
                          if (++beats % 10 == 0) context.stop();
                        }),
                        BootClock{}, AsioExecutor{context}};
  auto handle = registry.start(1, fast());
  auto started_meanwhile = AsioRegistry::Handle{};

  context.run();
  BOOST_TEST(beats == 10);
  started_meanwhile = registry.start(2, fast());
  context.restart();
  context.run();

  BOOST_TEST(beats == 20);
  BOOST_TEST(handle.valid());
  BOOST_TEST(started_meanwhile.valid());
}

BOOST_AUTO_TEST_CASE(a_context_destroyed_after_its_registry_frees_what_was_under_way) {
  std::vector<BeatCompletion> unanswered;
  std::vector<AsioRegistry::Handle> handles;
  {
    asio::io_context context;
    AsioRegistry registry{
        answering([&](const int&, const BeatContext&, BeatCompletion c) { unanswered.push_back(std::move(c)); }),
        BootClock{}, AsioExecutor{context}};
    for (int key = 0; key < 20; ++key)
      handles.push_back(registry.start(key, one_beat<AsioRegistry>()));
    BOOST_REQUIRE(run_until(context, "ten beats", [&] { return unanswered.size() >= 10; }));
  }

  for (auto& answer : unanswered)
    answer(BeatResult::acknowledged());
  for (auto& handle : handles)
    BOOST_TEST(!handle.stop());
}

// --- blocking transports

BOOST_AUTO_TEST_CASE(blocking_beats_run_on_the_pool_and_the_context_goes_on) {
  asio::io_context context;
  asio::thread_pool pool{4};
  Tally entered;
  Door release;
  PoolRegistry registry{blocking([&](const int&, const BeatContext&) {
                          entered.add();
                          release.wait();
                          return BeatResult::acknowledged();
                        }),
                        BootClock{}, BlockingAsioExecutor{context, pool, 4}};
  std::vector<PoolRegistry::Handle> handles;
  for (int key = 0; key < 8; ++key)
    handles.push_back(registry.start(key, one_beat<PoolRegistry>()));
  Threads threads{context, 1};
  BOOST_REQUIRE(entered.reaches(2));  // as many as a pool of four has for them

  Door went_on;
  asio::post(context, [&] { went_on.open(); });
  BOOST_TEST(went_on.wait());
  release.open();
  BOOST_TEST(entered.reaches(8));

  BOOST_TEST(eventually(
      "all to be valid", [&] { return std::all_of(handles.begin(), handles.end(), [](auto& h) { return h.valid(); }); },
      [&] {
        const auto valid = std::count_if(handles.begin(), handles.end(), [](auto& h) { return h.valid(); });
        return std::to_string(valid) + " of " + std::to_string(handles.size());
      }));
  BOOST_TEST(registry.shutdown(generous));
}

BOOST_AUTO_TEST_CASE(a_blocking_call_that_does_not_return_is_told_by_shutdown) {
  asio::io_context context;
  asio::thread_pool pool{3};
  Door entered, release;
  PoolRegistry registry{blocking([&](const int&, const BeatContext&) {
                          entered.open();
                          release.wait();
                          return BeatResult::acknowledged();
                        }),
                        BootClock{}, BlockingAsioExecutor{context, pool, 3}};
  auto handle = registry.start(1, one_beat<PoolRegistry>());
  Threads threads{context, 1};
  BOOST_REQUIRE(entered.wait());

  BOOST_TEST(!registry.shutdown(5ms));
  BOOST_TEST(why(handle) == "shut_down");
  release.open();

  BOOST_TEST(registry.shutdown(generous));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
