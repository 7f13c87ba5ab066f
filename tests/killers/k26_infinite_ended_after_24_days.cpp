// SPDX-License-Identifier: BSL-1.0
// K26: "infinite" in 32-bit milliseconds ended after 24.8 days. Here the longest durations of std::chrono mean what
// they say, for as long as anybody would wait.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k26_infinite_ended_after_24_days)

// K26
BOOST_AUTO_TEST_CASE(k26_an_infinite_ttl_outlives_24_days_and_10_years) {
  World world;
  Options options = at_once();
  options.interval = 24h;
  options.ttl = std::chrono::hours::max();
  const Handle beat = world.registry->start(7, options);

  world.executor.run_for(25 * 24h);
  BOOST_TEST(beat.valid());
  BOOST_TEST(world.sent(7).size() == 26U);
  world.executor.run_for(10 * 365 * 24h);

  BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_SUITE_END()
