// SPDX-License-Identifier: BSL-1.0
// K2: one lost pulse ended the session for good: the driver stopped its timer, told nobody, and left the session open
// on the server. Here a lost beat is tried again, and a session that is given up is told and closed.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::EventKind;

BOOST_AUTO_TEST_SUITE(k02_one_lost_pulse_ended_the_session)

// K2
BOOST_AUTO_TEST_CASE(k2_a_lost_beat_costs_nothing_but_a_retry) {
  World world;
  world.transport.on(7).fail();
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(1min);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.log.count(EventKind::ended) == 0U);
  BOOST_TEST(world.registry->statistics().failed == 1U);
}

BOOST_AUTO_TEST_CASE(k2_a_session_that_is_given_up_is_told_and_closed) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().fail();
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(1min);

  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST(world.log.count(EventKind::ended) == 1U);
  BOOST_TEST(world.transport.closes_of(7).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
