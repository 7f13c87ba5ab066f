// SPDX-License-Identifier: BSL-1.0
// K12: the server shut down, and an exception on a background thread ended the process. Here a transport that throws
// costs a failed beat each time, and the heartbeat ends as any other that gets no answer.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k12_an_exception_ended_the_process)

// K12
BOOST_AUTO_TEST_CASE(k12_a_transport_that_throws_costs_failed_beats) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().throws();
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(1min);

  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST(world.registry->statistics().threw >= 3U);
  BOOST_TEST(beat.failure()->error == heartbeat::errc::transport_threw);
}

BOOST_AUTO_TEST_CASE(k12_so_does_a_blocking_one_on_a_thread) {
  Tally threw;
  BlockingRegistry registry{blocking([&](const int&, const heartbeat::BeatContext&) -> heartbeat::BeatResult {
    threw.add();
    throw 42;
  })};

  const auto beat = registry.start(7, one_beat<BlockingRegistry>());

  BOOST_TEST(threw.reaches(3));
  BOOST_TEST(why(beat) == "running");
}

BOOST_AUTO_TEST_SUITE_END()
