// SPDX-License-Identifier: BSL-1.0
// K9: the process was paused for 10 s; the lease was gone, and the holder went on believing in it. Here `valid()` says
// no the moment the holder looks, before anything of ours has run.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k09_the_process_was_paused)

// K9
BOOST_AUTO_TEST_CASE(k9_a_holder_that_was_paused_knows_before_the_engine_does) {
  World world;
  Handle beat = world.registry->start(7, {.interval = 2s, .ttl = 8s, .first_beat = heartbeat::FirstBeat::now});
  world.executor.run_for(1s);
  BOOST_TEST(beat.valid());

  world.clock.advance(10s);

  BOOST_TEST(!beat.valid());
}

BOOST_AUTO_TEST_CASE(k9_the_gap_is_told_and_one_fresh_beat_decides) {
  World world;
  const Handle beat = world.registry->start(7, {.interval = 2s, .ttl = 8s, .first_beat = heartbeat::FirstBeat::now});
  world.executor.run_for(1s);
  world.transport.on(7).gone();  // somebody else has it by now

  world.clock.advance(10s);
  world.executor.run_for(1s);

  BOOST_TEST(world.log.count(heartbeat::EventKind::time_gap) == 1U);
  BOOST_TEST(world.sent(7).size() == 2U);
  BOOST_TEST(why(beat) == "gone");
}

BOOST_AUTO_TEST_SUITE_END()
