// SPDX-License-Identifier: BSL-1.0
// G18: when the process itself was away, validity is judged honestly and at once, the gap is reported as such, but the
// end waits for one fresh beat, sent at once: the server may still know the session. No burst follows.
//
//   expected   ack 0 s ----- (away from 1 s to 61 s) ----- one beat at 61 s, its answer decides; the next at 65 s
//   actual     ack 0 s ----- (away from 1 s to 61 s) ----- 61 s, 65 s
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g18_time_gap)

BOOST_AUTO_TEST_CASE(g18_a_session_that_the_server_still_knows_survives_a_gap_without_a_burst) {
  World world;
  world.transport.otherwise().acknowledge().after(1ms);
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  world.clock.advance(60s);
  BOOST_TEST(!beat.valid());
  world.executor.run_for(9s);

  BOOST_TEST(beat.valid());
  BOOST_TEST((world.sent(7) == std::vector<std::chrono::nanoseconds>{0s, 61s, 65s, 70s}));
  BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 1U);
  BOOST_TEST(world.log.count(heartbeat::EventKind::recovered) == 1U);
  BOOST_TEST(world.registry->statistics().time_gaps == 1U);
}

// Valid for 460 ms; a pause that costs the session is shorter than the threshold of the registry, which is a second.
Options short_ttl() {
  return {.interval = 100ms, .ttl = 500ms, .first_beat = heartbeat::FirstBeat::now};
}

BOOST_AUTO_TEST_CASE(g18_a_short_ttl_survives_a_pause_of_its_length) {
  World world;
  world.transport.otherwise().acknowledge().after(1ms);
  const Handle beat = world.registry->start(7, short_ttl());
  world.executor.run_for(150ms);

  world.clock.advance(600ms);
  BOOST_TEST(!beat.valid());
  world.executor.run_for(100ms);

  BOOST_TEST(beat.valid());
  BOOST_TEST((world.sent(7) == std::vector<std::chrono::nanoseconds>{0s, 100ms, 750ms, 850ms}));
  BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 1U);
  BOOST_TEST(world.registry->statistics().time_gaps == 1U);
}

BOOST_AUTO_TEST_CASE(g18_a_short_ttl_that_a_server_told_survives_it_too) {
  World world;
  world.transport.otherwise().acknowledge(1s).after(1ms);  // valid for 500 ms
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(10s);

  world.clock.advance(700ms);
  world.executor.run_for(100ms);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 1U);
}

BOOST_AUTO_TEST_CASE(g18_a_sweep_after_a_pause_ends_no_short_ttl_either) {
  World world;
  const Handle beat = world.registry->start(7, short_ttl());
  world.executor.run_for(150ms);

  world.clock.advance(600ms);
  BOOST_TEST(world.registry->sweep().empty());
  world.executor.run_for(100ms);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.registry->statistics().time_gaps == 1U);
}

// A beat that nobody answers, and wake-ups that are a tick or two late: that is the server's fault.
BOOST_AUTO_TEST_CASE(g18_a_short_ttl_whose_server_is_dead_stalls_on_time) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().never();
  const Handle beat = world.registry->start(7, short_ttl());

  for (int tick = 0; tick < 240; ++tick) {
    world.clock.advance(2ms);
    world.executor.run_ready();
  }

  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST(world.registry->statistics().time_gaps == 0U);
}

// Where the fresh beat was answered before the sink had been told of anything, gap and recovery once cancelled out; so
// the owner heard of a gap or not, by the order in which the executor ran what was ready.
BOOST_AUTO_TEST_CASE(g18_a_gap_is_told_however_soon_the_fresh_beat_is_answered) {
  using enum heartbeat::EventKind;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world{{.seed = 1, .shards = 1}, seed};
    const Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(1s);
    world.log.clear();

    world.clock.advance(60s);
    world.executor.run_ready();

    BOOST_TEST(beat.valid());
    BOOST_CHECK((world.log.kinds(7) == std::vector{time_gap, acknowledged, recovered}));
  }
}

BOOST_AUTO_TEST_CASE(g18_the_one_fresh_beat_decides) {
  for (const bool answers : {true, false}) {
    World world;
    const Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(1s);
    if (answers) {
      world.transport.otherwise().fail();
    } else {
      world.transport.otherwise().never();
    }

    world.clock.advance(60s);
    world.executor.run_for(10s);

    BOOST_TEST(why(beat) == "stalled");
    BOOST_TEST(world.sent(7).size() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(g18_a_beat_in_flight_during_the_gap_is_given_up_for_a_fresh_one) {
  World world;
  world.transport.on(7).acknowledge().then().never();
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(6s);

  world.clock.advance(60s);
  world.executor.run_for(1s);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.sent(7).size() == 3U);
}

BOOST_AUTO_TEST_CASE(g18_an_endless_row_of_gaps_does_not_postpone_the_end_for_ever) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().fail();
  const Handle beat = world.registry->start(7, at_once());

  for (int gap = 0; gap < 10; ++gap) {
    world.clock.advance(20s);
    world.executor.run_ready();
  }

  BOOST_TEST(why(beat) == "stalled");
}

BOOST_AUTO_TEST_CASE(g18_an_idle_registry_has_no_gap) {
  World world;
  world.executor.run_for(10h);
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(10s);

  BOOST_TEST(world.registry->statistics().time_gaps == 0U);
  BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_CASE(g18_a_gap_within_validity_changes_nothing_but_the_count) {
  World world;
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(6s);

  world.clock.advance(20s);
  BOOST_TEST(beat.valid());
  world.executor.run_for(5s);

  BOOST_TEST(why(beat) == "running");
  BOOST_TEST((world.sent(7) == std::vector<std::chrono::nanoseconds>{0s, 5s, 26s, 30s}));
  BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 0U);
  BOOST_TEST(world.registry->statistics().time_gaps == 1U);
}

// Starting after a long rest wakes a wheel that stood still: that is not a gap either, and no grace follows from it.
BOOST_AUTO_TEST_CASE(g18_a_start_after_a_long_rest_is_no_gap) {
  for (const auto rest : {30min, 60min, 600min, 60'000min}) {
    World world;
    world.executor.run_for(rest);
    world.transport.on(7).never().always();
    const Handle beat = world.registry->start(7, {.interval = 5s, .ttl = 30s});

    world.executor.run_for(1min);

    BOOST_TEST(world.registry->statistics().time_gaps == 0U);
    BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 0U);
    BOOST_TEST((world.log.of_kind(heartbeat::EventKind::ended).front().at.time_since_epoch() == rest + 29s));
  }
}

// The owner was away too, and gets until the next beat to show progress; without it the fresh beat is never sent.
BOOST_AUTO_TEST_CASE(g18_who_shows_no_progress_after_a_gap_stalls) {
  for (const bool goes_on : {false, true}) {
    World world;
    Options options = at_once();
    options.progress_within = 7s;
    Handle beat = world.registry->start(7, options);
    world.executor.run_for(1s);

    world.clock.advance(60s);
    world.executor.run_for(2s);
    BOOST_TEST(why(beat) == "running");
    if (goes_on) beat.progress();
    world.executor.run_for(5s);

    BOOST_TEST(why(beat) == (goes_on ? "running" : "stalled"));
    BOOST_TEST(beat.valid() == goes_on);
    BOOST_TEST(world.sent(7).size() == (goes_on ? 3U : 1U));
  }
}

BOOST_AUTO_TEST_CASE(g18_a_thousand_fresh_beats_are_one_each) {
  World world{{.seed = 1, .shards = 4}};
  std::vector<Handle> beats;
  for (int key = 0; key < 1000; ++key)
    beats.push_back(world.registry->start(key, at_once()));
  world.executor.run_for(1s);

  world.clock.advance(10min);
  world.executor.run_for(1s);

  BOOST_TEST(world.transport.beats().size() == 2000U);
  for (const Handle& beat : beats)
    BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_SUITE_END()
