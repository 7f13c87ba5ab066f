// SPDX-License-Identifier: BSL-1.0
// K18: the machine slept; on waking, a timer that was late killed a healthy session, or a dead one passed for alive.
// Here the clock counts on through the sleep, `valid()` is right before anything has run, and a fresh beat decides.
#include <ctime>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::EventKind;

BOOST_AUTO_TEST_SUITE(k18_the_machine_slept)

// K18
BOOST_AUTO_TEST_CASE(k18_after_a_night_the_living_live_and_the_dead_are_told) {
  World world;
  Options long_lease = without_close();
  long_lease.ttl = 24h;
  const Handle outlasts_it = world.registry->start(1, long_lease);
  const Handle still_known = world.registry->start(2, without_close());
  const Handle forgotten = world.registry->start(3, without_close());
  world.transport.on(3).acknowledge().then().gone();
  world.executor.run_for(1s);

  world.clock.advance(8h);

  BOOST_TEST(outlasts_it.valid());
  BOOST_TEST(!still_known.valid());
  BOOST_TEST(!forgotten.valid());

  world.executor.run_for(1s);

  BOOST_TEST(outlasts_it.valid());
  BOOST_TEST(still_known.valid());
  BOOST_TEST(why(forgotten) == "gone");
  BOOST_TEST(world.log.count(EventKind::ended) == 1U);
  for (const int key : {1, 2, 3})
    BOOST_TEST(world.sent(key).size() == 2U);  // one before the sleep, one after: no burst for the night
}

// K18: the answer to the fresh beat takes as long as it takes; the timers of the night do not cut it short.
BOOST_AUTO_TEST_CASE(k18_no_late_timer_ends_a_session_whose_fresh_beat_is_under_way) {
  World world;
  world.transport.on(7).acknowledge().then().acknowledge().after(4s);
  const Handle session = world.registry->start(7, without_close());
  world.executor.run_for(1s);

  world.clock.advance(8h);
  world.executor.run_for(3999ms);
  BOOST_TEST(why(session) == "running");
  BOOST_TEST(!session.valid());
  world.executor.run_for(1ms);

  BOOST_TEST(session.valid());
}

// K18: nobody has to choose the clock that counts while the machine sleeps.
BOOST_AUTO_TEST_CASE(k18_the_clock_that_is_taken_by_default_counts_through_sleep) {
  static_assert(std::is_same_v<ThreadRegistry::clock_type, heartbeat::BootClock>);
  const auto boot_time = [] {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
  };

  const std::chrono::nanoseconds before = boot_time();
  const std::chrono::nanoseconds ours = heartbeat::BootClock::now().time_since_epoch();
  const std::chrono::nanoseconds after = boot_time();

  BOOST_TEST((before <= ours && ours <= after));
}

BOOST_AUTO_TEST_SUITE_END()
