// SPDX-License-Identifier: BSL-1.0
// The model's own idea of the interval in force: what varies a little changes nothing, what is too near to call is
// unsure.
#include "pace.hpp"

#include <chrono>
#include <optional>
#include <ostream>

#include <boost/test/unit_test.hpp>

namespace heartbeat::model {

std::ostream& operator<<(std::ostream& out, Pace::Grid grid) {
  return out << static_cast<int>(grid);
}

}  // namespace heartbeat::model

BOOST_AUTO_TEST_SUITE(pace)

using namespace std::chrono_literals;
using namespace heartbeat::model;  // NOLINT
using Grid = Pace::Grid;

// 10 s of 30 s, less a margin of 2 s.
struct Fixture {
  Terms terms{.ttl = 30s, .margin = 2s, .floor = 1s, .tick = 1ms, .interval = 10s, .attempts = 3};
  Pace pace{terms};
  Grid told(std::optional<Span> ttl) { return pace.acknowledged(ttl, 1s, terms); }
};

BOOST_FIXTURE_TEST_CASE(within_a_tenth_the_grid_is_kept_beyond_it_there_is_a_new_one_and_at_it_nobody_knows, Fixture) {
  BOOST_TEST(told(27'100ms) == Grid::kept);
  BOOST_TEST(told(27s) == Grid::unsure);
  BOOST_TEST(told(22s) == Grid::anew);
  BOOST_TEST((pace.interval() == 5s));
  BOOST_TEST(told(22'100ms) == Grid::kept);
  BOOST_TEST(told(60s) == Grid::anew);
  BOOST_TEST((pace.interval() == 10s));
  BOOST_TEST(told({}) == Grid::kept);
}

BOOST_FIXTURE_TEST_CASE(where_the_attempts_do_not_fit_the_interval_shrinks, Fixture) {
  terms.interval = 24'500ms;
  pace = Pace{terms};

  BOOST_TEST(told(29'600ms) == Grid::kept);
  BOOST_TEST(pace.has_room());
  BOOST_TEST(told(29s) == Grid::anew);
  BOOST_TEST((pace.interval() == 6750ms));
}

BOOST_FIXTURE_TEST_CASE(a_gap_is_half_of_what_the_interval_leaves_and_no_longer_than_the_threshold, Fixture) {
  BOOST_TEST((pace.gap(1s, terms) == 1s));
  BOOST_TEST((pace.gap(1h, terms) == 9s));
  BOOST_TEST(told(1s) == Grid::anew);
  BOOST_TEST((pace.gap(1s, terms) == 2ms), "the floor is longer than the validity");
}

BOOST_AUTO_TEST_SUITE_END()
