// SPDX-License-Identifier: BSL-1.0
// G9: validity is conservative: it counts from the moment of sending the latest acknowledged beat of this generation,
// and never moves backward under an unchanged ttl; a server that shortens the ttl shortens it at once (F19, K15).
//
//   send     ack                                expected   valid until
//   |--------|-------------------------------------------------|-margin-|  server forgets
//   never    |--------------------------------------------------------------|  counted from the answer
// Read next: g16_valid_until.cpp, what happens there.
#include <chrono>
#include <cmath>
#include <cstddef>
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

// A server that tells what remains never tells the same twice: valid until follows each, and the beats none of them.
BOOST_AUTO_TEST_CASE(a_ttl_that_varies_a_little_moves_no_beat) {
  struct Case {
    Duration interval;
    Duration told;
    bool follows;
  };
  for (const auto& [interval, told, follows] :
       {Case{10s, 30s, false}, Case{5s, 10s, false}, Case{5s, 60s, true}, Case{29s, 30s, false}}) {
    Options options = at_once();
    options.interval = interval;
    options.follow_server_ttl = follows;
    options.safety_margin = 100ms;
    std::vector<std::vector<std::chrono::nanoseconds>> sent;
    std::chrono::nanoseconds end{};
    for (const double waver : {0.0, 0.003}) {
      World world;
      for (int beat = 0; beat < 1200; ++beat) {
        const double share = 1 + ((beat + 1) % 3 - 1) * waver;
        world.transport.on(7).acknowledge(
            std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(told.count()) * share)});
      }
      const Handle handle = world.registry->start(7, options);
      while (world.now() < end || (waver == 0 && world.transport.beats().size() < 1000))
        world.executor.run_for(10 * std::chrono::nanoseconds{interval});
      end = world.now();
      BOOST_TEST(handle.valid());
      sent.push_back(world.sent(7));
    }
    const std::vector<std::chrono::nanoseconds>& beats = sent[1];

    BOOST_TEST(beats.size() + 1 >= sent[0].size());
    BOOST_TEST(beats.size() <= sent[0].size() + 1);
    const double each = static_cast<double>((beats.back() - beats[1]).count()) / static_cast<double>(beats.size() - 2);
    for (std::size_t beat = 2; beat < beats.size(); ++beat) {  // a grid of its own from the first answer on
      const double off = static_cast<double>((beats[beat] - beats[1]).count()) - each * static_cast<double>(beat - 1);
      BOOST_REQUIRE(std::abs(off) < 2e6);
    }
  }
}

// Alternating with none, which means the one that was asked for.
BOOST_AUTO_TEST_CASE(a_ttl_that_is_told_by_every_second_answer_moves_no_beat) {
  World world;
  Options options = at_once();
  options.interval = 10s;
  for (int beat = 0; beat < 100; ++beat)
    world.transport.on(7).acknowledge(29'900ms).then().acknowledge();
  const Handle handle = world.registry->start(7, options);

  world.executor.run_for(1000s - 1ms);

  BOOST_TEST(handle.valid());
  BOOST_TEST(world.sent(7).size() == 100U);
}

// 30 s, 29 s, … 3 s: the interval shrinks by more than a tenth, or not at all.
BOOST_AUTO_TEST_CASE(a_remaining_time_that_runs_out_makes_few_grids) {
  World world;
  for (int left = 30; left > 2; --left)
    world.transport.on(7).acknowledge(std::chrono::seconds{left});
  world.transport.otherwise().acknowledge();
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(150s);

  const std::vector<std::chrono::nanoseconds> sent = world.sent(7);
  BOOST_TEST(handle.valid());
  for (std::size_t beat = 1; beat < 10; ++beat)
    BOOST_TEST((sent[beat] == 5s * static_cast<int>(beat)));  // down to 21 s
  int grids = 0;
  for (std::size_t beat = 11; beat < 28; ++beat)
    grids += std::chrono::abs((sent[beat] - sent[beat - 1]) - (sent[beat - 1] - sent[beat - 2])) > 2ms ? 1 : 0;
  BOOST_TEST(grids <= 2 * 9, "from 20 s on: 17, 15, 13, 11, 9, 8, 7, 6, …");
  BOOST_TEST(sent.back() - sent[sent.size() - 2] == 5s, "up again");
}

BOOST_AUTO_TEST_CASE(a_ttl_cut_to_a_third_makes_one_grid_and_its_return_another) {
  World world;
  for (int beat = 0; beat < 10; ++beat)
    world.transport.on(7).acknowledge(30s);
  for (int beat = 0; beat < 100; ++beat)
    world.transport.on(7).acknowledge(10s + 1ms * (beat % 5));
  world.transport.otherwise().acknowledge(30s);
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(500s);
  const std::vector<std::chrono::nanoseconds> sent = world.sent(7);

  BOOST_TEST(handle.valid());
  BOOST_TEST((sent[9] == 45s));
  for (std::size_t beat = 12; beat < 111; ++beat)  // a fourth of the 9 s that are left
    BOOST_TEST(std::chrono::abs(sent[beat] - sent[beat - 1] - 2250ms) <= 1ms);
  for (std::size_t beat = 112; beat < sent.size(); ++beat)
    BOOST_TEST(std::chrono::abs(sent[beat] - sent[beat - 1] - 5s) <= 1ms);
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
