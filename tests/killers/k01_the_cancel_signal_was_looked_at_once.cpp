// SPDX-License-Identifier: BSL-1.0
// K1: the loop looked at its cancel signal once, when it started, and then beat for ever: closing a session stopped
// nothing. Here a heartbeat is stopped at every point of its life, and nothing is sent afterwards.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k01_the_cancel_signal_was_looked_at_once)

// K1
BOOST_AUTO_TEST_CASE(k1_whenever_it_is_stopped_no_beat_follows) {
  for (const std::chrono::milliseconds when : {0ms, 1ms, 4999ms, 5000ms, 5001ms, 12345ms}) {
    World world;
    world.transport.otherwise().acknowledge().after(2ms);
    Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(when);
    const std::size_t before = world.sent(7).size();

    BOOST_TEST(beat.stop());
    world.executor.run_for(10min);

    BOOST_TEST(world.sent(7).size() == before);
    BOOST_TEST(why(beat) == "stopped");
  }
}

BOOST_AUTO_TEST_SUITE_END()
