// SPDX-License-Identifier: BSL-1.0
// K15: validity was counted from the first lost heartbeat instead of the last acknowledged one: two leaders. Here it
// counts from the moment that beat was sent, however late its answer came.
//
//   sent   answered    lost   lost   lost
//    0s      4s         5s     ...            27s valid until          30s the server forgets
//    |<------------------------------ ttl -------------------------------->|
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k15_validity_counted_from_the_wrong_moment)

// K15
BOOST_AUTO_TEST_CASE(k15_validity_counts_from_the_sending_of_the_last_acknowledged_beat) {
  World world;
  world.transport.on(7).acknowledge().after(4s);
  world.transport.otherwise().fail();
  Options options = at_once();
  options.safety_margin = 3s;
  const Handle beat = world.registry->start(7, options);

  world.executor.run_for(20s);

  BOOST_TEST((valid_until(beat) == 27s));
  BOOST_TEST(beat.valid());
  world.executor.run_for(7s);
  BOOST_TEST(!beat.valid());
  BOOST_TEST(why(beat) == "stalled");
}

BOOST_AUTO_TEST_SUITE_END()
