// SPDX-License-Identifier: BSL-1.0
// K17: the time was read once in a while and kept; a session that was made from the old reading had expired at birth.
// Here a start reads the clock, however long the engine has rested before.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(k17_a_cached_now_made_expiry_stale_from_birth)

// K17
BOOST_AUTO_TEST_CASE(k17_a_session_lives_its_whole_ttl_however_long_the_engine_has_rested) {
  for (const std::chrono::nanoseconds rest : {std::chrono::nanoseconds{25s}, std::chrono::nanoseconds{24h}}) {
    for (const bool is_answered : {true, false}) {
      World world;
      Handle before = world.registry->start(1, without_close());
      world.executor.run_for(1s);
      before.stop();
      world.clock.advance(rest);  // and nothing of the engine runs
      const auto born = world.now();
      if (!is_answered) world.transport.otherwise().never();

      const Handle session = world.registry->start(7, without_close());
      world.executor.run_until(ManualClock::time_point{born + 28'999ms});
      BOOST_TEST(why(session) == "running");

      if (is_answered) {
        BOOST_TEST((valid_until(session) == born + 25s + 29s));
      } else {
        world.executor.run_for(1s);
        BOOST_TEST(why(session) == "stalled");
      }
    }
  }
}

// K17: the same for one whose server granted it a moment ago: it is valid at once.
BOOST_AUTO_TEST_CASE(k17_a_granted_session_is_valid_from_birth_after_a_long_rest) {
  World world;
  world.clock.advance(24h);
  Options options = without_close();
  options.granted_at = world.clock.now();
  world.clock.advance(100ms);  // the grant's answer was on its way

  const Handle session = world.registry->start(7, options);

  BOOST_TEST(session.valid());
  BOOST_TEST((session.valid_until() == *options.granted_at + 29s));
}

BOOST_AUTO_TEST_SUITE_END()
