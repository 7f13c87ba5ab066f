// SPDX-License-Identifier: BSL-1.0
// K24: one slow callback stalled the wheel, and every other session with it. Here a stop callback that does not come
// back holds a lane of the pool, and nothing else.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;

BOOST_AUTO_TEST_SUITE(k24_one_slow_callback_stalled_the_wheel)

// K24
BOOST_AUTO_TEST_CASE(k24_a_stuck_stop_callback_delays_no_other_session) {
  ManualClock clock;
  Door stuck;
  Door go_on;
  Tally beats;
  ManualThreadRegistry registry{answering([&](const int& key, const BeatContext&, BeatCompletion done) {
                                  if (key == 13) return done(BeatResult::gone());
                                  done(BeatResult::acknowledged());
                                  beats.add();
                                }),
                                clock,
                                ManualThreads{clock},
                                {},
                                no_gaps()};
  ManualThreadRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now};
  options.interval = 10s;
  const auto doomed = registry.start(13, {.interval = 5s, .ttl = 30s});
  const std::stop_callback hang{doomed.stop_token(), [&] {
                                  stuck.open();
                                  go_on.wait();
                                }};
  clock.advance(5s);
  BOOST_TEST(stuck.wait());

  const auto healthy = registry.start(7, options);
  BOOST_TEST(beats.reaches(1));
  for (int n = 2; n <= 5; ++n) {
    clock.advance(10s);
    BOOST_TEST(beats.reaches(n));
  }

  BOOST_TEST(healthy.valid());
  go_on.open();
}

BOOST_AUTO_TEST_SUITE_END()
