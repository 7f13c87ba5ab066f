// SPDX-License-Identifier: BSL-1.0
// K5: nobody read the channel of the answers, so the time of the next beat was never moved, and every lease beat each
// 500 ms. Here beats do not depend on whether anybody listens.
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;

BOOST_AUTO_TEST_SUITE(k05_nobody_read_the_answers)

// K5
BOOST_AUTO_TEST_CASE(k5_a_sink_that_is_stuck_neither_delays_nor_repeats_a_beat) {
  ManualClock clock;
  Door listening;
  Door go_on;
  Tally beats;
  ManualThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion done) {
                                  done(BeatResult::acknowledged());
                                  beats.add();
                                }),
                                clock, ManualThreads{clock},
                                [&](const ManualThreadRegistry::EventType&) {
                                  listening.open();
                                  go_on.wait();
                                },
                                no_gaps()};
  const auto beat = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now});
  BOOST_TEST(beats.reaches(1));
  BOOST_TEST(listening.wait());

  for (int n = 2; n <= 20; ++n) {
    clock.advance(5s);
    BOOST_TEST(beats.reaches(n));
  }

  BOOST_TEST(beats.count() == 20);
  BOOST_TEST(beat.valid());
  go_on.open();
}

BOOST_AUTO_TEST_SUITE_END()
