// SPDX-License-Identifier: BSL-1.0
// G7: no burst: beats that could not be sent in time are skipped and counted, and the phase is kept: regular beats lie
// on the grid fixed at start, retries off it, and after an acknowledgement the grid goes on (F29).
//
//   grid       0    5    10   15   20   25   30          away from 6 to 23
//   expected   x    x                   23 x    x        one late beat, then the grid
//   never      x    x                   23,23,23,23      made up for
// Read next: g18_time_gap.cpp, what being away means for validity.
#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

using Times = std::vector<std::chrono::nanoseconds>;

}  // namespace

BOOST_AUTO_TEST_SUITE(g07_no_burst)

BOOST_AUTO_TEST_CASE(beats_lie_on_the_grid) {
  World world;
  world.transport.otherwise().acknowledge().after(400ms);
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(5000s);

  const Times sent = world.sent(7);
  BOOST_TEST(sent.size() == 1001U);
  for (std::size_t i = 0; i < sent.size(); ++i)
    BOOST_TEST((sent[i] == i * 5s));
  BOOST_TEST(world.registry->statistics().skipped == 0U);
}

BOOST_AUTO_TEST_CASE(who_was_away_sends_one_beat_and_goes_on_with_the_grid) {
  World world;
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(6s);

  world.clock.advance(17s);
  world.executor.run_for(12s);

  BOOST_TEST((world.sent(7) == Times{0s, 5s, 23s, 25s, 30s, 35s}), world.transport.transcript());
  BOOST_TEST(world.registry->statistics().skipped == 2U);  // of those of 10, 15 and 20 s one was sent, late
}

BOOST_AUTO_TEST_CASE(a_long_absence_gives_one_beat_too) {
  World world;
  Options options = at_once();
  options.on_stall = OnStall::keep_beating;
  const Handle handle = world.registry->start(7, options);
  world.executor.run_for(1s);

  world.clock.advance(24h);
  world.executor.run_for(1s);

  BOOST_TEST(world.transport.beats().size() == 2U);
  BOOST_TEST(world.registry->statistics().skipped == 24U * 3600U / 5U - 1U);
}

BOOST_AUTO_TEST_CASE(a_thousand_heartbeats_that_were_away_send_one_beat_each) {
  World world{{.seed = 1, .shards = 4}};
  Options options{.interval = 1s, .ttl = 1000s};
  for (int key = 0; key < 1000; ++key)
    world.registry->start(key, options).detach();
  world.executor.run_for(2s);
  const std::size_t before = world.transport.beats().size();

  world.clock.advance(300s);
  world.executor.run_ready();

  BOOST_TEST(world.transport.beats().size() == before + 1000U);
}

BOOST_AUTO_TEST_CASE(a_slow_answer_makes_one_beat_late_and_not_two) {
  World world;
  Options options = at_once();
  options.interval = 1s;
  options.beat_timeout = 9s;
  world.transport.on(7).acknowledge().after(4500ms);
  const Handle handle = world.registry->start(7, options);

  world.executor.run_for(6s);

  BOOST_TEST((world.sent(7) == Times{0s, 4500ms, 5s, 6s}), world.transport.transcript());
  BOOST_TEST(world.registry->statistics().skipped == 3U);
}

// Retries lie off the grid; the beat after the one that is acknowledged lies on it.
BOOST_AUTO_TEST_CASE(retries_do_not_move_the_phase) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    for (int i = 0; i < 10; ++i)
      world.transport.on(7).acknowledge().then().fail().times(2);
    const Handle handle = world.registry->start(7, at_once());

    world.executor.run_for(100s);
    world.registry->stop(7);

    // After 30 scripted beats all are acknowledged, so from then on every beat is a regular one.
    const Times sent = world.sent(7);
    BOOST_TEST(sent.size() > 30U);
    for (std::size_t i = 31; i < sent.size(); ++i)
      BOOST_TEST((sent[i] % 5s == 0s), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_beat_never_follows_the_one_before_it_within_the_floor) {
  World world;
  Options options = at_once();
  options.floor = 2s;
  world.transport.on(7).acknowledge().after(4s);  // answered just before the next grid point
  world.transport.on(7).fail();
  const Handle handle = world.registry->start(7, options);

  world.executor.run_for(60s);

  const Times sent = world.sent(7);
  for (std::size_t i = 1; i < sent.size(); ++i)
    BOOST_TEST((sent[i] - sent[i - 1] >= 2s));
}

BOOST_AUTO_TEST_CASE(how_late_beats_were_is_counted) {
  World world;
  const Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(6s);
  world.clock.advance(7s);
  world.executor.run_ready();

  // Three beats: two on time, the one of 10 s sent at 13 s.
  const LatenessHistogram lateness = world.registry->statistics().lateness;
  BOOST_TEST(lateness.counts[0] == 2U);
  BOOST_TEST((lateness.quantile(1.0) >= 3s));
  BOOST_TEST((lateness.quantile(1.0) <= 6s));
}

BOOST_AUTO_TEST_SUITE_END()
