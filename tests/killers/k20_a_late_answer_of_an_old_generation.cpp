// SPDX-License-Identifier: BSL-1.0
// K20: the session was reopened while the old one's answer was still on its way; the late answer closed the new
// session, or started a second chain of beats for it.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k20_a_late_answer_of_an_old_generation)

// K20
BOOST_AUTO_TEST_CASE(k20_a_late_gone_of_the_old_session_leaves_the_new_one_alone) {
  World world;
  world.transport.on(7).held();
  Handle old = world.registry->start(7, without_close());
  world.executor.run_ready();
  old.stop();
  const Handle reopened = world.registry->start(7, without_close());
  world.executor.run_for(1s);

  world.transport.answer(7, heartbeat::BeatResult::gone());
  world.executor.run_for(10s);

  BOOST_TEST(why(reopened) == "running");
  BOOST_TEST(reopened.valid());
  BOOST_TEST(world.sent(7).size() == 4U);  // the old one's, and those of 0 s, 5 s and 10 s: no second chain
  BOOST_TEST(world.registry->statistics().late_answers == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
