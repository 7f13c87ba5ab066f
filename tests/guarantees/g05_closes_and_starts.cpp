// SPDX-License-Identifier: BSL-1.0
// F15: the close of a heartbeat that has ended, its beat that may still be in flight, and the next heartbeat of the
// same key. The server here executes what reaches it when it comes, as real ones do: a close that comes late closes
// whatever has that name by then.
//
//   recipe    stop ---- close executed, confirmed    open    start
//   refused   stop ---- close on its way ---- start: close_on_its_way
//   withdrawn stop, start before the close was sent: no close
// Read next: g06_closes_at_the_end.cpp, closes when the registry goes.
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// Knows sessions by name. A call reaches it after `way`, and its answer the client as long after that; a beat of a
// server that `sets` makes the session anew, as a key with a time to live is set.
class Server {
 public:
  Server(ManualExecutor executor, bool sets) : executor_{std::move(executor)}, sets_{sets} {}

  void open(int name) { sessions_[name] = true; }
  [[nodiscard]] bool has(int name) const {
    const auto found = sessions_.find(name);
    return found != sessions_.end() && found->second;
  }

  void beat(int name, BeatCompletion completion) {
    arrive(way_of_beats, std::move(completion), [this, name] {
      if (sets_) sessions_[name] = true;
      return has(name) ? BeatResult::acknowledged() : BeatResult::gone();
    });
  }
  void close(int name, CloseCompletion completion) {
    ++closes;
    const std::error_code error = failing_closes > 0 ? std::make_error_code(std::errc::io_error) : std::error_code{};
    if (failing_closes > 0) --failing_closes;
    executor_.run_after(way_of_closes, [this, name, error, held = std::move(completion)]() mutable {
      if (!error) sessions_[name] = false;
      ++executed_closes;
      if (!answers_closes) return lost_.push_back(std::move(held));
      executor_.run_after(way_of_closes, [error, back = std::move(held)]() mutable { back(error); });
    });
  }

  std::chrono::milliseconds way_of_beats{5};
  std::chrono::milliseconds way_of_closes{5};
  bool answers_closes = true;
  int failing_closes = 0;
  int closes = 0;
  int executed_closes = 0;

 private:
  template <class Completion, class Fn>
  void arrive(std::chrono::milliseconds way, Completion completion, Fn fn) {
    executor_.run_after(way, [this, way, fn, held = std::move(completion)]() mutable {
      executor_.run_after(way, [result = fn(), back = std::move(held)]() mutable { back(result); });
    });
  }

  ManualExecutor executor_;
  const bool sets_;
  std::map<int, bool> sessions_;
  std::vector<CloseCompletion> lost_;
};

struct ServerTransport {
  void async_beat(const int& key, const BeatContext&, BeatCompletion completion) {
    server->beat(key, std::move(completion));
  }
  void async_close(const int& key, const BeatContext&, CloseCompletion completion) {
    server->close(key, std::move(completion));
  }

  std::shared_ptr<Server> server;
};

using ServedRegistry = HeartbeatRegistry<int, ServerTransport, ManualClock, ManualExecutor>;

struct ServedWorld {
  explicit ServedWorld(bool sets = false, RegistryOptions options = {.seed = 1, .shards = 1})
      : executor{clock, 1},
        server{std::make_shared<Server>(executor, sets)},
        registry{ServerTransport{server}, clock, executor, log, options} {}

  // Opens the session and keeps it, as an owner does who knows when it was granted.
  [[nodiscard]] Handle open_and_start(int key, Options options = at_once()) {
    server->open(key);
    options.granted_at = clock.now();
    return registry.start(key, options);
  }
  [[nodiscard]] std::error_code refusal(int key, Options options = at_once()) {
    std::error_code error;
    const Handle refused = registry.start(key, options, error);
    return error;
  }

  ManualClock clock;
  ManualExecutor executor;
  std::shared_ptr<Server> server;
  Log log;
  ServedRegistry registry;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(g05_closes_and_starts)

// --- the old close and the new session

BOOST_AUTO_TEST_CASE(stopped_closed_opened_and_started_a_session_lives) {
  ServedWorld world;
  Handle session = world.open_and_start(7);
  for (int round = 0; round < 50; ++round) {
    world.executor.run_for(1s);
    session.stop();
    BOOST_TEST_REQUIRE(session.wait_for_close(1s));
    BOOST_TEST(!world.server->has(7));
    session = world.open_and_start(7);
    BOOST_TEST(session.valid());
  }
  world.executor.run_for(1min);

  BOOST_TEST(why(session) == "running");
  BOOST_TEST(world.server->closes == 50);
}

BOOST_AUTO_TEST_CASE(a_start_is_refused_while_a_close_of_its_key_is_on_its_way) {
  ServedWorld world;
  Handle session = world.open_and_start(7);
  world.executor.run_for(1s);
  session.stop();
  world.executor.run_for(1ms);  // sent, not executed yet
  world.server->open(7);

  BOOST_CHECK(world.refusal(7) == errc::close_on_its_way);
  BOOST_TEST(!world.registry.contains(7));
  const std::string words = make_error_code(errc::close_on_its_way).message();
  BOOST_TEST(words.find("wait_for_close") != std::string::npos);
  BOOST_TEST(!world.refusal(8), "other keys are free");

  BOOST_TEST(world.registry.wait_for_close(7, 1s));
  BOOST_TEST(!world.refusal(7));
}

BOOST_AUTO_TEST_CASE(a_start_withdraws_a_close_that_was_not_sent_yet) {
  ServedWorld world;
  Handle old = world.open_and_start(7);
  world.executor.run_for(1s);
  old.stop();

  const Handle session = world.open_and_start(7);
  world.executor.run_for(1min);

  BOOST_TEST(why(session) == "running");
  BOOST_TEST(world.server->closes == 0);
  BOOST_TEST(world.registry.statistics().closes_withdrawn == 1U);
  BOOST_TEST(!old.wait_for_close(1s), "its session was never closed");
}

BOOST_AUTO_TEST_CASE(a_start_withdraws_a_close_that_waits_for_its_beat) {
  ServedWorld world;
  world.server->way_of_beats = 2s;
  Handle old = world.open_and_start(7);
  world.executor.run_for(1s);
  old.stop();  // its first beat is in flight

  const Handle session = world.open_and_start(7);
  world.executor.run_for(1min);

  BOOST_TEST(why(session) == "running");
  BOOST_TEST(world.server->closes == 0);
  BOOST_TEST(world.registry.statistics().closes_withdrawn == 1U);
}

// The beat that the close waited for is cancelled then, by whoever stops: he may be the executor's only thread.
BOOST_AUTO_TEST_CASE(a_start_inside_the_end_withdraws_the_close_that_waits_for_its_beat) {
  World world;
  world.transport.watch_cancellation();
  world.transport.on(7).never();
  Handle old = world.registry->start(7, at_once());
  world.executor.run_for(1s);
  Handle next;
  const std::stop_callback on_end{old.stop_token(), [&] { next = world.registry->start(7, at_once()); }};

  old.stop();
  world.executor.run_ready();

  BOOST_TEST(why(next) == "running");
  BOOST_TEST(world.transport.beats_of(7).front().cancelled);
  BOOST_TEST(world.registry->statistics().closes_withdrawn == 1U);
}

BOOST_AUTO_TEST_CASE(what_replaces_a_heartbeat_goes_on_with_its_session) {
  ServedWorld world;
  world.executor.run_for(1s);
  Handle first = world.open_and_start(7);
  for (int round = 0; round < 50; ++round) {
    Options options = at_once();
    options.if_running = IfRunning::replace;
    Handle next = world.open_and_start(7, options);
    BOOST_TEST(why(first) == "stopped");
    first = std::move(next);
    world.executor.run_for(100ms);
  }
  world.executor.run_for(1min);

  BOOST_TEST(why(first) == "running");
  BOOST_TEST(world.server->closes == 0);
  BOOST_TEST(world.registry.statistics().closes_wanted == 0U);
}

BOOST_AUTO_TEST_CASE(the_end_says_whether_a_close_follows) {
  ServedWorld world;
  std::vector<bool> follows;
  ServedRegistry registry{ServerTransport{world.server}, world.clock, world.executor, [&](const auto& event) {
                            if (event.kind == EventKind::ended) follows.push_back(event.close_follows);
                          }};
  world.server->open(1);
  world.server->open(2);
  registry.start(1, at_once()).stop();
  world.executor.run_for(1s);
  registry.start(2, without_close()).stop();
  world.executor.run_for(1s);

  BOOST_TEST((follows == std::vector<bool>{true, false}));
}

// --- a close that is not answered

BOOST_AUTO_TEST_CASE(after_a_closes_timeout_the_key_is_free_and_valid_from_its_first_acknowledgement_alone) {
  ServedWorld world;
  world.server->answers_closes = false;
  Handle old = world.open_and_start(7);
  world.executor.run_for(1s);
  old.stop();
  world.executor.run_for(4s);
  BOOST_CHECK(world.refusal(7) == errc::close_on_its_way);
  world.executor.run_for(1s);  // the beat timeout

  const Handle session = world.open_and_start(7);

  BOOST_TEST(!session.valid(), "the close may come at any time");
  world.executor.run_for(1s);
  BOOST_TEST(session.valid());
}

// The least friendly of the legal options: the close may take as long as the session lives.
BOOST_AUTO_TEST_CASE(a_close_that_is_never_answered_costs_the_next_heartbeat_no_beat) {
  ServedWorld world;
  world.server->answers_closes = false;
  Options options = at_once();
  options.beat_timeout = options.ttl;
  world.open_and_start(7, options).stop();
  world.executor.run_for(30s);

  const Handle session = world.open_and_start(7, options);
  world.executor.run_for(1min);

  BOOST_TEST(session.valid());
  BOOST_TEST(why(session) == "running");
  BOOST_TEST(world.log.count(EventKind::acknowledged) >= 12U);
}

BOOST_AUTO_TEST_CASE(doubt_about_a_close_ends_a_ttl_after_the_end) {
  ServedWorld world;
  world.server->answers_closes = false;
  world.open_and_start(7).stop();
  world.executor.run_for(5s);
  Handle doubted = world.open_and_start(7);  // ends the repeats of the first close
  BOOST_TEST(!doubted.valid());
  world.server->answers_closes = true;
  doubted.stop();
  world.executor.run_for(1s);
  BOOST_TEST(!world.open_and_start(7).valid(), "the first close may still come");
  world.executor.run_for(30s);

  BOOST_TEST(world.open_and_start(7).valid());
}

// --- the beat in flight

// A beat sets the session: a close that overtakes it leaves a session that nobody keeps.
BOOST_AUTO_TEST_CASE(no_close_overtakes_a_beat_of_the_same_session) {
  ServedWorld world{true};
  world.server->way_of_beats = 500ms;
  Handle handle = world.registry.start(7, at_once());
  world.executor.run_for(100ms);
  BOOST_TEST_REQUIRE(world.registry.statistics().in_flight == 1U);

  handle.stop();
  world.executor.run_for(1min);

  BOOST_TEST(world.server->closes == 1);
  BOOST_TEST(!world.server->has(7));
}

BOOST_AUTO_TEST_CASE(a_close_waits_for_its_beat_until_that_has_timed_out) {
  World world;
  world.transport.watch_cancellation();
  world.transport.on(7).never();
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(1s);
  handle.stop();
  world.executor.run_for(3s);
  BOOST_TEST(world.transport.closes().empty());
  BOOST_TEST(!world.transport.beats_of(7).front().cancelled);

  world.executor.run_for(1s);

  BOOST_TEST_REQUIRE(world.transport.closes().size() == 1U);
  BOOST_TEST(world.transport.beats_of(7).front().cancelled);
  BOOST_TEST((world.transport.closes().front().at.time_since_epoch() == 5s));
}

BOOST_AUTO_TEST_CASE(the_beat_of_a_stalled_heartbeat_is_waited_for_too) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().never();
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(29s);
  BOOST_TEST_REQUIRE(why(handle) == "stalled");
  const auto last = world.transport.beats_of(7).back();
  world.executor.run_for(1min);

  BOOST_TEST_REQUIRE(world.transport.closes().size() >= 1U);
  BOOST_TEST((world.transport.closes().front().at >= last.at));
}

// --- repeats

BOOST_AUTO_TEST_CASE(a_close_that_failed_is_repeated_slowly_until_the_server_confirms_it) {
  ServedWorld world;
  world.server->failing_closes = 2;
  world.open_and_start(7).stop();
  world.executor.run_for(1s);
  BOOST_TEST(world.server->closes == 1);
  BOOST_TEST(world.server->has(7));

  world.executor.run_for(20s);

  BOOST_TEST(!world.server->has(7));
  BOOST_TEST(world.server->closes == 3);
  const Statistics books = world.registry.statistics();
  BOOST_TEST(books.closes_done == 1U);
  BOOST_TEST(books.closes_repeated == 2U);
}

BOOST_AUTO_TEST_CASE(no_close_is_repeated_once_the_ttl_has_passed) {
  ServedWorld world;
  world.server->failing_closes = 1000;
  world.open_and_start(7).stop();
  world.executor.run_for(31s);
  const int closes = world.server->closes;
  BOOST_TEST(closes >= 6);
  BOOST_TEST(closes <= 13);  // pauses of half an interval to a whole one

  world.executor.run_for(1h);

  BOOST_TEST(world.server->closes == closes);
  BOOST_TEST(world.registry.statistics().closes_failed == 1U);
}

BOOST_AUTO_TEST_CASE(a_repeat_never_makes_the_key_taken_and_a_start_ends_the_repeats) {
  ServedWorld world;
  world.server->failing_closes = 1;
  world.server->way_of_closes = 1s;
  world.open_and_start(7).stop();
  for (int i = 0; i < 200 && world.server->closes < 2; ++i)
    world.executor.run_for(50ms);
  BOOST_TEST_REQUIRE(world.server->closes == 2);  // the repeat is on its way

  const Handle session = world.open_and_start(7);

  BOOST_TEST(why(session) == "running");
  BOOST_TEST(!session.valid(), "the repeat may hit what was opened");
  world.executor.run_for(1min);
  BOOST_TEST(world.server->closes == 2);
  BOOST_TEST(world.registry.statistics().closes_failed == 1U);
}

BOOST_AUTO_TEST_CASE(a_start_after_a_close_that_failed_is_valid_at_once_and_not_closed) {
  ServedWorld world;
  world.server->failing_closes = 1000;
  world.open_and_start(7).stop();
  world.executor.run_for(1s);
  BOOST_TEST_REQUIRE(world.server->closes == 1);

  const Handle session = world.open_and_start(7);

  BOOST_TEST(session.valid());  // the server has answered: nothing is on its way
  world.executor.run_for(1min);
  BOOST_TEST(world.server->closes == 1);
  BOOST_TEST(why(session) == "running");
}

// --- waiting for one close

BOOST_AUTO_TEST_CASE(a_wait_says_whether_something_is_left_to_be_closed) {
  ServedWorld world;
  Handle handle = world.open_and_start(7);
  BOOST_TEST(!handle.wait_for_close(1s), "it runs");
  BOOST_TEST((world.clock.now().time_since_epoch() == 0s), "there is no close to wait for");
  BOOST_TEST(Handle{}.wait_for_close(1s));
  BOOST_TEST(world.registry.wait_for_close(8, 1s));

  handle.stop();
  BOOST_TEST(handle.wait_for_close(1s));
  BOOST_TEST((world.clock.now().time_since_epoch() < 100ms));
  BOOST_TEST(handle.wait_for_close(1s));

  Handle kept = world.registry.start(9, without_close());
  kept.stop();
  BOOST_TEST(kept.wait_for_close(1s), "no close was wanted");
}

BOOST_AUTO_TEST_CASE(a_wait_lasts_no_longer_than_its_grace_and_ends_the_repeats) {
  for (const bool by_key : {false, true}) {
    ServedWorld world;
    world.server->failing_closes = 1000;
    Handle handle = world.open_and_start(7);
    handle.stop();
    const auto wait = [&](Duration grace) {
      return by_key ? world.registry.wait_for_close(7, grace) : handle.wait_for_close(grace);
    };

    BOOST_TEST(!wait(1s));

    BOOST_TEST(world.server->closes == 1);
    BOOST_TEST((world.clock.now().time_since_epoch() <= 1s));
    world.executor.run_for(1h);
    BOOST_TEST(world.server->closes == 1);
    BOOST_TEST(world.registry.statistics().closes_failed == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_wait_with_time_for_it_sees_a_repeat_succeed) {
  ServedWorld world;
  world.server->failing_closes = 1;
  Handle handle = world.open_and_start(7);
  handle.stop();

  BOOST_TEST(handle.wait_for_close(20s));

  BOOST_TEST(world.server->closes == 2);
  BOOST_TEST((world.clock.now().time_since_epoch() < 10s));
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_over_leaves_the_close_that_is_on_its_way_alone) {
  ServedWorld world;
  world.server->way_of_closes = 2s;
  Handle handle = world.open_and_start(7);
  handle.stop();

  BOOST_TEST(!handle.wait_for_close(1s));
  BOOST_CHECK(world.refusal(7) == errc::close_on_its_way);
  world.executor.run_for(1min);

  BOOST_TEST(world.registry.statistics().closes_done == 1U);
}

// Nothing waits there (G15): it says how things stand.
BOOST_AUTO_TEST_CASE(a_wait_inside_a_callback_returns_at_once) {
  ServedWorld world;
  Handle handle = world.open_and_start(7);
  bool is_closed = true;
  {
    const std::stop_callback on_end{handle.stop_token(), [&] { is_closed = handle.wait_for_close(10s); }};
    handle.stop();
  }

  BOOST_TEST(!is_closed);
  BOOST_TEST((world.clock.now().time_since_epoch() == 0s));
  BOOST_TEST(handle.wait_for_close(10s), "it was sent all the same");
}

BOOST_AUTO_TEST_CASE(a_wait_on_a_real_thread_is_woken_by_the_answer) {
  Door closing;
  std::vector<CloseCompletion> held;
  std::mutex mutex;
  struct Transport {
    void async_beat(const int&, const BeatContext&, BeatCompletion completion) {
      completion(BeatResult::acknowledged());
    }
    void async_close(const int&, const BeatContext&, CloseCompletion completion) { close(std::move(completion)); }
    std::function<void(CloseCompletion)> close;
  };
  HeartbeatRegistry<int, Transport> registry{Transport{[&](CloseCompletion completion) {
    const std::lock_guard lock{mutex};
    held.push_back(std::move(completion));
    closing.open();
  }}};
  auto handle = registry.start(7);
  handle.stop();
  std::jthread server{[&] {
    if (!closing.wait("the close")) return;
    const std::lock_guard lock{mutex};
    held.front()({});
  }};

  BOOST_TEST(handle.wait_for_close(generous));
  BOOST_TEST(registry.wait_for_close(7, generous));
}

BOOST_AUTO_TEST_SUITE_END()
