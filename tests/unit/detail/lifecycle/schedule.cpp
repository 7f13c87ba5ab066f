// SPDX-License-Identifier: BSL-1.0
// The grid and what leaves it: skipped beats, retries, a new interval. Instants are plain numbers.
#include <set>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/schedule.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(schedule)

using namespace heartbeat::detail;

BeatRules every_hundred() {
  BeatRules rules;
  rules.interval = 100;
  rules.ttl = 600;
  rules.attempts = 2;
  rules.floor = 10;
  return rules;
}

struct Started {
  Started() { schedule.start(rules, 1000); }

  // Sent at that instant, and acknowledged: how many were skipped.
  std::uint32_t send(Instant at, float pace = 1.0F, bool was_retry = false) {
    schedule.pass_grid_points(rules, at);
    return schedule.regular(rules, at, pace, was_retry, random);
  }

  BeatRules rules = every_hundred();
  Random random{1};
  Schedule schedule;
};

BOOST_AUTO_TEST_CASE(regular_beats_keep_the_phase_however_late_each_is) {
  Started world;
  BOOST_TEST(world.schedule.next_send() == 1000);

  for (const int late : {0, 3, 60, 1}) {
    const Instant due = world.schedule.next_send();
    BOOST_TEST(world.send(due + late) == 0u);
    BOOST_TEST(world.schedule.next_send() == due + 100);
  }
}

BOOST_AUTO_TEST_CASE(grid_points_that_were_passed_are_not_made_up_for) {
  Started world;

  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 999) == 0u);
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1350) == 4u);
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1350) == 0u);
  (void)world.schedule.regular(world.rules, 1350, 1.0F, false, world.random);

  BOOST_TEST(world.schedule.next_send() == 1400);
}

BOOST_AUTO_TEST_CASE(a_regular_beat_is_put_off_to_keep_the_floor) {
  Started world;

  BOOST_TEST(world.send(1095) == 0u);

  BOOST_TEST(world.schedule.next_send() == 1105);
}

BOOST_AUTO_TEST_CASE(after_a_retry_a_grid_point_too_near_is_skipped) {
  Started world;

  BOOST_TEST(world.send(1095, 1.0F, true) == 1u);

  BOOST_TEST(world.schedule.next_send() == 1200);
}

BOOST_AUTO_TEST_CASE(a_retry_keeps_the_floor_and_does_not_move_the_phase) {
  Started world;
  world.schedule.pass_grid_points(world.rules, 1000);

  std::set<Instant> seen;
  for (int i = 0; i < 500; ++i) {
    world.schedule.retry(world.rules, 1005, 1000, 20, world.random);
    seen.insert(world.schedule.next_send());
  }
  BOOST_TEST(*seen.begin() == 1010);
  BOOST_TEST(*seen.rbegin() == 1025);

  BOOST_TEST(world.send(1020, 1.0F, true) == 0u);
  BOOST_TEST(world.schedule.next_send() == 1100);
}

BOOST_AUTO_TEST_CASE(a_beat_left_out_makes_room_for_the_next_grid_point) {
  Started world;

  world.schedule.leave_out(world.rules, 1230);

  BOOST_TEST(world.schedule.next_send() == 1300);
}

BOOST_AUTO_TEST_CASE(bringing_forward_never_puts_off) {
  Started world;

  world.schedule.bring_forward(1001);
  BOOST_TEST(world.schedule.next_send() == 1000);
  world.schedule.bring_forward(990);
  BOOST_TEST(world.schedule.next_send() == 990);
}

BOOST_AUTO_TEST_CASE(an_interval_that_changed_gives_a_new_grid_with_jitter) {
  std::set<Instant> seen;
  Started world;

  for (int i = 0; i < 500; ++i) {
    world.schedule = {};
    world.schedule.start(world.rules, 1000);
    BOOST_TEST_REQUIRE(world.send(1000, 0.5F) == 0u);
    BOOST_TEST_REQUIRE(world.schedule.interval(world.rules) == 50);
    const Instant next = world.schedule.next_send();
    seen.insert(next);
    BOOST_TEST_REQUIRE(world.send(next, 0.5F) == 0u);
    BOOST_TEST_REQUIRE(world.schedule.next_send() == next + 50);
  }

  BOOST_TEST(*seen.begin() == 1010);
  BOOST_TEST(*seen.rbegin() == 1049);
}

BOOST_AUTO_TEST_CASE(an_interval_is_never_below_the_floor) {
  Started world;

  (void)world.send(1000, 0.01F);

  BOOST_TEST(world.schedule.interval(world.rules) == 10);
}

BOOST_AUTO_TEST_CASE(a_told_ttl_shortens_the_interval_and_lengthens_it_only_where_it_is_followed) {
  BeatRules rules = every_hundred();
  BOOST_TEST(Schedule::pace_of(rules, 600, 500) == 1.0F);
  BOOST_TEST(Schedule::pace_of(rules, 1200, 1100) == 1.0F);
  BOOST_TEST(Schedule::pace_of(rules, 300, 150) == 0.5F);  // three shares of 50
  BOOST_TEST(Schedule::pace_of(rules, 20, 10) <= 0.1F);    // the floor

  rules.follow_ttl = true;
  BOOST_TEST(Schedule::pace_of(rules, 1200, 1100) == 2.0F);
}

BOOST_AUTO_TEST_CASE(after_the_end_it_says_when_that_came) {
  Started world;

  world.schedule.end(1234);

  BOOST_TEST(world.schedule.next_send() == 1234);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
