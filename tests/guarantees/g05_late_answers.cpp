// SPDX-License-Identifier: BSL-1.0
// G5: a late answer of an old generation never touches the new heartbeat of the same key; nor does anything else that
// still knows the old one: its handle, its callbacks, its close call (F15, F31, K20).
//
//   expected   gen 1: beat ------ stop          late answer: counted, ignored
//              gen 2:                   beat ------- its own answer
// Read next: g05_closes_and_starts.cpp, closes and the next generation; g06_nothing_runs_after_shutdown.cpp, answers
// that come even later.
#include <atomic>
#include <mutex>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g05_late_answers)

BOOST_AUTO_TEST_CASE(a_late_answer_of_an_old_generation_is_ignored) {
  for (const auto& late : {BeatResult::gone(), BeatResult::acknowledged(), BeatResult::failed({}, {}, false)}) {
    World world;
    world.transport.on(7).held().times(2);
    Handle old = world.registry->start(7, without_close());
    world.executor.run_for(1s);
    old.stop();
    Handle young = world.registry->start(7, without_close());
    world.executor.run_for(1s);
    BOOST_TEST_REQUIRE(world.transport.unanswered(7) == 2U);

    world.transport.answer(7, late);  // the older one
    world.executor.run_for(1s);

    BOOST_TEST(why(young) == "running");
    BOOST_TEST(!young.valid());
    BOOST_TEST((world.registry->status(7)->state == HeartbeatState::in_flight));
    BOOST_TEST(world.registry->statistics().late_answers == 1U);
    world.transport.answer(7, BeatResult::acknowledged());
    BOOST_TEST(young.valid());
    BOOST_TEST(valid_until(young) == 30s);  // sent at 1 s
  }
}

BOOST_AUTO_TEST_CASE(a_late_answer_of_a_beat_that_timed_out_does_not_answer_the_retry) {
  World world;
  Options options = at_once();
  options.beat_timeout = 1s;
  world.transport.on(7).held().times(2);
  const Handle handle = world.registry->start(7, options);
  world.executor.run_for(1s);
  for (int i = 0; i < 100 && world.transport.unanswered(7) < 2; ++i)
    world.executor.run_for(10ms);
  BOOST_TEST_REQUIRE(world.transport.unanswered(7) == 2U);

  world.transport.answer(7, BeatResult::acknowledged());  // the first one's

  BOOST_TEST(!handle.valid());
  BOOST_TEST(world.registry->statistics().late_answers == 1U);
}

BOOST_AUTO_TEST_CASE(stopping_an_old_generation_leaves_the_new_one_alone) {
  World world;
  Handle old = world.registry->start(7, without_close());
  old.stop();
  const Handle young = world.registry->start(7, without_close());

  BOOST_TEST(!old.stop());
  BOOST_TEST(!world.registry->stop(7, old.generation()));
  BOOST_TEST(!world.registry->stop(7, Handle{}.generation()));
  old = Handle{};  // its death stops nothing

  BOOST_TEST(why(young) == "running");
  BOOST_TEST(world.registry->stop(7, young.generation()));
  BOOST_TEST(why(young) == "stopped");
}

BOOST_AUTO_TEST_CASE(an_event_tells_the_generations_apart) {
  World world;
  Handle old = world.registry->start(7, at_once());
  old.stop();
  Handle young = world.registry->start(7, at_once());
  BOOST_TEST(old.generation() != young.generation());

  world.executor.run_for(1s);

  for (const auto& event : world.log.of_kind(EventKind::ended))
    BOOST_TEST(event.generation == old.generation());
  for (const auto& event : world.log.of_kind(EventKind::acknowledged)) {
    BOOST_TEST(event.generation == young.generation());
  }
}

BOOST_AUTO_TEST_CASE(the_late_answer_of_a_close_does_not_reach_the_next_generation) {
  World world;
  world.transport.on_close(7).held();
  world.registry->start(7, at_once()).stop();
  world.executor.run_for(6s);  // timed out
  const Handle young = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  world.transport.answer_close(7);
  world.executor.run_for(1s);

  BOOST_TEST(young.valid());
  BOOST_TEST(why(young) == "running");
  BOOST_TEST(world.registry->statistics().late_answers == 1U);
}

// Answers come from another thread, as late as it likes; each says gone, so one that reached a new generation would
// end it. The new generation's own beat is never answered.
BOOST_AUTO_TEST_CASE(late_answers_from_other_threads_end_no_new_generation) {
  constexpr int rounds = 300;
  std::mutex mutex;
  std::vector<BeatCompletion> old_ones;
  std::vector<BeatCompletion> kept;
  std::atomic<bool> is_last{false};
  Tally calls;
  ThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
    const std::lock_guard lock{mutex};
    (is_last ? kept : old_ones).push_back(std::move(completion));
    calls.add();
  })};
  std::atomic<bool> is_over{false};
  std::jthread server{[&] {
    while (!is_over) {
      std::vector<BeatCompletion> taken;
      {
        const std::lock_guard lock{mutex};
        taken.swap(old_ones);
      }
      if (taken.empty()) std::this_thread::yield();
      for (BeatCompletion& completion : taken)
        completion(BeatResult::gone());
    }
  }};
  for (int round = 1; round <= rounds; ++round) {
    auto handle = registry.start(7, one_beat<ThreadRegistry>());
    BOOST_TEST_REQUIRE(calls.reaches(round));
  }
  is_last = true;
  auto last = registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST_REQUIRE(calls.reaches(rounds + 1));
  is_over = true;
  server.join();

  BOOST_TEST(why(last) == "running");
  const Statistics books = registry.statistics();
  BOOST_TEST(books.started == books.running + books.ended_for(EndReason::stopped) + books.ended_for(EndReason::gone));
}

BOOST_AUTO_TEST_SUITE_END()
