// SPDX-License-Identifier: BSL-1.0
// The one wake-up of a shard: nobody is asked twice for the same, it only moves earlier, and late is what came later
// than it was asked for, never what follows a long rest.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/alarm.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(alarm)

using namespace heartbeat::detail;

constexpr Instant ms = 1'000'000;
constexpr Instant s = 1'000 * ms;

// In ticks of a millisecond.
[[nodiscard]] Alarm alarm_at(Instant now) {
  return Alarm{TickScale{ms}, now};
}

BOOST_AUTO_TEST_CASE(with_nothing_wanted_it_asks_for_nothing) {
  Alarm alarm = alarm_at(5 * s);

  BOOST_TEST(alarm.arm() == instant_never);
}

BOOST_AUTO_TEST_CASE(asked_twice_for_the_same_it_asks_the_executor_once) {
  Alarm alarm = alarm_at(0);
  alarm.want(70);

  BOOST_TEST(alarm.arm() == 70 * ms);
  BOOST_TEST(alarm.arm() == instant_never);
  alarm.want(70);
  BOOST_TEST(alarm.arm() == instant_never);
}

BOOST_AUTO_TEST_CASE(what_was_asked_for_only_moves_earlier) {
  Alarm alarm = alarm_at(0);
  alarm.want(70);
  (void)alarm.arm();

  alarm.want(90);
  BOOST_TEST(alarm.arm() == instant_never, "it is later than what was asked for");
  alarm.want(30);
  BOOST_TEST(alarm.arm() == 30 * ms);
  alarm.want_only(80);
  BOOST_TEST(alarm.arm() == instant_never, "the executor was asked for an earlier one");
}

BOOST_AUTO_TEST_CASE(of_several_wishes_the_earliest_counts) {
  Alarm alarm = alarm_at(0);

  alarm.want(70);
  alarm.want(30);
  alarm.want(50);

  BOOST_TEST(alarm.arm() == 30 * ms);
}

BOOST_AUTO_TEST_CASE(once_all_was_looked_at_earlier_wishes_are_forgotten) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);

  alarm.want_only(80);

  BOOST_TEST(alarm.arm() == 80 * ms);
}

BOOST_AUTO_TEST_CASE(what_lies_in_the_past_is_due_now_and_not_late) {
  Alarm alarm = alarm_at(0);
  alarm.saw(100 * s);
  alarm.want(5);

  BOOST_TEST(alarm.arm() == 100 * s);
  BOOST_TEST(alarm.looks(100 * s + 1 * ms).late == 1 * ms);
}

BOOST_AUTO_TEST_CASE(what_is_due_now_is_not_put_off_to_the_next_tick) {
  Alarm alarm = alarm_at(0);
  alarm.saw(100 * s + 1);
  alarm.want(5);

  BOOST_TEST(alarm.arm() == 100 * s);
}

BOOST_AUTO_TEST_CASE(time_does_not_go_back) {
  Alarm alarm = alarm_at(5 * s);

  BOOST_TEST(alarm.saw(7 * s) == 7 * s);
  BOOST_TEST(alarm.saw(6 * s) == 7 * s, "who waited for the lock brings an old now along");
  BOOST_TEST(alarm.saw(8 * s) == 8 * s);
}

BOOST_AUTO_TEST_CASE(after_a_wake_up_the_next_one_may_be_later) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(30 * ms);
  alarm.want_only(tick_never);

  alarm.woke(false);
  BOOST_TEST(alarm.arm() == instant_never);
  alarm.want(90);
  BOOST_TEST(alarm.arm() == 90 * ms);
}

BOOST_AUTO_TEST_CASE(if_there_is_more_to_look_at_the_caller_sees_to_it_and_nothing_is_asked_for) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(40 * ms);

  alarm.woke(true);

  BOOST_TEST(alarm.arm() == instant_never);
  BOOST_TEST(alarm.looks(41 * ms + 1 * s).late == 1 * s + 1 * ms, "away between two slices");
}

BOOST_AUTO_TEST_CASE(between_two_slices_lateness_counts_from_the_tick_of_the_first) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(40 * ms + 1);

  alarm.woke(true);

  BOOST_TEST(alarm.looks(41 * ms).late == 1 * ms);
}

BOOST_AUTO_TEST_CASE(a_wake_up_is_late_against_what_it_was_asked_for) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();

  BOOST_TEST(alarm.looks(0).late == 0);
  BOOST_TEST(alarm.looks(30 * ms).late == 0);
  BOOST_TEST(alarm.looks(30 * ms + 1).late == 1);
}

BOOST_AUTO_TEST_CASE(who_looks_again_is_told_how_late_it_was_before) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();

  BOOST_TEST(alarm.looks(40 * ms).before == 0);
  const Lateness lateness = alarm.looks(70 * ms);
  BOOST_TEST(lateness.late == 40 * ms);
  BOOST_TEST(lateness.before == 10 * ms, "a sweep's");

  alarm.want_only(90);
  alarm.woke(false);
  (void)alarm.arm();
  BOOST_TEST(alarm.looks(95 * ms).before == 0, "it is another wake-up");
}

BOOST_AUTO_TEST_CASE(who_brings_an_old_time_along_makes_nobody_less_late) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  BOOST_TEST(alarm.late(20 * ms) == 0, "it is early");
  BOOST_TEST(alarm.looks(70 * ms).late == 40 * ms);

  const Lateness lateness = alarm.looks(40 * ms);

  BOOST_TEST(lateness.late == 40 * ms);
  BOOST_TEST(lateness.before == 40 * ms);
}

BOOST_AUTO_TEST_CASE(idle_is_not_late) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(30 * ms);
  alarm.want_only(tick_never);
  alarm.woke(false);

  BOOST_TEST(alarm.looks(3'600 * s).late == 0);
}

BOOST_AUTO_TEST_CASE(what_is_wanted_and_was_not_asked_for_is_not_late) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);

  BOOST_TEST(alarm.looks(3'600 * s).late == 0);
}

BOOST_AUTO_TEST_CASE(a_gap_counts_once_though_a_sweep_comes_before_the_wake_up) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(10 * s);

  BOOST_TEST(alarm.is_new_gap(), "the sweep's");
  BOOST_TEST(!alarm.is_new_gap(), "the wake-up's");
}

BOOST_AUTO_TEST_CASE(the_next_wake_up_that_is_late_is_another_gap) {
  Alarm alarm = alarm_at(0);
  alarm.want(30);
  (void)alarm.arm();
  alarm.saw(10 * s);
  BOOST_TEST(alarm.is_new_gap());
  alarm.want_only(12'000);
  alarm.woke(false);
  BOOST_TEST(alarm.arm() == 12 * s);

  BOOST_TEST(alarm.looks(20 * s).late == 8 * s);
  BOOST_TEST(alarm.is_new_gap());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
