// SPDX-License-Identifier: BSL-1.0
// K23: stop from inside the callback joined its own thread, or waited for itself. Here it returns, and the event of the
// end is the proof that nothing of the heartbeat runs any more.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k23_stop_inside_the_callback)

// K23
BOOST_AUTO_TEST_CASE(k23_stop_inside_the_call_of_the_transport_returns) {
  World world;
  Handle beat;
  world.transport.on(7).calling([&](const int&) { BOOST_TEST(beat.stop()); }).acknowledge();
  beat = world.registry->start(7, at_once());

  world.executor.run_for(1min);

  BOOST_TEST(why(beat) == "stopped");
  BOOST_TEST(world.sent(7).size() == 1U);
  BOOST_TEST(world.log.count(heartbeat::EventKind::ended) == 1U);
}

BOOST_AUTO_TEST_CASE(k23_stop_inside_the_stop_callback_returns) {
  Door done;
  ThreadRegistry registry{answering(acknowledge)};
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());
  const std::stop_callback again{beat.stop_token(), [&] {
                                   BOOST_TEST(!beat.stop());
                                   done.open();
                                 }};

  BOOST_TEST(returns([&] { beat.stop(); }));

  BOOST_TEST(done.is_open());
}

BOOST_AUTO_TEST_SUITE_END()
