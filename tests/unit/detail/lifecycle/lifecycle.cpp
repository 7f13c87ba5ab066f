// SPDX-License-Identifier: BSL-1.0
// The table of states: in each state, told each thing that may happen there, the machine asks for this and stands
// there. Times are nanoseconds of a clock that nobody owns. Read next: lifecycle/steps.cpp for when and how long,
// lifecycle_walk.cpp for what holds on every way through the table.
#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "lifecycle_subject.hpp"

namespace heartbeat::detail {

std::ostream& operator<<(std::ostream& out, State state) {
  static constexpr std::string_view names[] = {"held", "waiting", "ready", "sending", "in_flight", "ended"};
  return out << names[static_cast<std::size_t>(state)];
}

}  // namespace heartbeat::detail

namespace {

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr State calling[] = {State::sending, State::in_flight};
constexpr State living[] = {State::held, State::waiting, State::ready, State::sending, State::in_flight};

constexpr Instant limit = 29 * s;  // of a subject that was brought to a state

void check_state(const Subject& subject, State state) {
  BOOST_CHECK_EQUAL(subject.life.state(), state);
}

BOOST_AUTO_TEST_SUITE(lifecycle)

// --- start

BOOST_AUTO_TEST_CASE(a_start_waits_for_its_first_beat) {
  Subject subject;

  const Action action = subject.start(7 * s);

  BOOST_TEST(action == tells({EventKind::started}));
  check_state(subject, State::waiting);
  BOOST_TEST(subject.armed_at() == 7 * s);
}

BOOST_AUTO_TEST_CASE(a_start_behind_an_open_close_is_held_and_armed_for_nothing) {
  Subject subject;

  const Action action = subject.start(0, true);

  BOOST_TEST(action == tells({EventKind::started}));
  check_state(subject, State::held);
  BOOST_TEST(subject.armed() == tick_never);
}

// --- the old close is over

BOOST_AUTO_TEST_CASE(held_told_that_the_old_close_is_over_waits_for_its_beat) {
  Subject subject;
  subject.bring_to(State::held);

  subject.release_hold(40 * s);

  check_state(subject, State::waiting);
  BOOST_TEST(!subject.life.valid_until(), "what was granted may have been closed meanwhile");
  BOOST_TEST(subject.due(40 * s) == sends(), "its patience counts from now on");
}

BOOST_AUTO_TEST_CASE(held_that_waits_anew_is_waited_for_as_long_as_a_session_is_valid) {
  Subject subject;
  (void)subject.start(0, true);

  subject.life.begin_patience({.now = 40 * s, .scale = subject.scale}, subject.rules);

  BOOST_TEST(!subject.life.in_grace());
  BOOST_TEST(subject.due(40 * s + limit - 1) == Action{});
  BOOST_TEST(subject.due(40 * s + limit) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(held_that_waits_anew_and_is_still_valid_waits_until_that_is_over) {
  Subject subject;
  subject.bring_to(State::held);
  const Moment moment{.now = 5 * s, .scale = subject.scale};
  BOOST_TEST(subject.life.held_until(moment, subject.rules) == 29'000 - 3 * 101 - 1, "its attempts fit");

  subject.life.begin_patience(moment, subject.rules);

  BOOST_TEST(subject.life.in_grace());
  BOOST_CHECK(subject.life.valid_until() == limit);
  BOOST_TEST(subject.life.held_until(moment, subject.rules) == 29'000);
}

BOOST_AUTO_TEST_CASE(held_in_grace_that_is_released_in_time_is_in_grace_no_more) {
  Subject subject;
  subject.rules.first_now = false;
  (void)subject.start_granted(0, 0, true);
  subject.release_hold(5 * s);

  BOOST_TEST(!subject.life.in_grace());
  BOOST_TEST(subject.due(limit) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(every_other_state_told_that_a_close_is_over_stays) {
  for (const State state : {State::waiting, State::ready, State::sending, State::in_flight, State::ended}) {
    Subject subject;
    subject.bring_to(state);

    subject.release_hold(0);

    check_state(subject, state);
  }
}

BOOST_AUTO_TEST_CASE(a_grant_that_is_not_trusted_leaves_the_patience_and_nothing_to_rely_on) {
  Subject subject;
  (void)subject.start_granted(10 * s, 5 * s);

  subject.life.distrust_grant();

  BOOST_TEST(!subject.life.valid_until());
  BOOST_TEST((subject.due(5 * s + limit).reason == EndReason::stalled));
}

// --- the next beat is due

BOOST_AUTO_TEST_CASE(waiting_told_that_its_beat_is_due_becomes_ready) {
  Subject subject;
  subject.bring_to(State::waiting);

  BOOST_TEST(subject.due(0) == sends());

  check_state(subject, State::ready);
  BOOST_TEST(subject.armed() == tick_never);
}

BOOST_AUTO_TEST_CASE(waiting_told_of_a_time_before_its_beat_does_nothing) {
  Subject subject;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);

  BOOST_TEST(subject.due(5 * s - 1) == Action{});

  check_state(subject, State::waiting);
  BOOST_TEST(subject.armed_at() == 5 * s);
}

BOOST_AUTO_TEST_CASE(held_ready_and_calling_states_told_that_a_beat_is_due_stay) {
  for (const State state : {State::held, State::ready, State::sending, State::in_flight}) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.due(4 * s) == Action{});

    check_state(subject, state);
  }
}

BOOST_AUTO_TEST_CASE(waiting_without_progress_withholds_its_beat_and_tells_it_once) {
  Subject subject;
  subject.rules.progress_within = 2 * s;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);
  Action expected = tells({EventKind::withheld});
  expected.withheld = 1;

  BOOST_TEST(subject.due(5 * s) == expected);
  check_state(subject, State::waiting);
  BOOST_TEST(subject.armed_at() == 10 * s);

  expected.told = 0;
  BOOST_TEST(subject.due(10 * s) == expected);
  BOOST_TEST(subject.armed_at() == 15 * s);
}

BOOST_AUTO_TEST_CASE(waiting_with_progress_in_time_sends) {
  Subject subject;
  subject.rules.progress_within = 2 * s;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);

  subject.last_progress = 3 * s;

  BOOST_TEST(subject.due(5 * s) == sends());
}

// --- claimed, initiated

BOOST_AUTO_TEST_CASE(ready_that_is_claimed_is_sending_until_its_deadline) {
  Subject subject;
  subject.bring_to(State::ready);

  const Lifecycle::Claim claimed = subject.claim(3 * ms);

  check_state(subject, State::sending);
  BOOST_TEST(claimed.deadline == 5 * s + 3 * ms);
  BOOST_TEST(claimed.lateness == 3 * ms);
  BOOST_TEST(claimed.skipped == 0u);
  BOOST_TEST(subject.armed_at() == 5 * s + 3 * ms);
}

BOOST_AUTO_TEST_CASE(sending_told_that_the_call_returned_is_in_flight) {
  Subject subject;
  subject.bring_to(State::sending);

  subject.life.initiated();

  check_state(subject, State::in_flight);
}

BOOST_AUTO_TEST_CASE(a_call_that_was_answered_before_it_returned_stays_answered) {
  Subject answered;
  answered.bring_to(State::sending);
  (void)answered.acknowledge(0);
  Subject ended;
  ended.bring_to(State::sending);
  ended.life.end(EndReason::stopped, 0);

  answered.life.initiated();
  ended.life.initiated();

  check_state(answered, State::waiting);
  check_state(ended, State::ended);
}

// --- answers

BOOST_AUTO_TEST_CASE(an_acknowledgement_makes_it_valid_from_the_moment_of_sending) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.acknowledge(2 * s) == tells({EventKind::acknowledged}));

    check_state(subject, State::waiting);
    BOOST_CHECK(subject.life.valid_until() == limit);
    BOOST_TEST(subject.armed_at() == 5 * s);
  }
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_clears_jeopardy_and_failures) {
  Subject subject;
  subject.bring_to(State::in_flight);
  (void)subject.fail(0);
  (void)subject.due(s);
  subject.send(s);

  BOOST_TEST(subject.acknowledge(s) == tells({EventKind::acknowledged, EventKind::recovered}));

  BOOST_TEST(!subject.life.in_jeopardy());
  BOOST_TEST(subject.life.failures() == 0);
}

BOOST_AUTO_TEST_CASE(gone_ends_it) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.answer_gone(1) == ends(EndReason::gone));
  }
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_and_the_first_one_means_jeopardy) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.fail(1 * ms) == tells({EventKind::missed, EventKind::jeopardy}));

    check_state(subject, State::waiting);
    BOOST_TEST(subject.life.in_jeopardy());
    BOOST_TEST(subject.life.failures() == 1);
    BOOST_TEST(subject.armed_at() >= 100 * ms, "the floor");
    BOOST_TEST(subject.armed_at() <= 201 * ms, "the first pause");
  }
}

BOOST_AUTO_TEST_CASE(a_second_failure_is_missed_and_no_second_jeopardy) {
  Subject subject;
  subject.bring_to(State::in_flight);
  (void)subject.fail(0);
  subject.send(s);

  BOOST_TEST(subject.fail(s) == tells({EventKind::missed}));

  BOOST_TEST(subject.life.failures() == 2);
}

BOOST_AUTO_TEST_CASE(a_failure_before_the_first_acknowledgement_puts_nothing_in_jeopardy) {
  Subject subject;
  (void)subject.start(0);
  subject.send(0);

  BOOST_TEST(subject.fail(0) == tells({EventKind::missed}));

  BOOST_TEST(!subject.life.in_jeopardy());
}

BOOST_AUTO_TEST_CASE(a_ttl_that_makes_no_sense_is_a_failure) {
  for (const Duration ttl : {Duration{}, Duration{std::chrono::seconds{-1}}, Duration{Duration::longest}}) {
    Subject subject;
    subject.bring_to(State::in_flight);

    BOOST_TEST(subject.acknowledge(0, ttl) == tells({EventKind::missed, EventKind::jeopardy}));

    check_state(subject, State::waiting);
    BOOST_CHECK(subject.life.valid_until() == limit);
  }
}

BOOST_AUTO_TEST_CASE(a_failure_for_good_ends_it) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.fail(0, false) == ends(EndReason::failed, {EventKind::missed}));
  }
}

BOOST_AUTO_TEST_CASE(as_many_failures_in_a_row_as_allowed_end_it) {
  Subject subject;
  subject.rules.max_failures = 3;
  subject.bring_to(State::in_flight);
  (void)subject.fail(0);
  subject.send(s);
  (void)subject.fail(s);
  subject.send(2 * s);

  BOOST_TEST(subject.fail(2 * s) == ends(EndReason::failed, {EventKind::missed}));
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_in_between_starts_the_count_anew) {
  Subject subject;
  subject.rules.max_failures = 2;
  subject.bring_to(State::in_flight);
  (void)subject.fail(0);
  subject.send(s);
  (void)subject.acknowledge(s);
  subject.send(5 * s);

  BOOST_TEST(subject.fail(5 * s) == tells({EventKind::missed, EventKind::jeopardy}));
}

BOOST_AUTO_TEST_CASE(a_beat_that_could_not_be_sent_counts_as_failed) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Subject subject{plain_rules(), seed};
    subject.bring_to(State::ready);

    const Action action = subject.life.not_sent({.now = s, .scale = subject.scale}, subject.rules, subject.random);

    BOOST_TEST(action == tells({EventKind::missed, EventKind::jeopardy}));
    check_state(subject, State::waiting);
    BOOST_TEST(subject.armed_at() >= s + 100 * ms, "the floor counts from now");
  }
}

// --- the beat's deadline

BOOST_AUTO_TEST_CASE(the_deadline_abandons_the_beat_as_failed) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);
    Action expected = tells({EventKind::missed, EventKind::jeopardy});
    expected.abandon_beat = true;

    Action action = subject.due(5 * s);
    action.make_ready = false;  // the pause may be nothing, since the floor has passed long ago

    BOOST_TEST(action == expected);
    BOOST_TEST(subject.life.failures() == 1);
  }
}

BOOST_AUTO_TEST_CASE(before_the_deadline_nothing_happens) {
  for (const State state : calling) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.due(5 * s - 1) == Action{});

    check_state(subject, state);
  }
}

// --- valid until has passed

BOOST_AUTO_TEST_CASE(held_and_waiting_that_are_no_longer_valid_have_stalled) {
  for (const State state : {State::held, State::waiting}) {
    Subject subject;
    subject.bring_to(state);

    BOOST_TEST(subject.due(limit) == ends(EndReason::stalled));
  }
}

BOOST_AUTO_TEST_CASE(ready_that_is_no_longer_valid_has_stalled) {
  Subject subject;
  subject.bring_to(State::ready);
  BOOST_TEST(subject.ready_until(0) == 29'000);

  BOOST_TEST(subject.waited_out(limit) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(ready_waits_no_longer_than_to_the_tick_in_which_its_validity_ends) {
  Subject subject;
  (void)subject.start_granted(0, 1);
  (void)subject.due(0);

  BOOST_TEST(subject.ready_until(0) == 29'000);
}

BOOST_AUTO_TEST_CASE(calling_states_that_are_no_longer_valid_have_stalled) {
  for (const State state : calling) {
    Subject subject;
    subject.rules.beat_timeout = 30 * s;
    subject.rules.attempts = 1;
    subject.bring_to(state);
    subject.beat.deadline = 40 * s;

    BOOST_TEST(subject.due(limit) == ends(EndReason::stalled));
  }
}

BOOST_AUTO_TEST_CASE(a_deadline_and_the_end_of_validity_together_are_one_missed_beat_and_the_end) {
  Subject subject;
  subject.bring_to(State::in_flight);
  Action expected = ends(EndReason::stalled, {EventKind::missed});
  expected.abandon_beat = true;

  BOOST_TEST(subject.due(limit) == expected);
}

BOOST_AUTO_TEST_CASE(a_first_acknowledgement_is_waited_for_as_long_as_a_session_is_valid) {
  Subject subject;
  (void)subject.start(s, true);

  BOOST_TEST(subject.due(s + limit - 1) == Action{});
  BOOST_TEST(subject.due(s + limit) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(one_that_keeps_beating_lapses_once_and_stays_where_it_is) {
  for (const State state : {State::held, State::sending, State::in_flight}) {
    Subject subject;
    subject.rules.keep_beating = true;
    subject.bring_to(state);
    subject.beat.deadline = 60 * s;

    BOOST_TEST(subject.due(limit) == tells({EventKind::lapsed}));
    check_state(subject, state);
    BOOST_TEST(subject.due(limit + s) == Action{});
  }
}

BOOST_AUTO_TEST_CASE(waiting_that_keeps_beating_lapses_and_goes_on_beating) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.bring_to(State::waiting);
  Action expected = tells({EventKind::lapsed});
  expected.make_ready = true;

  BOOST_TEST(subject.due(limit) == expected);

  check_state(subject, State::ready);
}

BOOST_AUTO_TEST_CASE(ready_that_keeps_beating_lapses_once_and_stays_ready) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.bring_to(State::ready);

  BOOST_TEST(subject.waited_out(limit) == tells({EventKind::lapsed}));
  check_state(subject, State::ready);
  BOOST_TEST(subject.ready_until(limit) == 59'000);
  BOOST_TEST(subject.waited_out(59 * s) == Action{});
}

BOOST_AUTO_TEST_CASE(a_lapsed_one_recovers_by_an_acknowledgement) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.bring_to(State::in_flight);
  subject.beat.deadline = 60 * s;
  (void)subject.due(limit);
  (void)subject.fail(limit);
  subject.send(31 * s);

  BOOST_TEST(subject.acknowledge(32 * s) == tells({EventKind::acknowledged, EventKind::recovered}));

  BOOST_CHECK(subject.life.valid_until() == 31 * s + limit);
  BOOST_TEST(subject.armed_at() == 35 * s);
  BOOST_TEST(subject.due(31 * s + limit).told == mask_of(EventKind::lapsed), "validity is looked at again");
}

BOOST_AUTO_TEST_CASE(a_lapsed_one_that_fails_is_tried_again_and_is_in_no_jeopardy) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.bring_to(State::in_flight);
  subject.beat.deadline = 60 * s;
  (void)subject.due(limit);

  BOOST_TEST(subject.fail(limit + s) == tells({EventKind::missed}));

  check_state(subject, State::waiting);
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_that_the_shard_sees_before_the_end_revives) {
  Subject subject;
  subject.bring_to(State::in_flight);

  (void)subject.acknowledge(limit + 5 * ms);

  check_state(subject, State::waiting);
  BOOST_CHECK(subject.life.valid_until() == limit);
  BOOST_TEST(subject.due(limit + 5 * ms).end, "but what it was valid for has passed meanwhile");
}

// --- the process was away

BOOST_AUTO_TEST_CASE(waiting_after_a_gap_sends_one_fresh_beat_at_once) {
  Subject subject;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);
  Action expected = tells({EventKind::time_gap});
  expected.make_ready = true;

  BOOST_TEST(subject.due_after_gap(100 * s) == expected);

  check_state(subject, State::ready);
  BOOST_TEST(subject.life.in_grace());
  BOOST_TEST(subject.ready_until(100 * s) == 130'000, "a ttl at most");
  BOOST_TEST(subject.claim(100 * s).lateness == 95 * s, "it was due before");
}

BOOST_AUTO_TEST_CASE(states_that_cannot_send_now_stay_in_grace_after_a_gap) {
  for (const State state : {State::held, State::sending, State::in_flight}) {
    Subject subject;
    subject.bring_to(state);
    subject.beat.deadline = 200 * s;

    BOOST_TEST(subject.due_after_gap(100 * s) == tells({EventKind::time_gap}));

    check_state(subject, state);
    BOOST_TEST(subject.life.in_grace());
    BOOST_TEST(subject.due_after_gap(150 * s) == Action{}, "once");
  }
}

BOOST_AUTO_TEST_CASE(ready_after_a_gap_stays_ready_in_grace) {
  Subject subject;
  subject.bring_to(State::ready);

  BOOST_TEST(subject.waited_out_after_gap(100 * s) == tells({EventKind::time_gap}));

  check_state(subject, State::ready);
  BOOST_TEST(subject.ready_until(100 * s) == 130'000);
}

BOOST_AUTO_TEST_CASE(a_beat_that_timed_out_while_away_is_followed_by_the_fresh_one) {
  Subject subject;
  subject.bring_to(State::in_flight);
  Action expected = tells({EventKind::missed, EventKind::time_gap});
  expected.abandon_beat = true;
  expected.make_ready = true;

  BOOST_TEST(subject.due_after_gap(100 * s) == expected);

  check_state(subject, State::ready);
}

// The beat that was ready before the gap may be sent, and fail, before the end of validity is looked at.
BOOST_AUTO_TEST_CASE(the_fresh_beat_keeps_the_floor_after_one_of_a_moment_ago) {
  Subject subject;
  subject.bring_to(State::ready);
  (void)subject.claim(100 * s);
  (void)subject.fail(100 * s);

  BOOST_TEST(subject.due_after_gap(100 * s) == tells({EventKind::time_gap}));

  check_state(subject, State::waiting);
  BOOST_TEST(subject.armed_at() == 100 * s + 100 * ms);
}

BOOST_AUTO_TEST_CASE(a_gap_that_left_it_valid_changes_nothing) {
  Subject subject;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);

  BOOST_TEST(subject.due_after_gap(20 * s) == sends());

  BOOST_TEST(!subject.life.in_grace());
}

BOOST_AUTO_TEST_CASE(later_than_the_threshold_is_a_gap_and_not_later_is_none) {
  Subject here;
  here.bring_to(State::waiting);
  Subject away;
  away.bring_to(State::waiting);

  BOOST_TEST(here.due_late(100 * s, s) == ends(EndReason::stalled));
  BOOST_TEST(away.due_late(100 * s, s + 1).told == mask_of(EventKind::time_gap));
}

// Told of the end of its validity by a wake-up so late, after one acknowledged beat that told a ttl, or none.
Action over_by(const BeatRules& rules, std::int64_t late, std::optional<Duration> ttl = {}) {
  Subject subject{rules};
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0, ttl);
  return subject.due_late(100 * s, late);
}

// Interval 100 ms, valid for 460 ms: a pause of 360 ms costs the session, and the registry's threshold is a second.
BOOST_AUTO_TEST_CASE(of_a_short_ttl_half_of_what_an_interval_leaves_is_a_gap) {
  BeatRules rules = plain_rules();
  rules.interval = 100 * ms;
  rules.ttl = 500 * ms;
  rules.margin = 40 * ms;
  rules.floor = 10 * ms;

  BOOST_TEST(over_by(rules, 180 * ms) == ends(EndReason::stalled));
  BOOST_TEST(over_by(rules, 180 * ms + 1).told == mask_of(EventKind::time_gap));
}

BOOST_AUTO_TEST_CASE(a_short_ttl_that_is_told_is_one_too) {
  const BeatRules rules = plain_rules();
  const Duration told = std::chrono::seconds{1};  // valid for 500 ms, a beat each 125 ms

  BOOST_TEST(over_by(rules, 187 * ms, told) == ends(EndReason::stalled));
  BOOST_TEST(over_by(rules, 188 * ms, told).told == mask_of(EventKind::time_gap));
  BOOST_TEST(over_by(rules, 188 * ms) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(two_ticks_are_never_a_gap_however_short_the_ttl_is) {
  BeatRules rules = plain_rules();
  rules.interval = 100 * ms;
  rules.ttl = 105 * ms;
  rules.margin = 2 * ms;
  rules.floor = ms;
  rules.attempts = 1;

  BOOST_TEST(over_by(rules, 2 * ms) == ends(EndReason::stalled));
  BOOST_TEST(over_by(rules, 2 * ms + 1).told == mask_of(EventKind::time_gap));
}

BOOST_AUTO_TEST_CASE(grace_ends_well_with_an_acknowledgement) {
  Subject subject;
  subject.bring_to(State::waiting);
  (void)subject.due_after_gap(100 * s);
  subject.send(100 * s);

  BOOST_TEST(subject.acknowledge(101 * s) == tells({EventKind::acknowledged, EventKind::recovered}));

  BOOST_TEST(!subject.life.in_grace());
  BOOST_CHECK(subject.life.valid_until() == 100 * s + limit);
}

BOOST_AUTO_TEST_CASE(grace_ends_badly_with_a_failure) {
  Subject subject;
  subject.bring_to(State::waiting);
  (void)subject.due_after_gap(100 * s);
  subject.send(100 * s);

  BOOST_TEST(subject.fail(101 * s) == ends(EndReason::stalled, {EventKind::missed}));
}

BOOST_AUTO_TEST_CASE(grace_ends_badly_with_a_timeout) {
  Subject subject;
  subject.bring_to(State::waiting);
  (void)subject.due_after_gap(100 * s);
  subject.send(100 * s);
  Action expected = ends(EndReason::stalled, {EventKind::missed});
  expected.abandon_beat = true;

  BOOST_TEST(subject.due(105 * s) == expected);
}

BOOST_AUTO_TEST_CASE(grace_ends_badly_when_its_beat_is_not_sent_for_a_ttl) {
  Subject subject;
  subject.bring_to(State::waiting);
  (void)subject.due_after_gap(100 * s);

  BOOST_TEST(subject.waited_out(130 * s) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(grace_gives_an_owner_one_interval_to_show_progress) {
  Subject subject;
  subject.rules.progress_within = 2 * s;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);
  Action expected = tells({EventKind::time_gap, EventKind::withheld});
  expected.withheld = 1;

  BOOST_TEST(subject.due_after_gap(101 * s) == expected);
  check_state(subject, State::waiting);
  BOOST_TEST(subject.armed_at() == 105 * s);

  BOOST_TEST(subject.due(105 * s) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(a_second_gap_does_not_prolong_a_grace) {
  Subject subject;
  subject.bring_to(State::waiting);
  (void)subject.due_after_gap(100 * s);

  BOOST_TEST(subject.waited_out_after_gap(200 * s) == ends(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(one_that_keeps_beating_needs_no_grace) {
  Subject subject;
  subject.rules.keep_beating = true;
  subject.bring_to(State::waiting);
  Action expected = tells({EventKind::lapsed});
  expected.make_ready = true;

  BOOST_TEST(subject.due_after_gap(100 * s) == expected);
}

// --- progress

BOOST_AUTO_TEST_CASE(progress_sends_a_withheld_beat_now) {
  Subject subject;
  subject.bring_to_withheld();

  BOOST_TEST(subject.life.progressed(7 * s));
  subject.last_progress = 7 * s;

  BOOST_TEST(subject.armed_at() == 7 * s);
  BOOST_TEST(subject.due(7 * s) == sends());
}

BOOST_AUTO_TEST_CASE(progress_that_is_too_old_by_the_time_of_the_beat_is_told_as_withheld_anew) {
  Subject subject;
  subject.bring_to_withheld();
  BOOST_TEST(subject.life.progressed(7 * s));
  subject.last_progress = 7 * s;

  BOOST_TEST(subject.due(12 * s).told == mask_of(EventKind::withheld));
}

// It may be seen before the owner's call has come to say so.
BOOST_AUTO_TEST_CASE(a_beat_that_is_sent_after_a_withheld_one_leaves_nothing_withheld) {
  Subject subject;
  subject.bring_to_withheld();
  subject.last_progress = 9 * s;
  subject.send(10 * s);
  (void)subject.acknowledge(10 * s);

  BOOST_TEST(!subject.life.progressed(11 * s), "no beat is brought forward");
  BOOST_TEST(subject.armed_at() == 15 * s);
  BOOST_TEST(subject.due(15 * s).told == mask_of(EventKind::withheld), "another one");
}

BOOST_AUTO_TEST_CASE(progress_changes_nothing_where_no_beat_was_withheld) {
  for (const State state :
       {State::held, State::waiting, State::ready, State::sending, State::in_flight, State::ended}) {
    Subject subject;
    subject.bring_to(state);
    const Tick armed = subject.armed();

    BOOST_TEST(!subject.life.progressed(s));

    check_state(subject, state);
    BOOST_TEST(subject.armed() == armed);
  }
}

BOOST_AUTO_TEST_CASE(withheld_beats_let_it_stall_though_the_server_would_answer) {
  Subject subject;
  subject.rules.progress_within = 2 * s;
  subject.bring_to(State::in_flight);
  (void)subject.acknowledge(0);
  for (Instant now = 5 * s; now < limit; now += 5 * s)
    BOOST_TEST(!subject.due(now).end);

  BOOST_TEST(subject.due(limit) == ends(EndReason::stalled));
}

// --- the end

BOOST_AUTO_TEST_CASE(every_state_ends_for_every_reason) {
  for (const State state : living) {
    for (const EndReason reason : {EndReason::stopped, EndReason::parent_cancelled, EndReason::shut_down}) {
      Subject subject;
      subject.bring_to(state);
      BOOST_TEST(!subject.life.is_ended());

      subject.life.end(reason, 3 * s);

      check_state(subject, State::ended);
      BOOST_TEST(subject.life.is_ended());
      BOOST_CHECK(subject.life.reason() == reason);
      BOOST_TEST(subject.life.ended_at() == 3 * s);
      BOOST_CHECK(subject.life.valid_until() == std::nullopt);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_has_ended_asks_for_nothing_any_more) {
  Subject subject;
  subject.bring_to(State::ended);

  BOOST_TEST(subject.due(100 * s) == Action{});
  BOOST_TEST(subject.due_after_gap(1000 * s) == Action{});

  BOOST_TEST(subject.armed() == tick_never);
  check_state(subject, State::ended);
}

BOOST_AUTO_TEST_CASE(what_has_not_started_has_ended) {
  const Subject subject;

  BOOST_TEST(subject.life.is_ended());
  BOOST_TEST(subject.armed() == tick_never);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
