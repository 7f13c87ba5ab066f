// SPDX-License-Identifier: BSL-1.0
// G2: after stop's state change no beat is claimed; when stop returns (outside callbacks) no initiation is running
// either. A beat in flight is asked to stop, and its answer is ignored.
//
//   expected   beat --- stop() . . . (late answer: ignored)
//   never      beat --- stop() -- beat --                     collected before the stop, sent after it
// Read next: g15_four_corners_of_stop.cpp.
#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g02_nothing_starts_after_stop)

BOOST_AUTO_TEST_CASE(no_beat_is_sent_after_stop) {
  World world;
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(12s);

  BOOST_TEST(handle.stop());
  world.executor.run_for(10min);

  BOOST_TEST(world.transport.beats().size() == 3U);
}

BOOST_AUTO_TEST_CASE(stop_by_key_does_the_same) {
  World world;
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(12s);

  BOOST_TEST(world.registry->stop(7));
  world.executor.run_for(10min);

  BOOST_TEST(world.transport.beats().size() == 3U);
  BOOST_TEST(why(handle) == "stopped");
}

BOOST_AUTO_TEST_CASE(a_beat_that_was_due_but_not_sent_is_not_sent) {
  World world;
  Handle handle = world.registry->start(7, at_once());

  handle.stop();  // before the executor ran at all
  world.executor.run_for(1min);

  BOOST_TEST(world.transport.beats().empty());
}

// Both are claimed in one slice; whichever is called first stops the other one. (F3)
BOOST_AUTO_TEST_CASE(a_beat_that_was_collected_together_with_the_one_whose_call_stops_it_is_not_sent) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    Handle one = world.registry->start(1, at_once());
    Handle two = world.registry->start(2, at_once());
    world.transport.on(1).calling([&] { two.stop(); }).acknowledge();
    world.transport.on(2).calling([&] { one.stop(); }).acknowledge();

    world.executor.run_for(1s);

    BOOST_TEST(world.transport.beats().size() == 1U);
    BOOST_TEST(world.registry->size() == 1U);
    BOOST_TEST(world.registry->statistics().sent == 2U);  // the claim counts; it is discarded
    BOOST_TEST(world.registry->statistics().discarded == 1U);
    BOOST_TEST(world.registry->statistics().late_answers == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_beat_in_flight_is_asked_to_stop_unless_a_close_follows) {
  for (const bool closes : {false, true}) {
    World world;
    world.transport.watch_cancellation();
    world.transport.on(7).held();
    Handle handle = world.registry->start(7, closes ? at_once() : without_close());
    world.executor.run_for(1s);

    handle.stop();

    BOOST_TEST(world.transport.beats_of(7).front().cancelled == !closes);
  }
}

// So whoever hears of the end finds the beat's call cancelled already.
BOOST_AUTO_TEST_CASE(the_token_of_a_beat_in_flight_fires_before_the_heartbeats) {
  ManualClock clock;
  ManualExecutor executor{clock};
  std::vector<std::string> fired;
  std::optional<BeatCompletion> unanswered;
  const auto note_beat = [&] { fired.emplace_back("beat"); };
  const auto note_heartbeat = [&] { fired.emplace_back("heartbeat"); };
  std::optional<std::stop_callback<decltype(note_beat)>> of_beat;
  using Inline = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;
  Inline registry{answering([&](const int&, const BeatContext& context, BeatCompletion completion) {
                    of_beat.emplace(context.stop_token(), note_beat);
                    unanswered.emplace(std::move(completion));
                  }),
                  clock, executor};
  Inline::Options options;
  options.first_beat = FirstBeat::now;
  Inline::Handle handle = registry.start(7, options);
  const std::stop_callback of_heartbeat{handle.stop_token(), note_heartbeat};
  executor.run_for(1s);

  handle.stop();

  BOOST_TEST(fired == (std::vector<std::string>{"beat", "heartbeat"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_answer_of_a_stopped_beat_is_ignored) {
  for (const auto& result : {BeatResult::acknowledged(), BeatResult::gone(), BeatResult::failed({}, "no", false)}) {
    World world;
    world.transport.on(7).held();
    Handle handle = world.registry->start(7, at_once());
    world.executor.run_for(1s);
    handle.stop();

    world.transport.answer(7, result);
    world.executor.run_for(1min);

    BOOST_TEST(why(handle) == "stopped");
    BOOST_TEST(!handle.valid());
    BOOST_TEST(world.registry->statistics().late_answers == 1U);
    BOOST_TEST(world.registry->statistics().discarded == 1U);
    BOOST_TEST(world.registry->statistics().acknowledged == 0U);
    BOOST_TEST(world.log.count(EventKind::acknowledged) == 0U);
    BOOST_TEST(world.log.count(EventKind::ended) == 1U);
  }
}

// The transport pauses inside the call until its token says that the stop is under way, and then some.
BOOST_AUTO_TEST_CASE(stop_returns_only_after_the_call_in_progress_has_returned) {
  for (int round = 0; round < 50; ++round) {
    Door entered;
    std::atomic<bool> has_left{false};
    ThreadRegistry registry{answering([&](const int&, const BeatContext& context, BeatCompletion completion) {
      Door stopping;
      const std::stop_callback on_stop{context.stop_token(), [&] { stopping.open(); }};
      entered.open();
      stopping.wait();
      for (int i = 0; i < 200; ++i)
        std::this_thread::yield();
      completion(BeatResult::acknowledged());
      has_left = true;
    })};
    auto handle = registry.start(7, one_beat<ThreadRegistry>());
    BOOST_TEST_REQUIRE(entered.wait());

    const bool did_stop = handle.stop();

    BOOST_TEST(has_left.load());
    BOOST_TEST(did_stop);
  }
}

// Sessions are closed by their owner the moment stop returns: no call may touch them afterwards.
BOOST_AUTO_TEST_CASE(no_call_runs_or_begins_after_stop_returned_though_many_threads_start_and_stop) {
  constexpr int threads = 4;
  constexpr int keys = 200;
  std::vector<std::atomic<bool>> is_closed(threads * keys);
  std::vector<std::atomic<bool>> is_entered(threads * keys);
  std::atomic<int> touched_closed{0};
  {
    ThreadRegistry registry{answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
      is_entered[static_cast<std::size_t>(key)] = true;
      is_entered[static_cast<std::size_t>(key)].notify_all();
      const auto& closed = is_closed[static_cast<std::size_t>(key)];
      if (closed) ++touched_closed;
      std::this_thread::yield();
      if (closed) ++touched_closed;
      completion(BeatResult::acknowledged());
    })};
    std::vector<std::jthread> owners;
    for (int thread = 0; thread < threads; ++thread) {
      owners.emplace_back([&, thread] {
        auto options = one_beat<ThreadRegistry>();
        for (int i = 0; i < keys; ++i) {
          const int key = thread * keys + i;
          auto handle = registry.start(key, options);
          if (key % 3 != 0) is_entered[static_cast<std::size_t>(key)].wait(false);  // stop while it is being called
          handle.stop();
          is_closed[static_cast<std::size_t>(key)] = true;
        }
      });
    }
  }
  BOOST_TEST(touched_closed.load() == 0);
}

// A blocking call that was claimed before the stop is not waited for: it finds its token requested.
BOOST_AUTO_TEST_CASE(a_blocking_call_in_progress_has_its_token_requested_when_stop_returns) {
  Door entered;
  Door leave;
  std::atomic<bool> has_left{false};
  std::optional<std::stop_token> token;
  {
    BlockingRegistry registry{blocking([&](const int&, const BeatContext& context) {
      token = context.stop_token();
      entered.open();
      leave.wait();
      has_left = true;
      return BeatResult::acknowledged();
    })};
    auto handle = registry.start(7, one_beat<BlockingRegistry>());
    BOOST_TEST_REQUIRE(entered.wait());

    handle.stop();

    BOOST_TEST(token->stop_requested());
    BOOST_TEST(!has_left.load());
    leave.open();
  }
  BOOST_TEST(has_left.load());
}

BOOST_AUTO_TEST_SUITE_END()
