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

// K10: forty thousand leases at one client, and a server that is slower than they need.
BOOST_AUTO_TEST_CASE(k10_a_limit_that_is_too_low_for_the_server_is_said) {
  World world{{.gap_threshold = 1h, .max_in_flight = 4, .seed = 1, .shards = 2}};
  world.transport.otherwise().acknowledge().after(1s);
  Options options = without_close();
  options.first_beat = heartbeat::FirstBeat::spread;
  std::vector<Handle> handles;
  for (int key = 0; key < 400; ++key)
    handles.push_back(world.registry->start(key, options));

  for (int i = 0; i < 600; ++i) {
    world.executor.run_for(100ms);
    BOOST_REQUIRE_LE(world.registry->statistics().in_flight, 4U);
  }

  const heartbeat::Statistics sums = world.registry->statistics();
  BOOST_TEST(sums.in_flight_limit == 4U);
  BOOST_TEST(sums.starved > 100U);
  BOOST_TEST(sums.acknowledged >= 4U * 50U, "what the server can do, it does");
  BOOST_TEST(world.log.count(heartbeat::EventKind::overloaded) > 0U);
  BOOST_TEST(sums.timed_out == 0U, "no beat is wasted on a session that cannot make it");
  BOOST_TEST(sums.running > 80U, "four a second, each within 27 s: about a hundred can be kept, and are");
}

BOOST_AUTO_TEST_SUITE_END()
