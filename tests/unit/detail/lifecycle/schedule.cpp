// SPDX-License-Identifier: BSL-1.0
// The grid and what leaves it: skipped beats, retries, a new interval. Instants are plain numbers.
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
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
  std::uint32_t send(Instant at, std::optional<std::int64_t> ttl = {}, bool was_retry = false) {
    schedule.pass_grid_points(rules, at);
    return schedule.regular(rules, at, schedule.follow(rules, ttl, 1), was_retry, random);
  }

  // On time, for so many answers: how many of them made a new grid.
  int grids(std::initializer_list<std::int64_t> ttls) {
    int grids = 0;
    for (const std::int64_t ttl : ttls) {
      const Instant due = schedule.next_send();
      schedule.pass_grid_points(rules, due);
      const bool has_changed = schedule.follow(rules, ttl, 1);
      grids += has_changed ? 1 : 0;
      (void)schedule.regular(rules, due, has_changed, false, random);
      if (!has_changed) BOOST_TEST(schedule.next_send() == due + schedule.interval(rules));
    }
    return grids;
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

  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 700) == 0u, "nor is the grid moved back");
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 999) == 0u);
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1350) == 4u);
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1350) == 0u);
  (void)world.schedule.regular(world.rules, 1350, false, false, world.random);

  BOOST_TEST(world.schedule.next_send() == 1400);
}

BOOST_AUTO_TEST_CASE(more_grid_points_than_can_be_counted_are_as_many_as_can) {
  Started world;
  world.rules.interval = 1;
  world.schedule.start(world.rules, 1000);

  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1000 + (Instant{1} << 33)) ==
             std::numeric_limits<std::uint32_t>::max());
}

BOOST_AUTO_TEST_CASE(a_regular_beat_is_put_off_to_keep_the_floor) {
  Started world;

  BOOST_TEST(world.send(1095) == 0u);

  BOOST_TEST(world.schedule.next_send() == 1105);
}

BOOST_AUTO_TEST_CASE(a_regular_beat_is_put_off_by_half_an_interval_and_skipped_beyond) {
  Started put_off;
  put_off.rules.floor = 90;
  BOOST_TEST(put_off.send(1060) == 0u);
  BOOST_TEST(put_off.schedule.next_send() == 1150);

  Started skipped;
  skipped.rules.floor = 90;
  BOOST_TEST(skipped.send(1061) == 1u);
  BOOST_TEST(skipped.schedule.next_send() == 1200);
}

BOOST_AUTO_TEST_CASE(after_a_retry_a_grid_point_too_near_is_skipped) {
  Started world;

  BOOST_TEST(world.send(1095, {}, true) == 1u);

  BOOST_TEST(world.schedule.next_send() == 1200);
  BOOST_TEST(world.schedule.pass_grid_points(world.rules, 1200) == 1u, "the one that was skipped is counted once");
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

  BOOST_TEST(world.send(1020, {}, true) == 0u);
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
    BOOST_TEST_REQUIRE(world.send(1000, 150) == 0u);
    BOOST_TEST_REQUIRE(world.schedule.interval(world.rules) == 50);
    const Instant next = world.schedule.next_send();
    seen.insert(next);
    BOOST_TEST_REQUIRE(world.send(next, 150) == 0u);
    BOOST_TEST_REQUIRE(world.schedule.next_send() == next + 50);
  }

  BOOST_TEST(*seen.begin() == 1010);
  BOOST_TEST(*seen.rbegin() == 1049);
}

BOOST_AUTO_TEST_CASE(an_interval_is_never_below_the_floor) {
  Started world;

  (void)world.send(1000, 6);

  BOOST_TEST(world.schedule.interval(world.rules) == 10);
}

// Of the ttl's 600 the margin leaves 450, the shorter ones half of themselves.
BOOST_AUTO_TEST_CASE(a_told_ttl_shortens_the_interval_and_lengthens_it_only_where_it_is_followed) {
  Started world;
  world.rules.margin = 150;
  const auto interval_of = [&](std::int64_t ttl) {
    (void)world.schedule.follow(world.rules, ttl, 1);
    return world.schedule.interval(world.rules);
  };
  BOOST_TEST(interval_of(600) == 100);
  BOOST_TEST(interval_of(1200) == 100);
  BOOST_TEST(interval_of(300) == 50, "three shares of 150");
  BOOST_TEST(interval_of(20) == 10, "the floor");

  world.rules.follow_ttl = true;
  BOOST_TEST(interval_of(1200) == 200);
  BOOST_TEST(interval_of(300) == 50);
}

BOOST_AUTO_TEST_CASE(a_ttl_within_a_tenth_of_the_one_in_force_keeps_the_grid) {
  Started world;

  BOOST_TEST(world.grids({598, 602, 600, 540, 660, 599}) == 0);
  BOOST_TEST(world.schedule.interval(world.rules) == 100);
  BOOST_TEST(world.grids({240, 239, 241, 240, 217, 262, 240}) == 1);
  BOOST_TEST(world.schedule.interval(world.rules) == 79, "a third of 239, since it is rounded down");
}

BOOST_AUTO_TEST_CASE(a_tenth_of_the_ttl_in_force_is_within_it_and_one_more_is_not) {
  Started world;
  world.rules.interval = 190;
  world.schedule.start(world.rules, 1000);

  BOOST_TEST(world.grids({540}) == 0);
  BOOST_TEST(world.grids({539}) == 1);
}

// A third of it is less than the interval; the attempts fit all the same.
BOOST_AUTO_TEST_CASE(a_longer_ttl_shortens_no_interval) {
  Started world;
  world.rules.interval = 500;
  world.schedule.start(world.rules, 1000);

  BOOST_TEST(world.grids({1200}) == 0);
  BOOST_TEST(world.schedule.interval(world.rules) == 500);
}

BOOST_AUTO_TEST_CASE(a_slow_drift_is_compared_with_the_ttl_in_force) {
  Started world;
  (void)world.send(1000, 200);

  BOOST_TEST(world.grids({195, 190, 185, 181}) == 0);
  BOOST_TEST(world.grids({175}) == 1);
  BOOST_TEST(world.grids({170, 165, 160, 158}) == 0);
  BOOST_TEST(world.grids({150}) == 1);
}

BOOST_AUTO_TEST_CASE(a_ttl_that_changes_no_interval_keeps_the_grid) {
  Started world;

  BOOST_TEST(world.grids({1200, 600, 3000, 400, 320, 900}) == 0);
}

BOOST_AUTO_TEST_CASE(a_ttl_too_short_for_the_attempts_shortens_the_interval_at_once) {
  Started world;
  world.rules.interval = 570;  // two attempts of 11, and a tick, fit into what is left
  world.schedule.start(world.rules, 1000);

  BOOST_TEST(world.grids({597, 593}) == 0);
  BOOST_TEST(world.grids({592}) == 1);
  BOOST_TEST(world.schedule.interval(world.rules) == 197);
  BOOST_TEST(world.grids({593, 600, 592}) == 0, "no reason to lengthen it again");
}

BOOST_AUTO_TEST_CASE(where_no_interval_leaves_room_for_the_attempts_a_longer_one_is_no_remedy) {
  Started world;
  world.rules.floor = 1000;
  world.rules.interval = 20'000;
  world.rules.ttl = 120'000;
  constexpr std::int64_t tick = 100;  // two attempts of 1,100, and a tick: a third of 3,330 leaves less

  BOOST_TEST(world.schedule.follow(world.rules, 3330, tick));
  const std::int64_t interval = world.schedule.interval(world.rules);

  BOOST_TEST(!world.schedule.follow(world.rules, 3345, tick));
  BOOST_TEST(world.schedule.interval(world.rules) == interval);
}

BOOST_AUTO_TEST_CASE(where_the_floor_is_the_interval_no_ttl_moves_the_grid) {
  Started world;
  (void)world.send(1000, 20);

  BOOST_TEST(world.grids({19, 20, 21, 15, 9}) == 0);
}

BOOST_AUTO_TEST_CASE(without_a_told_ttl_the_one_in_the_rules_is_in_force) {
  Started world;
  (void)world.send(1000, 200);
  BOOST_TEST(world.schedule.ttl(world.rules) <= 200);

  BOOST_TEST(world.schedule.follow(world.rules, {}, 1));

  BOOST_TEST(world.schedule.interval(world.rules) == 100);
  BOOST_TEST(world.schedule.ttl(world.rules) == 600);
  BOOST_TEST(!world.schedule.follow(world.rules, {}, 1));
}

BOOST_AUTO_TEST_CASE(after_the_end_it_says_when_that_came) {
  Started world;

  world.schedule.end(1234);

  BOOST_TEST(world.schedule.next_send() == 1234);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
