// SPDX-License-Identifier: BSL-1.0
// The arithmetic of the transitions: the spread of first beats, validity, the phase, pauses, timeouts, and what a
// server's ttl does to them. Read next: lifecycle_walk.cpp.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <set>

#include <boost/test/unit_test.hpp>

#include "lifecycle_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(steps)

using namespace heartbeat;
using namespace heartbeat::detail;
using namespace std::chrono_literals;

// --- the first beat

BOOST_AUTO_TEST_CASE(first_beats_are_spread_over_the_first_interval) {
  std::set<Instant> moments;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Subject subject{plain_rules(), seed};
    subject.rules.first_now = false;
    (void)subject.start(s);
    moments.insert(subject.armed_at());
  }

  BOOST_TEST(*moments.begin() >= s);
  BOOST_TEST(*moments.begin() < 1'500 * ms);
  BOOST_TEST(*moments.rbegin() < 6 * s);
  BOOST_TEST(*moments.rbegin() > 5'500 * ms);
  BOOST_TEST(moments.size() > 150u);
}

BOOST_AUTO_TEST_CASE(a_session_granted_a_while_ago_gets_its_first_beat_in_time_for_all_attempts) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Subject subject{plain_rules(), seed};
    subject.rules.first_now = false;

    (void)subject.start_granted(25 * s, 0);

    BOOST_TEST(subject.armed_at() <= 26 * s, "a fourth of the 4 s that are left");
  }
}

BOOST_AUTO_TEST_CASE(a_session_granted_too_long_ago_has_stalled_when_it_is_first_looked_at) {
  Subject subject;

  (void)subject.start_granted(100 * s, 0);

  BOOST_CHECK(subject.life.valid_until() == 29 * s);
  BOOST_TEST(subject.due(100 * s) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(a_grant_makes_it_valid_at_once_and_no_grant_makes_it_valid_later) {
  Subject granted;
  Subject plain;

  (void)granted.start_granted(3 * s, 2 * s);
  (void)plain.start(3 * s);

  BOOST_CHECK(granted.life.valid_until() == 31 * s);
  BOOST_CHECK(plain.life.valid_until() == std::nullopt);
}

// --- validity

BOOST_AUTO_TEST_CASE(validity_counts_from_the_send_of_the_latest_acknowledged_beat) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.acknowledge(4 * s);
  subject.send(5 * s);

  (void)subject.acknowledge(9 * s);

  BOOST_CHECK(subject.life.valid_until() == 34 * s);
}

BOOST_AUTO_TEST_CASE(the_end_of_validity_is_rounded_down_to_a_tick_and_a_send_up) {
  Subject subject;
  subject.rules.interval = 5 * s + 1;
  subject.rules.first_now = false;
  (void)subject.start_granted(0, 0);
  BOOST_TEST(!subject.due(29 * s - 1).end);
  Subject late;
  (void)late.start_granted(0, ms - 1);  // valid until 29.000999999 s
  late.send(0);
  late.beat.deadline = instant_never;

  BOOST_TEST(late.armed() == 29'000);
  BOOST_TEST(late.due(29 * s).end);

  Subject waiting;
  waiting.rules.interval = 5 * s + 1;
  (void)waiting.start(0);
  waiting.send(0);
  (void)waiting.acknowledge(0);
  BOOST_TEST(waiting.armed() == 5'001);
}

BOOST_AUTO_TEST_CASE(a_shorter_ttl_shortens_validity_and_makes_beats_more_frequent) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.acknowledge(0);
  BOOST_CHECK(subject.life.valid_until() == 29 * s);
  subject.send(5 * s);

  (void)subject.acknowledge(5 * s, 5s);

  BOOST_CHECK(subject.life.valid_until() == 9 * s);
  BOOST_TEST(subject.armed_at() <= 6 * s, "a fourth of 5 s less the margin");
  subject.send(subject.armed_at());
  const Instant sent = subject.beat.send_time;
  (void)subject.acknowledge(sent, 5s);
  BOOST_TEST(subject.armed_at() == sent + s);
}

BOOST_AUTO_TEST_CASE(a_ttl_shorter_than_the_margin_keeps_half_of_it) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(0, 1s);

  BOOST_CHECK(subject.life.valid_until() == 500 * ms);
}

// A margin may be most of the ttl; it once shrank to half of it with the first acknowledgement.
BOOST_AUTO_TEST_CASE(a_margin_above_half_of_the_ttl_is_kept_whole) {
  Subject subject;
  subject.rules.margin = 20 * s;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(0);
  BOOST_CHECK(subject.life.valid_until() == 10 * s);
  (void)subject.send(5 * s);
  (void)subject.acknowledge(5 * s, 29s);
  BOOST_CHECK(subject.life.valid_until() == 15 * s);
  (void)subject.send(10 * s);
  (void)subject.acknowledge(10 * s, 40s);
  BOOST_CHECK(subject.life.valid_until() == 30 * s);
}

BOOST_AUTO_TEST_CASE(the_floor_outranks_the_shortest_ttl) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(0, 10ms);

  BOOST_TEST(subject.life.valid_until().value() == 5 * ms);
  subject.rules.keep_beating = true;
  (void)subject.due(5 * ms);
  BOOST_TEST(subject.armed_at() >= 100 * ms);
}

BOOST_AUTO_TEST_CASE(the_shortest_interval_is_the_floor_and_not_a_nanosecond_less) {
  for (std::int64_t more = 0; more < 1000; ++more) {
    Subject subject;
    subject.scale = TickScale{1};
    subject.rules.interval += more * 7'919;
    subject.rules.keep_beating = true;
    (void)subject.start(0);
    subject.send(0);
    (void)subject.acknowledge(0, 10ms);
    (void)subject.due(5 * ms);
    const Instant sent = subject.armed();
    subject.send(sent);

    (void)subject.acknowledge(sent, 10ms);
    (void)subject.due(sent + 5 * ms);

    BOOST_REQUIRE_GE(subject.armed(), sent + subject.rules.floor);
    BOOST_REQUIRE_LT(subject.armed(), sent + subject.rules.floor + 1'000);
  }
}

BOOST_AUTO_TEST_CASE(a_longer_ttl_alone_changes_validity_and_not_the_interval) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(0, 60s);

  BOOST_CHECK(subject.life.valid_until() == 59 * s);
  BOOST_TEST(subject.armed_at() == 5 * s);
}

BOOST_AUTO_TEST_CASE(an_interval_that_follows_the_servers_ttl_grows_and_shrinks_with_it) {
  Subject subject;
  subject.rules.follow_ttl = true;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.acknowledge(0, 60s);
  const Instant first = subject.armed_at();
  BOOST_TEST(first >= 100 * ms);
  BOOST_TEST(first <= 10 * s, "a new interval comes with fresh jitter");

  subject.send(first);
  (void)subject.acknowledge(first, 60s);
  BOOST_TEST(subject.armed_at() - first >= 10 * s - ms);
  BOOST_TEST(subject.armed_at() - first <= 10 * s + ms);

  const Instant second = subject.armed_at();
  subject.send(second);
  (void)subject.acknowledge(second, 15s);
  subject.send(subject.armed_at());
  const Instant third = subject.beat.send_time;
  (void)subject.acknowledge(third, 15s);
  BOOST_TEST(subject.armed_at() - third <= 2'500 * ms + ms);
}

BOOST_AUTO_TEST_CASE(validity_takes_each_told_ttl_and_the_grid_those_that_differ_by_more_than_a_tenth) {
  Subject subject;
  subject.rules.interval = 10 * s;
  (void)subject.start(0);
  Instant due = 0;

  for (const std::chrono::milliseconds ttl : {29'900ms, 30'100ms, 27'000ms, 33'000ms, 30'000ms}) {
    subject.send(due);
    (void)subject.acknowledge(due, ttl);

    BOOST_CHECK(subject.life.valid_until() == due + Duration{ttl}.count() - s);
    BOOST_TEST(subject.armed_at() == due + 10 * s);
    due = subject.armed_at();
  }
  subject.send(due);
  (void)subject.acknowledge(due, 26s);
  BOOST_TEST(subject.armed_at() <= due + 6'250 * ms + ms, "a fourth of 25 s");
}

// Three attempts of the floor fit, and not what rounding adds to them.
BOOST_AUTO_TEST_CASE(a_told_ttl_that_leaves_no_room_for_the_rounding_of_attempts_shortens_the_interval) {
  Subject subject;
  subject.rules.interval = 28'600 * ms;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(0, 29'902ms);

  BOOST_TEST(subject.armed_at() < 8 * s);
}

BOOST_AUTO_TEST_CASE(the_longest_ttls_and_intervals_overflow_nowhere) {
  Subject subject;
  HeartbeatOptions<> options{.interval = 24h * 365 * 20, .ttl = std::chrono::hours::max()};
  options.follow_server_ttl = true;
  subject.rules = make_rules(options, 1ms);
  (void)subject.start(s);
  subject.send(subject.armed_at());
  const Instant sent = subject.beat.send_time;

  (void)subject.acknowledge(sent + s, std::chrono::duration_cast<std::chrono::nanoseconds>(24h * 365 * 99));

  BOOST_TEST(subject.life.valid_until().value() > sent);
  BOOST_TEST(subject.armed_at() > sent);
  BOOST_TEST(subject.armed() < tick_never);
}

// --- the phase

BOOST_AUTO_TEST_CASE(regular_beats_stay_on_the_grid_however_late_the_answers_are) {
  Subject subject;
  (void)subject.start(s);

  for (Instant scheduled = s; scheduled < 60 * s; scheduled += 5 * s) {
    BOOST_TEST(subject.armed_at() == scheduled);
    subject.send(scheduled + 300 * ms);
    (void)subject.acknowledge(scheduled + 4 * s);
  }
}

BOOST_AUTO_TEST_CASE(retries_lie_off_the_grid_and_the_beat_after_them_on_it) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.fail(0);
  const Instant retry = subject.armed_at();
  BOOST_TEST(retry < 5 * s);
  subject.send(retry);

  (void)subject.acknowledge(retry);

  BOOST_TEST(subject.armed_at() == 5 * s);
}

BOOST_AUTO_TEST_CASE(a_grid_point_within_the_floor_of_a_retry_is_skipped_and_counted) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.fail(0);
  subject.send(4'950 * ms);
  Action expected = tells({EventKind::acknowledged});
  expected.skipped = 1;

  BOOST_TEST(subject.acknowledge(4'960 * ms) == expected);

  BOOST_TEST(subject.armed_at() == 10 * s);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_sent_in_time_is_skipped_and_counted_and_the_phase_is_kept) {
  Subject subject;
  subject.rules.keep_beating = true;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.acknowledge(0);
  (void)subject.due(5 * s);

  const Lifecycle::Claim claimed = subject.claim(18 * s);

  BOOST_TEST(claimed.skipped == 2u);
  BOOST_TEST(claimed.lateness == 13 * s);
  (void)subject.acknowledge(18 * s);
  BOOST_TEST(subject.armed_at() == 20 * s);
}

BOOST_AUTO_TEST_CASE(a_grid_point_that_falls_to_a_retry_is_counted_as_skipped) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);
  (void)subject.fail(0);
  (void)subject.due(5 * s + 200 * ms);

  BOOST_TEST(subject.claim(5 * s + 200 * ms).skipped == 1u);
}

// Times are rounded up, so the next grid point is always nearer than the floor.
BOOST_AUTO_TEST_CASE(a_floor_as_long_as_the_interval_does_not_skip_every_second_beat) {
  Subject subject;
  subject.rules.floor = subject.rules.interval;
  (void)subject.start(0);
  Instant sent = ms / 2;
  for (int beat = 0; beat < 10; ++beat) {
    subject.send(sent);
    (void)subject.acknowledge(sent);
    BOOST_TEST(subject.armed_at() >= sent + 5 * s);
    BOOST_TEST(subject.armed_at() < sent + 5 * s + ms);
    sent = subject.armed_at() + ms / 2;
  }
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_next_grid_point_sends_at_once_and_then_on_the_grid) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);

  (void)subject.acknowledge(7 * s);

  BOOST_TEST(subject.due(7 * s) == sends());
  (void)subject.claim(7 * s);
  (void)subject.acknowledge(7 * s);
  BOOST_TEST(subject.armed_at() == 10 * s);
}

// --- pauses

BOOST_AUTO_TEST_CASE(pauses_grow_with_full_jitter_up_to_the_maximum) {
  constexpr std::int64_t bounds[] = {200 * ms, 400 * ms, 800 * ms, 1'600 * ms, 3'200 * ms, 5 * s, 5 * s, 5 * s};
  std::int64_t longest[std::size(bounds)] = {};
  std::int64_t shortest[std::size(bounds)];
  std::fill(std::begin(shortest), std::end(shortest), 5 * s);

  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Subject subject{plain_rules(), seed};
    subject.rules.keep_beating = true;
    subject.rules.floor = ms;
    (void)subject.start(0);
    (void)subject.due(30 * s);  // lapsed: no validity is left that would shorten the pauses
    Instant now = 30 * s;
    for (std::size_t i = 0; i < std::size(bounds); ++i) {
      subject.send(now);
      (void)subject.fail(now);
      const std::int64_t pause = subject.armed_at() - now;
      longest[i] = std::max(longest[i], pause);
      shortest[i] = std::min(shortest[i], pause);
      now = subject.armed_at();
    }
  }

  for (std::size_t i = 0; i < std::size(bounds); ++i) {
    BOOST_TEST(longest[i] <= bounds[i] + ms);
    BOOST_TEST(longest[i] > bounds[i] * 9 / 10);
    BOOST_TEST(shortest[i] < bounds[i] / 10);
  }
}

BOOST_AUTO_TEST_CASE(a_retry_never_comes_before_the_floor) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Subject subject{plain_rules(), seed};
    (void)subject.start(0);
    subject.send(s);

    (void)subject.fail(s + 10 * ms);

    BOOST_TEST(subject.armed_at() >= 1'100 * ms);
  }
}

BOOST_AUTO_TEST_CASE(pauses_leave_room_for_the_attempts_still_owed) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Subject subject{plain_rules(), seed};
    subject.rules.backoff_initial = subject.rules.backoff_maximum = 3600 * s;
    (void)subject.start_granted(0, 0);
    subject.send(0);

    (void)subject.fail(0);

    BOOST_TEST(subject.armed_at() <= 29 * s / 4 + ms, "half of an even share of the 29 s, with two attempts owed");
  }
}

BOOST_AUTO_TEST_CASE(a_multiplier_without_bounds_stays_within_the_maximum) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.rules.backoff_multiplier = std::numeric_limits<double>::infinity();
  (void)subject.start(0);
  (void)subject.due(30 * s);
  Instant now = 30 * s;

  for (int i = 0; i < 300; ++i) {
    subject.send(now);
    (void)subject.fail(now);
    BOOST_REQUIRE(subject.armed_at() > now);
    BOOST_REQUIRE(subject.armed_at() <= now + 5 * s + ms);
    now = subject.armed_at();
  }

  BOOST_TEST(subject.life.failures() == 255, "it stops counting there");
}

// --- timeouts

BOOST_AUTO_TEST_CASE(a_beat_waits_for_its_timeout_where_there_is_time) {
  Subject subject;
  (void)subject.start_granted(0, 0);
  (void)subject.due(0);

  BOOST_TEST(subject.claim(0).deadline == 5 * s);
}

BOOST_AUTO_TEST_CASE(attempts_share_what_is_left_of_validity) {
  Subject subject;
  subject.rules.beat_timeout = 30 * s;
  (void)subject.start_granted(0, 0);
  (void)subject.due(0);
  BOOST_TEST(subject.claim(0).deadline == 29 * s / 3 - ms, "the tick is for rounding");
  (void)subject.fail(2 * s);
  (void)subject.due(5 * s);
  BOOST_TEST(subject.claim(5 * s).deadline == 5 * s + 12 * s - ms);
  (void)subject.fail(6 * s);
  (void)subject.due(14 * s);

  BOOST_TEST(subject.claim(14 * s).deadline == 29 * s - ms);
}

BOOST_AUTO_TEST_CASE(attempts_beyond_those_owed_get_what_is_left) {
  Subject subject;
  subject.rules.attempts = 1;
  subject.rules.beat_timeout = 30 * s;
  (void)subject.start_granted(0, 0);
  subject.send(0);
  (void)subject.fail(0);
  (void)subject.due(20 * s);

  BOOST_TEST(subject.claim(20 * s).deadline == 29 * s - ms);
}

BOOST_AUTO_TEST_CASE(a_timeout_is_never_less_than_a_tick) {
  Subject subject;
  (void)subject.start_granted(0, 0);
  (void)subject.due(0);

  BOOST_TEST(subject.claim(29 * s - 1).deadline == 29 * s - 1 + ms);
}

BOOST_AUTO_TEST_CASE(after_the_end_of_validity_a_beat_has_its_whole_timeout) {
  Subject subject;
  subject.rules.keep_beating = true;
  (void)subject.start_granted(0, 0);
  (void)subject.due(40 * s);

  BOOST_TEST(subject.claim(40 * s).deadline == 45 * s);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
