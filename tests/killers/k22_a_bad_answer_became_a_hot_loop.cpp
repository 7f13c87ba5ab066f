// SPDX-License-Identifier: BSL-1.0
// K22: a bad answer (ttl 0, negative, nonsense) became a wait of zero: a hot loop against the server. Here it is a
// failed beat, and no two sends come closer together than the floor.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k22_a_bad_answer_became_a_hot_loop)

// K22
BOOST_AUTO_TEST_CASE(k22_a_ttl_that_makes_no_sense_is_a_failed_beat) {
  for (const heartbeat::Duration ttl :
       {heartbeat::Duration{0s}, heartbeat::Duration{-5s}, heartbeat::Duration{std::chrono::hours::max()}}) {
    World world;
    world.transport.otherwise().acknowledge(ttl);
    Options options = at_once();
    options.floor = 200ms;
    const Handle beat = world.registry->start(7, options);

    world.executor.run_for(1h);

    BOOST_TEST(why(beat) == "stalled");
    BOOST_TEST(beat.failure()->error == heartbeat::errc::bad_ttl);
    const auto sent = world.sent(7);
    for (std::size_t i = 1; i < sent.size(); ++i)
      BOOST_TEST((sent[i] - sent[i - 1] >= 200ms));
  }
}

BOOST_AUTO_TEST_CASE(k22_a_tiny_ttl_makes_no_hot_loop_either) {
  World world;
  world.transport.otherwise().acknowledge(1ms);
  Options options = at_once();
  options.on_stall = heartbeat::OnStall::keep_beating;
  const Handle beat = world.registry->start(7, options);

  world.executor.run_for(10s);

  BOOST_TEST(world.sent(7).size() <= 101U);  // one each 100 ms, the floor
}

BOOST_AUTO_TEST_SUITE_END()
