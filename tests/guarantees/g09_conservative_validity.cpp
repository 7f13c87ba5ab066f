// SPDX-License-Identifier: BSL-1.0
// G9: validity is conservative: it counts from the moment of sending the latest acknowledged beat of this generation,
// and never moves backward under an unchanged ttl; a server that shortens the ttl shortens it at once (F19, K15).
//
//   send     ack                                expected   valid until
//   |--------|-------------------------------------------------|-margin-|  server forgets
//   never    |--------------------------------------------------------------|  counted from the answer
// Read next: g16_valid_until.cpp, what happens there.
#include <limits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g09_conservative_validity)

BOOST_AUTO_TEST_CASE(it_counts_from_the_sending_and_not_from_the_answer) {
  World world;
  world.transport.on(7).acknowledge().after(3s);
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(4s);

  BOOST_TEST((valid_until(handle) == 29s));  // 30 s less a margin of 1 s, from 0 s on
}

BOOST_AUTO_TEST_CASE(before_the_first_acknowledgement_nothing_is_valid) {
  World world;
  world.transport.on(7).held();
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  BOOST_TEST(!handle.valid());
  BOOST_TEST((handle.valid_until() == ManualClock::time_point::min()));
  BOOST_TEST(!world.registry->status(7)->valid_until.has_value());

  world.transport.answer(7, BeatResult::acknowledged());
  BOOST_TEST(handle.valid());
}

// F20, K17: what the server granted before counts from when it was asked for.
BOOST_AUTO_TEST_CASE(a_session_granted_before_is_valid_at_once) {
  World world;
  world.executor.run_for(10s);
  Options options = at_once();
  options.granted_at = ManualClock::time_point{6s};
  const Handle handle = world.registry->start(7, options);

  BOOST_TEST(handle.valid());
  BOOST_TEST((valid_until(handle) == 35s));
}

BOOST_AUTO_TEST_CASE(a_session_granted_too_long_ago_is_not_valid_and_stalls_at_once) {
  World world;
  world.executor.run_for(100s);
  Options options = at_once();
  options.granted_at = ManualClock::time_point{60s};
  options.first_beat = FirstBeat::spread;
  const Handle handle = world.registry->start(7, options);
  BOOST_TEST(!handle.valid());

  world.executor.run_for(1ms);

  BOOST_TEST(why(handle) == "stalled");
  BOOST_TEST(world.registry->statistics().time_gaps == 0U);
}

BOOST_AUTO_TEST_CASE(a_grant_in_the_future_is_refused) {
  World world;
  Options options = at_once();
  options.granted_at = ManualClock::time_point{1s};
  std::error_code error;

  BOOST_TEST(!world.registry->start(7, options, error));
  BOOST_TEST(error == make_error_code(errc::granted_in_the_future));
}

BOOST_AUTO_TEST_CASE(failed_beats_do_not_move_it) {
  World world;
  world.transport.on(7).acknowledge().then().fail().always();
  const Handle handle = world.registry->start(7, at_once());
  for (int second = 0; second < 28; ++second) {
    world.executor.run_for(1s);
    BOOST_TEST((valid_until(handle) == 29s));
  }
  BOOST_TEST(handle.valid());
}

BOOST_AUTO_TEST_CASE(the_late_answer_of_a_beat_that_timed_out_does_not_move_it) {
  World world;
  world.transport.on(7).acknowledge().then().held();
  world.transport.on(7).never().always();
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(20s);
  BOOST_TEST_REQUIRE(world.transport.unanswered(7) == 1U);

  world.transport.answer(7, BeatResult::acknowledged());

  BOOST_TEST((valid_until(handle) == 29s));
}

BOOST_AUTO_TEST_CASE(it_never_moves_backward_while_the_ttl_stays) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    for (std::uint64_t i = 0; i < 40; ++i) {
      const std::chrono::milliseconds delay{(seed * 977 + i * 1231) % 4900};
      if ((seed + i) % 3 == 0) {
        world.transport.on(7).fail().after(delay);
      } else {
        world.transport.on(7).acknowledge().after(delay);
      }
    }
    const Handle handle = world.registry->start(7, at_once());
    auto before = handle.valid_until();
    for (int step = 0; step < 1000; ++step) {
      world.executor.run_for(100ms);
      BOOST_TEST((handle.valid_until() >= before));
      before = handle.valid_until();
    }
    BOOST_TEST(handle.valid());
  }
}

// F19: 30 s were granted at 0 s; at 5 s the server says that it keeps the session for 5 s only.
BOOST_AUTO_TEST_CASE(a_shorter_ttl_counts_at_once) {
  World world;
  world.transport.on(7).acknowledge().then().acknowledge(5s).always();
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(4s);
  BOOST_TEST((valid_until(handle) == 29s));

  world.executor.run_for(1s);

  BOOST_TEST((valid_until(handle) == 9s));
}

BOOST_AUTO_TEST_CASE(a_shorter_ttl_shortens_the_interval_so_that_the_session_lives) {
  World world;
  world.transport.on(7).acknowledge(5s).always();
  const Handle handle = world.registry->start(7, at_once());

  for (int step = 0; step < 600; ++step) {
    world.executor.run_for(100ms);
    BOOST_TEST(handle.valid());
  }

  BOOST_TEST(why(handle) == "running");
  BOOST_TEST(world.log.count(EventKind::jeopardy) == 0U);
  BOOST_TEST(world.transport.beats().size() <= 62U);  // about one a second, no hot loop
}

BOOST_AUTO_TEST_CASE(a_longer_ttl_counts_too_and_the_interval_follows_if_asked_for) {
  for (const bool follow : {false, true}) {
    World world;
    Options options = at_once();
    options.follow_server_ttl = follow;
    world.transport.on(7).acknowledge(300s).always();
    const Handle handle = world.registry->start(7, options);

    world.executor.run_for(500s);

    BOOST_TEST(handle.valid());
    BOOST_TEST((world.transport.beats().size() > 90U) == !follow);
    BOOST_TEST((world.transport.beats().size() < 15U) == follow);
  }
}

// K22: nonsense from the server is a failed beat, never a wait of zero.
BOOST_AUTO_TEST_CASE(a_ttl_that_makes_no_sense_is_a_failed_beat) {
  for (const Duration ttl : {Duration{0s}, Duration{-5s}, Duration{std::chrono::hours::max()}}) {
    World world;
    world.transport.on(7).acknowledge().then().acknowledge(ttl).always();
    const Handle handle = world.registry->start(7, at_once());

    world.executor.run_for(28s);

    BOOST_TEST((valid_until(handle) == 29s));
    BOOST_TEST(world.registry->statistics().failed > 0U);
    BOOST_TEST(world.transport.beats().size() < 60U);
    const auto missed = world.log.of_kind(EventKind::missed);
    BOOST_TEST_REQUIRE(!missed.empty());
    BOOST_TEST(missed.front().error == make_error_code(errc::bad_ttl));
  }
}

BOOST_AUTO_TEST_CASE(after_the_end_nothing_is_valid) {
  World world;
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(1s);
  BOOST_TEST(handle.valid());

  handle.stop();

  BOOST_TEST(!handle.valid());
  BOOST_TEST((handle.valid_until() == ManualClock::time_point::min()));
}

// F44: "for ever" is far away, not in the past.
BOOST_AUTO_TEST_CASE(endless_durations_are_long_and_not_negative) {
  for (const Duration endless : {Duration{std::chrono::hours::max()}, Duration{std::chrono::nanoseconds::max()},
                                 Duration{std::chrono::duration<double>{std::numeric_limits<double>::infinity()}}}) {
    World world;
    Options options{.interval = 5s, .ttl = endless, .beat_timeout = endless, .first_beat = FirstBeat::now};
    options.backoff.maximum = endless;
    options.progress_within = endless;
    world.transport.on(7).acknowledge().then().fail().times(10);
    const Handle handle = world.registry->start(7, options);

    world.executor.run_for(10h);

    BOOST_TEST(handle.valid());
    BOOST_TEST((valid_until(handle) > 24h * 365 * 99));
    BOOST_TEST(world.registry->statistics().failed == 10U);
    BOOST_TEST(world.transport.beats().size() < 7300U);
  }
}

BOOST_AUTO_TEST_CASE(an_endless_interval_is_refused_or_kept_but_never_a_hot_loop) {
  for (const Duration endless : {Duration{std::chrono::hours::max()}, Duration{std::chrono::nanoseconds::max()}}) {
    World world;
    std::error_code error;
    BOOST_TEST(!world.registry->start(7, {.interval = endless, .ttl = endless}, error));
    BOOST_TEST(error == make_error_code(errc::ttl_not_above_interval));

    const Options options{.interval = 24h * 365 * 50, .ttl = endless, .first_beat = FirstBeat::now};
    const Handle handle = world.registry->start(7, options);
    world.executor.run_for(24h * 365);
    BOOST_TEST(handle.valid());
    BOOST_TEST(world.transport.beats().size() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
