// SPDX-License-Identifier: BSL-1.0
// K19: the wall clock jumped, and every heartbeat timed out at once. Here a clock that can jump is not taken.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k19_the_wall_clock_jumped)

// K19
BOOST_AUTO_TEST_CASE(k19_only_clocks_that_cannot_jump_are_taken) {
  static_assert(heartbeat::Clock<heartbeat::BootClock>);
  static_assert(heartbeat::Clock<std::chrono::steady_clock>);
  static_assert(!heartbeat::Clock<std::chrono::system_clock>);

  BOOST_TEST(heartbeat::BootClock::is_steady);
  const auto before = heartbeat::BootClock::now();
  const auto after = heartbeat::BootClock::now();
  BOOST_TEST((before <= after));
}

BOOST_AUTO_TEST_SUITE_END()
