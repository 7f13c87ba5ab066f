// SPDX-License-Identifier: BSL-1.0
// K7: the loop that beat for all leases had died of a server error; a later start waited for ever for its first answer.
// Here there is no loop to die: an error ends the heartbeat that it was about, and the next start beats as the first.
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k07_the_loop_had_died_and_start_waited_for_ever)

// K7
BOOST_AUTO_TEST_CASE(k7_after_an_error_that_ended_all_a_start_beats_at_once) {
  World world;
  world.transport.otherwise().fail_for_good();
  std::vector<Handle> doomed;
  for (int key = 0; key < 100; ++key)
    doomed.push_back(world.registry->start(key, without_close()));
  world.executor.run_for(1s);
  BOOST_TEST(world.registry->size() == 0U);
  BOOST_TEST(why(doomed.front()) == "failed");

  world.transport.otherwise().acknowledge();
  const Handle again = world.registry->start(7, without_close());
  const Handle another = world.registry->start(1000, without_close());
  world.executor.run_ready();

  BOOST_TEST(again.valid());
  BOOST_TEST(another.valid());
  world.executor.run_for(1h);
  BOOST_TEST(again.valid());
  BOOST_TEST(world.sent(1000).size() == 721U);  // one at once, one each 5 s
}

// K7: nor does a call that throws, the way a broken stream does, take anything along.
BOOST_AUTO_TEST_CASE(k7_after_calls_that_threw_a_start_beats_at_once) {
  World world;
  world.transport.otherwise().throws();
  const Handle doomed = world.registry->start(7, without_close());
  world.executor.run_for(1min);
  BOOST_TEST(why(doomed) == "stalled");

  world.transport.otherwise().acknowledge();
  const Handle again = world.registry->start(7, without_close());
  world.executor.run_ready();

  BOOST_TEST(again.valid());
}

BOOST_AUTO_TEST_SUITE_END()
