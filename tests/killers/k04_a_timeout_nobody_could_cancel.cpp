// SPDX-License-Identifier: BSL-1.0
// K4: two timeouts were scheduled by a race; the one that nobody could cancel closed a healthy session later. Here a
// heartbeat has one timer, whatever happens to it: stop and start again, and nothing of the first can end the second.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k04_a_timeout_nobody_could_cancel)

// K4
BOOST_AUTO_TEST_CASE(k4_no_timeout_of_a_stopped_heartbeat_ends_its_successor) {
  for (const std::chrono::milliseconds when : {0ms, 1ms, 4999ms, 5001ms, 28'999ms}) {
    World world;
    world.transport.on(7).never();  // its timeout is armed when it is stopped
    Handle first = world.registry->start(7, without_close());
    world.executor.run_for(when);
    first.stop();

    const Handle second = world.registry->start(7, without_close());
    world.executor.run_for(10min);

    BOOST_TEST(why(second) == "running");
    BOOST_TEST(second.valid());
    BOOST_TEST(world.registry->statistics().timed_out == 0U + (when > 5000ms ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_SUITE_END()
