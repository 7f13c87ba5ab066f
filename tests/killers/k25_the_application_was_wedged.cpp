// SPDX-License-Identifier: BSL-1.0
// K25: the heartbeat was fine, the application behind it was wedged for hours. Here a heartbeat may be gated on its
// owner's progress: without it no beats are sent, and the session stalls.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k25_the_application_was_wedged)

// K25
BOOST_AUTO_TEST_CASE(k25_without_progress_the_session_stalls_though_the_server_answers) {
  World world;
  Options options = at_once();
  options.progress_within = 12s;
  Handle beat = world.registry->start(7, options);
  world.executor.run_for(10s);
  beat.progress();
  world.executor.run_for(12s);
  BOOST_TEST(beat.valid());

  world.executor.run_for(1min);

  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST(world.log.count(heartbeat::EventKind::withheld) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
