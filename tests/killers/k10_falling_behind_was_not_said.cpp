// SPDX-License-Identifier: BSL-1.0
// K10: with 40,000 leases the beats fell behind their ttl, and nothing said so. Here what could not be sent in time
// shows in the counters: lateness, skipped beats, and the least validity that was left.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k10_falling_behind_was_not_said)

// K10
BOOST_AUTO_TEST_CASE(k10_falling_behind_shows_in_the_counters) {
  World world{{.gap_threshold = 1h, .seed = 1, .shards = 1}};
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  world.clock.advance(17s);  // three beats' time in which nothing could run
  world.executor.run_for(1s);

  const heartbeat::Statistics sums = world.registry->statistics();
  BOOST_TEST((sums.lateness.quantile(1.0) >= 12s));
  BOOST_TEST(sums.skipped == 2U);
  BOOST_TEST((sums.least_slack == 11s));
  BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_SUITE_END()
