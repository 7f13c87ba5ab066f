// SPDX-License-Identifier: BSL-1.0
// G6: when shutdown(grace) returns true, or the destructor returns, no user code of this registry is on any other
// thread's stack or will be; late answers touch only memory that the core still holds. It waits for stacks, never for
// answers (F2). Inside one of its own callbacks nothing waits: the policies live until that callback and all others
// have returned (F6); inside another registry's it waits as anywhere else. Once it is over, handles and completions are
// harmless (F45).
//
//   expected   ~registry ---- waits for the call on T2 ---- returns       late answer: touches nothing of the user's
//   never      ~registry ---- waits for the answer --------------- ...
// Read next: g03_one_end.cpp, the ends that are told meanwhile.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// Opens a door when its last copy dies: a transport holds one, so the door says that the policies are gone.
struct Sentinel {
  explicit Sentinel(Door& door) : held{std::shared_ptr<Door>{&door, [](Door* gone) { gone->open(); }}} {}
  std::shared_ptr<Door> held;
};

// A callback that is running while its owner is ended on another thread. It returns only once the end has begun, and
// gives that thread every chance not to wait for it.
class SlowCallback {
 public:
  void operator()() {
    if (is_entered_.exchange(true)) return;
    entered.open();
    end_has_begun.wait();
    for (int chance = 0; chance < 2'000 && !is_over.load(); ++chance)
      std::this_thread::yield();
    has_returned = true;
  }

  Door entered;
  Door end_has_begun;
  std::atomic<bool> is_over{false};  // whoever ended its owner says so
  std::atomic<bool> has_returned{false};

 private:
  std::atomic<bool> is_entered_{false};
};

// Calls it on another thread, inside a callback of a registry that has nothing else to do.
template <class Fn>
void inside_a_callback_of_another(Fn fn) {
  Door has_returned;
  ThreadRegistry another{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
    fn();
    completion(BeatResult::acknowledged());
    has_returned.open();
  })};
  const auto beat = another.start(1, one_beat<ThreadRegistry>());
  BOOST_TEST_REQUIRE(has_returned.wait());
}

struct SameClient {
  int operator()(int) const { return 0; }
};
using ThreadPerClient = PerClient<int, FunctionTransport<AsyncBeat>, SameClient>;

}  // namespace

BOOST_AUTO_TEST_SUITE(g06_nothing_runs_after_shutdown)

BOOST_AUTO_TEST_CASE(answers_after_the_registrys_death_touch_nothing) {
  for (const auto& late : {BeatResult::gone(), BeatResult::acknowledged(), BeatResult::failed({}, "text")}) {
    World world;
    world.transport.on(0).held();
    world.transport.on(1).held();
    world.transport.otherwise_on_close().held();
    std::vector<Handle> handles;
    for (int key = 0; key < 3; ++key)
      handles.push_back(world.registry->start(key, at_once()));
    world.executor.run_for(1s);
    handles[2].stop();
    world.executor.run_for(1s);
    BOOST_TEST_REQUIRE(world.transport.unanswered_closes(2) == 1U);

    world.registry.reset();
    for (int key = 0; key < 2; ++key)
      world.transport.answer(key, late);
    for (int key = 0; key < 3; ++key)
      world.transport.answer_close(key);
    world.executor.run_for(1h);

    BOOST_TEST(why(handles[0]) == "shut_down");
    BOOST_TEST(world.log.count(EventKind::ended) == 3U);
  }
}

BOOST_AUTO_TEST_CASE(handles_are_harmless_after_the_registrys_death) {
  World world;
  Handle handle = world.registry->start(7, at_once());
  Options gated = at_once();
  gated.progress_within = 10s;
  Handle working = world.registry->start(8, gated);
  world.executor.run_for(1s);
  const std::stop_token token = handle.stop_token();

  world.registry.reset();

  BOOST_TEST(token.stop_requested());
  BOOST_TEST(why(handle) == "shut_down");
  BOOST_TEST(handle.key() == 7);
  BOOST_TEST(!handle.valid());
  BOOST_TEST((handle.valid_until() == ManualClock::time_point::min()));
  BOOST_TEST(!handle.stop());
  BOOST_TEST(!handle.request_stop());
  BOOST_TEST(!handle.failure().has_value());
  BOOST_TEST(working.stop_token().stop_requested());  // asked for the first time
  working.progress();
  handle = std::move(working);
}

BOOST_AUTO_TEST_CASE(a_handle_without_a_heartbeat_answers_too) {
  World world;
  Handle moved_from = world.registry->start(7, at_once());
  const Handle owner = std::move(moved_from);
  for (Handle* handle : {&moved_from}) {  // NOLINT: meant
    BOOST_TEST(!*handle);
    BOOST_TEST(!handle->stop());
    BOOST_TEST(!handle->request_stop());
    BOOST_TEST(!handle->valid());
    BOOST_TEST((handle->valid_until() == ManualClock::time_point::min()));
    BOOST_TEST(!handle->stop_token().stop_possible());
    BOOST_TEST(!handle->ended().has_value());
    BOOST_TEST(!handle->failure().has_value());
    BOOST_TEST(!handle->owns());
    handle->progress();
    handle->detach();
  }
  BOOST_TEST(why(owner) == "running");
}

BOOST_AUTO_TEST_CASE(moving_into_a_handle_stops_what_it_had_and_detaching_does_not) {
  World world;
  Handle handle = world.registry->start(1, at_once());
  handle = world.registry->start(2, at_once());
  BOOST_TEST(!world.registry->contains(1));
  BOOST_TEST(world.registry->contains(2));

  handle.detach();
  handle = Handle{};
  BOOST_TEST(world.registry->contains(2));
}

BOOST_AUTO_TEST_CASE(shutdown_ends_everything_reports_it_and_takes_no_more) {
  World world{{.seed = 1, .shards = 4}};
  std::vector<Handle> handles;
  for (int key = 0; key < 600; ++key)
    handles.push_back(world.registry->start(key, at_once()));
  world.executor.run_for(7s);
  const std::size_t beats = world.transport.beats().size();

  BOOST_TEST(world.registry->shutdown());

  BOOST_TEST(world.log.count(EventKind::ended) == 600U);  // before it returned
  for (const Handle& handle : handles)
    BOOST_TEST(why(handle) == "shut_down");
  std::error_code error;
  BOOST_TEST(!world.registry->start(1000, at_once(), error));
  BOOST_TEST(error == make_error_code(errc::shut_down));
  BOOST_TEST(world.registry->shutdown());
  world.executor.run_for(1h);
  BOOST_TEST(world.transport.beats().size() == beats);
}

BOOST_AUTO_TEST_CASE(shutdown_closes_if_it_has_grace) {
  for (const bool with_grace : {true, false}) {
    World world;
    world.transport.otherwise_on_close().acknowledge().after(2s);
    for (int key = 0; key < 5; ++key)
      world.registry->start(key, at_once()).detach();
    world.executor.run_for(1s);

    BOOST_TEST(world.registry->shutdown(with_grace ? Duration{10s} : Duration{}));

    const Statistics books = world.registry->statistics();
    BOOST_TEST(world.transport.closes().size() == (with_grace ? 5U : 0U));
    BOOST_TEST(books.closes_done == (with_grace ? 5U : 0U));
    BOOST_TEST(books.closes_skipped == (with_grace ? 0U : 5U));
    BOOST_TEST((world.now() == (with_grace ? 3s : 1s)));
  }
}

BOOST_AUTO_TEST_CASE(closes_that_are_not_answered_in_time_are_given_up) {
  World world;
  world.transport.otherwise_on_close().never();
  for (int key = 0; key < 5; ++key)
    world.registry->start(key, at_once()).detach();
  world.executor.run_for(1s);

  BOOST_TEST(world.registry->shutdown(2s));

  BOOST_TEST(world.registry->statistics().closes_failed == 5U);
  BOOST_TEST(world.registry->statistics().closes_skipped == 0U);
  BOOST_TEST(world.log.count(EventKind::ended) == 5U);
}

// --- inside callbacks (F6)

BOOST_AUTO_TEST_CASE(the_registry_may_be_destroyed_inside_its_sink) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Door policies_gone;
  std::vector<int> ended;
  using Inline = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;
  std::optional<Inline> registry;
  const auto sink = [&](const Inline::EventType& event) {
    if (event.kind == EventKind::ended) ended.push_back(event.key);
    if (event.kind != EventKind::acknowledged || !registry) return;
    registry.reset();
    BOOST_TEST(!policies_gone.is_open());  // this very function still runs
  };
  registry.emplace(answering([sentinel = Sentinel{policies_gone}](const int&, const BeatContext&, BeatCompletion done) {
                     done(BeatResult::acknowledged());
                   }),
                   clock, executor, sink, RegistryOptions{.seed = 1, .shards = 2});
  std::vector<Inline::Handle> handles;
  for (int key = 0; key < 5; ++key) {
    handles.push_back(registry->start(key, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now}));
  }

  executor.run_for(1h);

  BOOST_TEST(!registry.has_value());
  BOOST_TEST(policies_gone.is_open());
  BOOST_TEST(ended.size() == 5U);
  for (const auto& handle : handles)
    BOOST_TEST(why(handle) == "shut_down");
}

// It would wait for itself, for all of the grace.
BOOST_AUTO_TEST_CASE(a_second_shutdown_inside_a_callback_waits_for_nothing) {
  ManualClock clock;
  ManualExecutor executor{clock};
  using Inline = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;
  std::optional<Inline> registry;
  int shutdowns = 0;
  const auto sink = [&](const Inline::EventType& event) {
    if (event.kind != EventKind::acknowledged) return;
    for (; shutdowns < 2; ++shutdowns)
      BOOST_TEST(!registry->shutdown(24h));
  };
  registry.emplace(
      answering([](const int&, const BeatContext&, BeatCompletion done) { done(BeatResult::acknowledged()); }), clock,
      executor, sink);
  const Inline::Handle handle = registry->start(7);

  executor.run_for(1min);

  BOOST_TEST(shutdowns == 2);
  BOOST_TEST(registry->shutdown());
}

BOOST_AUTO_TEST_CASE(the_registry_may_be_destroyed_inside_a_beat) {
  World world;
  world.transport.on(3).calling([&] { world.registry.reset(); }).acknowledge();
  std::vector<Handle> handles;
  for (int key = 0; key < 6; ++key)
    handles.push_back(world.registry->start(key, at_once()));

  world.executor.run_for(1h);

  BOOST_TEST(world.log.count(EventKind::ended) == 6U);
  BOOST_TEST(world.transport.beats().size() <= 6U);
  for (const Handle& handle : handles)
    BOOST_TEST(why(handle) == "shut_down");
}

BOOST_AUTO_TEST_CASE(the_registry_may_be_destroyed_inside_a_stop_callback) {
  for (const bool by_engine : {false, true}) {
    World world;
    if (by_engine) world.transport.on(7).gone();
    Handle handle = world.registry->start(7, at_once());
    Handle other = world.registry->start(8, at_once());
    const std::stop_callback on_end{handle.stop_token(), [&] { world.registry.reset(); }};

    if (by_engine) {
      world.executor.run_for(1s);
    } else {
      handle.stop();
    }
    world.executor.run_for(1h);

    BOOST_TEST(!world.registry.has_value());
    BOOST_TEST(why(handle) == (by_engine ? "gone" : "stopped"));
    BOOST_TEST(why(other) == "shut_down");
    BOOST_TEST(world.log.count(EventKind::ended) == 2U);
  }
}

// Without a sink nothing else keeps the engine, once the callback has let go of all that did.
BOOST_AUTO_TEST_CASE(the_registry_may_be_destroyed_inside_a_stop_callback_of_a_call_that_ends_many) {
  const std::function<void(Registry&)> calls[] = {
      [](Registry& registry) { registry.stop_all(); },
      [](Registry& registry) { registry.shutdown(); },
      [](Registry& registry) { registry.shutdown(3s); },
      [](Registry& registry) {
        std::error_code error;
        Options options = at_once();
        options.if_running = IfRunning::replace;
        BOOST_TEST(!registry.start(7, options, error));
        BOOST_TEST(error == errc::shut_down);
      },
  };
  for (const auto& call : calls) {
    const ManualClock clock;
    ManualExecutor executor{clock};
    std::optional<Registry> registry{std::in_place, ScriptedTransport<int>{executor}, clock, executor};
    auto handle = std::make_unique<Handle>(registry->start(7, at_once()));
    const std::stop_callback on_end{handle->stop_token(), [&] {
                                      handle.reset();
                                      registry.reset();
                                    }};
    executor.run_for(1s);

    call(*registry);

    BOOST_TEST(!registry.has_value());
    executor.run_for(1h);
    BOOST_TEST(executor.is_idle());
  }
}

// On the executor's own threads: none of them joins itself, and none waits for another one's callback.
BOOST_AUTO_TEST_CASE(the_registry_may_be_destroyed_on_its_executors_only_threads) {
  for (const bool in_sink : {false, true}) {
    for (int round = 0; round < 20; ++round) {
      Door policies_gone;
      Tally ends;
      std::optional<ThreadRegistry> registry;
      std::mutex made;  // the first call may come before emplace has returned
      const auto destroy = [&] {
        const std::lock_guard lock{made};
        registry.reset();
      };
      std::atomic<bool> is_first{true};
      const auto sink = [&](const ThreadRegistry::EventType& event) {
        if (event.kind == EventKind::ended) ends.add();
        if (in_sink && is_first.exchange(false)) destroy();
      };
      auto beat = [&, sentinel = Sentinel{policies_gone}](const int&, const BeatContext&, BeatCompletion completion) {
        if (!in_sink && is_first.exchange(false)) destroy();
        completion(BeatResult::acknowledged());
      };
      {
        const std::lock_guard lock{made};
        registry.emplace(answering(std::move(beat)), BootClock{}, ThreadExecutor{{.threads = 1, .blocking_threads = 1}},
                         sink);
        for (int key = 0; key < 3; ++key)
          registry->start(key, one_beat<ThreadRegistry>()).detach();
      }

      BOOST_TEST_REQUIRE(policies_gone.wait());

      BOOST_TEST(ends.count() == 3);
    }
  }
}

// --- inside a callback of another registry

template <class Owner>
void destroyed_inside_anothers_callback_it_waits() {
  for (const bool in_sink : {false, true}) {
    for (int round = 0; round < 5; ++round) {
      SlowCallback slow;
      std::optional<Owner> owner;
      const auto beat = [&](const int&, const BeatContext&, BeatCompletion completion) {
        if (!in_sink) slow();
        completion(BeatResult::acknowledged());
      };
      const auto sink = [&](const typename Owner::EventType&) {
        if (in_sink) slow();
      };
      if constexpr (std::is_same_v<Owner, ThreadPerClient>) {
        owner.emplace(answering(beat), SameClient{}, sink);
      } else {
        owner.emplace(answering(beat), sink);
      }
      const auto handle = owner->start(7, one_beat<Owner>());
      const std::stop_callback on_end{handle.stop_token(), [&] { slow.end_has_begun.open(); }};
      BOOST_TEST_REQUIRE(slow.entered.wait());
      bool had_returned = false;

      inside_a_callback_of_another([&] {
        owner.reset();
        slow.is_over = true;
        had_returned = slow.has_returned.load();
      });

      BOOST_TEST(had_returned);
      slow.end_has_begun.open();  // the callback may use what is here
      BOOST_TEST(eventually("the callback to return", [&] { return slow.has_returned.load(); }));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_registry_that_is_destroyed_inside_anothers_callback_waits_for_its_own) {
  destroyed_inside_anothers_callback_it_waits<ThreadRegistry>();
}

BOOST_AUTO_TEST_CASE(so_does_one_with_a_heartbeat_per_client) {
  destroyed_inside_anothers_callback_it_waits<ThreadPerClient>();
}

BOOST_AUTO_TEST_CASE(shutdown_inside_anothers_callback_waits_for_its_own) {
  SlowCallback slow;
  ThreadRegistry registry{answering(acknowledge), [&](const ThreadRegistry::EventType&) { slow(); }};
  const auto handle = registry.start(7, one_beat<ThreadRegistry>());
  const std::stop_callback on_end{handle.stop_token(), [&] { slow.end_has_begun.open(); }};
  BOOST_TEST_REQUIRE(slow.entered.wait());
  bool is_done = false;

  inside_a_callback_of_another([&] {
    is_done = registry.shutdown(generous);
    slow.is_over = true;
  });

  BOOST_TEST(is_done);
}

BOOST_AUTO_TEST_CASE(shutdown_with_grace_inside_anothers_callback_closes) {
  World world;
  world.transport.otherwise_on_close().acknowledge().after(2s);
  world.registry->start(7, at_once()).detach();
  ScriptedTransport<int> anothers{world.executor};
  Registry another{anothers, world.clock, world.executor};
  bool is_done = false;
  anothers.on(1).calling([&] { is_done = world.registry->shutdown(10s); }).acknowledge();
  world.executor.run_for(1s);

  const auto handle = another.start(1, at_once());
  world.executor.run_for(1s);

  BOOST_TEST(is_done);
  BOOST_TEST(world.registry->statistics().closes_done == 1U);
}

// While it waits for closes it runs the executor's works, and so others' callbacks, which it then is inside of.
BOOST_AUTO_TEST_CASE(a_callback_that_shutdown_itself_runs_may_destroy_the_registry) {
  World world;
  world.transport.otherwise_on_close().acknowledge().after(5s);
  ScriptedTransport<int> anothers{world.executor};
  Registry another{anothers, world.clock, world.executor};
  world.registry->start(7, at_once()).detach();
  world.executor.run_for(1s);
  const auto handle = another.start(1, at_once());
  anothers.on(1).calling([&] { world.registry.reset(); }).acknowledge();

  world.registry->shutdown(10s);

  BOOST_TEST(!world.registry.has_value());
  BOOST_TEST(world.log.count(EventKind::ended) == 1U);
}

// Its two engines are one: a callback of the one that ends it waits for no callback of the other.
BOOST_AUTO_TEST_CASE(with_a_heartbeat_per_client_neither_engine_waits_inside_a_callback_of_the_other) {
  for (const bool in_sink : {false, true}) {
    for (const bool by_shutdown : {false, true}) {
      Door transport_gone;
      Door sink_gone;
      Door is_started;
      Door other_is_inside;
      Door is_ended;
      Tally returned;
      std::atomic<bool> is_first_beat{true};
      std::atomic<bool> is_first_event{true};
      std::atomic<bool> has_waited{false};
      std::atomic<bool> is_shut_down{false};
      std::optional<ThreadPerClient> owner;
      const auto end = [&] {
        if (!is_started.wait() || !other_is_inside.wait()) return;
        if (by_shutdown) {
          is_shut_down = owner->shutdown(generous);
        } else {
          owner.reset();
        }
        is_ended.open();
      };
      const auto callback = [&](std::atomic<bool>& is_first, bool is_who_ends) {
        if (!is_first.exchange(false)) return;
        if (is_who_ends) {
          end();
        } else {
          other_is_inside.open();
          if (!is_ended.wait()) has_waited = true;
        }
        returned.add();
      };
      auto beat = [&, sentinel = Sentinel{transport_gone}](const int&, const BeatContext&, BeatCompletion completion) {
        callback(is_first_beat, !in_sink);
        completion(BeatResult::acknowledged());
      };
      auto sink = [&, sentinel = Sentinel{sink_gone}](const ThreadPerClient::EventType&) {
        callback(is_first_event, in_sink);
      };
      owner.emplace(answering(std::move(beat)), SameClient{}, std::move(sink));

      const auto handle = owner->start(7, one_beat<ThreadPerClient>());
      is_started.open();

      BOOST_TEST(returned.reaches(2));
      BOOST_TEST(!has_waited.load());
      BOOST_TEST(!is_shut_down.load());
      BOOST_TEST(why(handle) == "shut_down");
      owner.reset();
      BOOST_TEST_REQUIRE(transport_gone.wait());
      BOOST_TEST_REQUIRE(sink_gone.wait());
    }
  }
}

// --- real threads

// F2: the call never comes back until the test lets it.
BOOST_AUTO_TEST_CASE(shutdown_tells_that_a_blocking_call_has_not_returned) {
  Door entered;
  Door leave;
  BlockingRegistry registry{blocking([&](const int&, const BeatContext&) {
    entered.open();
    leave.wait();
    return BeatResult::acknowledged();
  })};
  auto handle = registry.start(7, one_beat<BlockingRegistry>());
  BOOST_TEST_REQUIRE(entered.wait());

  BOOST_TEST(!registry.shutdown(50ms));
  BOOST_TEST(why(handle) == "shut_down");
  std::error_code error;
  BOOST_TEST(!registry.start(8, one_beat<BlockingRegistry>(), error));
  BOOST_TEST(!registry.shutdown(1ms));

  leave.open();
  BOOST_TEST(registry.shutdown(generous));
}

BOOST_AUTO_TEST_CASE(shutdown_tells_that_the_sink_has_not_returned) {
  Door entered;
  Door leave;
  ThreadRegistry registry{answering(acknowledge), [&](const ThreadRegistry::EventType&) {
                            entered.open();
                            leave.wait();
                          }};
  auto handle = registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST_REQUIRE(entered.wait());

  BOOST_TEST(!registry.shutdown(50ms));

  leave.open();
  BOOST_TEST(registry.shutdown(generous));
}

// A close call that waits for its token: who gives it up requests it, or nothing ever ends.
BOOST_AUTO_TEST_CASE(a_blocking_close_that_is_given_up_has_its_token_requested) {
  Door entered;
  const auto beat = [](const int&) { return true; };
  const auto close = [&](const int&, const BeatContext& context) -> std::error_code {
    Door cancelled;
    const std::stop_callback on_stop{context.stop_token(), [&] { cancelled.open(); }};
    entered.open();
    return cancelled.wait() ? std::error_code{} : make_error_code(errc::beat_timed_out);
  };
  using Closing = HeartbeatRegistry<int, decltype(FunctionTransport{beat, close})>;
  Door destroyed;
  std::jthread owner{[&] {
    {
      Closing registry{FunctionTransport{beat, close}};
      registry.start(7, one_beat<Closing>()).stop();
      entered.wait();
    }
    destroyed.open();
  }};

  BOOST_TEST(destroyed.wait());
}

// The only thread for blocking work is in a call that waits for its token, which the engine wants to request there.
BOOST_AUTO_TEST_CASE(a_call_whose_cancellation_nobody_could_deliver_yet_does_not_hold_the_destructor) {
  ManualClock clock;
  Door entered;
  Door destroyed;
  std::atomic<bool> has_timed_out{false};
  std::jthread owner{[&] {
    {
      ManualBlockingRegistry registry{
          blocking([&](const int&, const BeatContext& context) {
            Door cancelled;
            const std::stop_callback on_stop{context.stop_token(), [&] { cancelled.open(); }};
            entered.open();
            cancelled.wait();
            return BeatResult::acknowledged();
          }),
          clock,
          ManualThreads{clock, {.threads = 1, .blocking_threads = 1}},
          {},
          no_gaps()};
      auto handle = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now});
      entered.wait();
      clock.advance(20s);  // the beat timeout
      has_timed_out = eventually("a beat to time out", [&] { return registry.statistics().timed_out == 1; });
    }
    destroyed.open();
  }};

  BOOST_TEST(destroyed.wait());
  BOOST_TEST(has_timed_out.load());
}

// Beats, stop callbacks and the sink touch an object that dies right after the registry.
BOOST_AUTO_TEST_CASE(no_user_code_runs_once_the_destructor_has_returned) {
  for (int round = 0; round < 60; ++round) {
    auto touched = std::make_unique<std::atomic<int>>(0);
    std::vector<BeatCompletion> kept;
    {
      std::atomic<int>* const object = touched.get();
      ThreadRegistry registry{
          answering([object, &kept, round](const int& key, const BeatContext& context, BeatCompletion completion) {
            ++*object;
            (void)context.stop_token();
            if (key % 3 == 0) return;  // dropped
            if (key % 3 == 1) completion(BeatResult::gone());
            if (key == 2 && round % 2 == 0) kept.push_back(std::move(completion));
          }),
          [object](const ThreadRegistry::EventType&) { ++*object; },
          {.shards = 2}};
      std::vector<ThreadRegistry::Handle> handles;
      for (int key = 0; key < 30; ++key)
        handles.push_back(registry.start(key, one_beat<ThreadRegistry>()));
      for (int i = 0; i < round; ++i)
        std::this_thread::yield();
    }
    touched.reset();  // the address sanitizer sees who comes later
    for (BeatCompletion& completion : kept)
      completion(BeatResult::acknowledged());
  }
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(answers_may_race_with_the_destructor) {
  for (int round = 0; round < 60; ++round) {
    std::mutex mutex;
    std::vector<BeatCompletion> open;
    Tally calls;
    std::jthread server;
    ThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
      const std::lock_guard lock{mutex};
      open.push_back(std::move(completion));
      calls.add();
    })};
    for (int key = 0; key < 20; ++key)
      registry.start(key, one_beat<ThreadRegistry>()).detach();
    BOOST_TEST_REQUIRE(calls.reaches(20));
    server = std::jthread{[&open, round] {
      for (BeatCompletion& completion : open) {
        if (round % 2 == 0) completion(BeatResult::acknowledged());
      }
      open.clear();
    }};
  }
}

// F34: insertion or refusal, nothing in between; F33: all who shut down wait.
BOOST_AUTO_TEST_CASE(starts_that_race_with_shutdown_are_refused_or_ended) {
  for (int round = 0; round < 40; ++round) {
    EventLog<int> log;
    ThreadRegistry registry{answering(acknowledge), log, {.shards = 2}};
    std::vector<std::vector<ThreadRegistry::Handle>> handles(2);
    Tally refused;
    Tally shut_down;
    {
      std::vector<std::jthread> threads;
      for (std::size_t thread = 0; thread < 2; ++thread) {
        threads.emplace_back([&, thread] {
          for (int i = 0;; ++i) {
            std::error_code error;
            auto handle = registry.start(static_cast<int>(thread) * 1'000'000 + i, one_beat<ThreadRegistry>(), error);
            if (error == make_error_code(errc::shut_down)) break;
            handles[thread].push_back(std::move(handle));
          }
          refused.add();
        });
      }
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
          if (registry.shutdown(generous)) shut_down.add();
        });
      }
    }
    std::size_t started = 0;
    for (const auto& some : handles) {
      started += some.size();
      for (const auto& handle : some)
        BOOST_TEST(why(handle) == "shut_down");
    }
    BOOST_TEST(refused.count() == 2);
    BOOST_TEST(shut_down.count() == 2);
    BOOST_TEST(log.count(EventKind::ended) == started);
  }
}

// Works that the executor never ran are dropped, and free what they hold.
BOOST_AUTO_TEST_CASE(an_executor_that_dies_with_works_queued_drops_them) {
  std::optional<Handle> handle;
  {
    World world;
    std::stop_source parent;
    Options child = at_once();
    child.parent = parent.get_token();
    handle = world.registry->start(7, child);
    parent.request_stop();
    world.registry.reset();
  }
  BOOST_TEST(why(*handle) == "shut_down");
}

BOOST_AUTO_TEST_SUITE_END()
