// SPDX-License-Identifier: BSL-1.0
// G1: at most one beat of a heartbeat is in flight; in flight: from claim until answered, dropped or timed out. A
// blocking transport is never called twice at once for one key, however long it stays away.
//
//   expected   |--beat 1 (slow)--------|        |--beat 2--|
//   never      |--beat 1 (slow)-----|--beat 2--|--|             grid points that pass meanwhile are skipped
// Read next: g07_no_burst.cpp, what becomes of the skipped ones.
#include <algorithm>
#include <atomic>
#include <random>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g01_one_beat_in_flight)

BOOST_AUTO_TEST_CASE(while_an_answer_is_missing_no_second_beat_is_sent) {
  World world;
  Options options = at_once();
  options.beat_timeout = 20s;
  world.transport.on(7).held();
  const Handle handle = world.registry->start(7, options);

  world.executor.run_for(9s);

  BOOST_TEST(world.transport.beats().size() == 1);
  BOOST_TEST(world.registry->statistics().in_flight == 1);
  BOOST_TEST((world.registry->status(7)->state == HeartbeatState::in_flight));
}

BOOST_AUTO_TEST_CASE(the_late_beat_is_sent_once_the_answer_is_there_and_the_next_one_on_the_grid) {
  World world;
  Options options = at_once();
  options.beat_timeout = 20s;
  world.transport.on(7).acknowledge().after(9s);
  const Handle handle = world.registry->start(7, options);

  world.executor.run_for(11s);

  BOOST_TEST(world.sent(7) == (std::vector<std::chrono::nanoseconds>{0s, 9s, 10s}), world.transport.transcript());
}

BOOST_AUTO_TEST_CASE(a_retry_waits_until_the_beat_before_it_was_abandoned) {
  World world;
  world.transport.otherwise().never();
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(60s);

  const auto calls = world.transport.beats_of(7);
  BOOST_TEST(calls.size() >= 3U);
  for (std::size_t i = 1; i < calls.size(); ++i)
    BOOST_TEST((calls[i].at >= calls[i - 1].at + calls[i - 1].timeout));
  BOOST_TEST(world.registry->statistics().timed_out == calls.size());
}

BOOST_AUTO_TEST_CASE(beats_of_one_key_never_overlap_whatever_the_server_does) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    std::mt19937_64 random{seed};
    std::vector<std::chrono::nanoseconds> delays;
    for (int i = 0; i < 60; ++i) {
      delays.emplace_back(std::chrono::milliseconds{random() % 9000});
      const bool is_acknowledged = random() % 3 != 0;
      world.transport.on(7)
          .answer(is_acknowledged ? BeatResult::acknowledged() : BeatResult::failed({}))
          .after(delays.back());
    }
    Options options = at_once();
    options.on_stall = OnStall::keep_beating;
    const Handle handle = world.registry->start(7, options);

    world.executor.run_for(150s);

    const auto calls = world.transport.beats_of(7);
    BOOST_TEST_REQUIRE(calls.size() > 5U);
    BOOST_TEST_REQUIRE(calls.size() <= delays.size());
    for (std::size_t i = 1; i < calls.size(); ++i) {
      const auto over = calls[i - 1].at + std::min(delays[i - 1], calls[i - 1].timeout);
      BOOST_TEST((calls[i].at >= over), "seed " << seed << ": beat " << i << " overlaps\n"
                                                << world.transport.transcript());
    }
  }
}

// The transport does not come back, though its timeout has passed and its token has fired. (F10)
BOOST_AUTO_TEST_CASE(a_blocking_transport_that_does_not_come_back_is_not_called_again_for_that_key) {
  ManualClock clock;
  EventLog<int, ManualClock> log;
  Door entered;
  Door leave;
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  {
    ManualBlockingRegistry registry{blocking([&](const int&, const BeatContext&) {
                                      most_inside = std::max(most_inside.load(), ++inside);
                                      entered.open();
                                      leave.wait();
                                      --inside;
                                      return BeatResult::acknowledged();
                                    }),
                                    clock, ManualThreads{clock}, log, no_gaps()};
    ManualBlockingRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
    options.on_stall = OnStall::keep_beating;
    auto handle = registry.start(7, options);
    BOOST_TEST_REQUIRE(entered.wait());

    clock.advance(20s);
    BOOST_TEST_REQUIRE(log.wait_for(EventKind::missed, 1));
    for (std::size_t misses = 2; misses <= 4; ++misses) {
      clock.advance(20s);
      BOOST_TEST_REQUIRE(log.wait_for(EventKind::missed, misses));
      BOOST_CHECK(log.of_kind(EventKind::missed).back().error == errc::transport_stuck);
    }

    BOOST_TEST(inside.load() == 1);
    BOOST_TEST(most_inside.load() == 1);
    BOOST_TEST(registry.statistics().not_sent >= 3U);
    leave.open();
  }
  BOOST_TEST(most_inside.load() == 1);
}

// Who keeps a connection per key must not find two calls on it, however often the key is stopped and started.
BOOST_AUTO_TEST_CASE(blocking_calls_of_one_key_take_turns_across_its_heartbeats) {
  ManualClock clock;
  Tally entered;
  Tally answered;
  Door leave;
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  ManualBlockingRegistry registry{blocking([&](const int&, const BeatContext&) {
                                    most_inside = std::max(most_inside.load(), ++inside);
                                    entered.add();
                                    leave.wait();
                                    --inside;
                                    answered.add();
                                    return BeatResult::acknowledged();
                                  }),
                                  clock,
                                  ManualThreads{clock},
                                  {},
                                  no_gaps()};
  const ManualBlockingRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
  auto handle = registry.start(7, options);
  BOOST_TEST_REQUIRE(entered.reaches(1));

  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(registry.stop(7));
    handle = registry.start(7, options);
    auto other = registry.start(100 + i, options);  // sent at once, so the new one of key 7 would have been too
    BOOST_TEST_REQUIRE(entered.reaches(2 + i));
    other.detach();
  }
  BOOST_TEST((registry.status(7)->state == HeartbeatState::held));
  leave.open();

  BOOST_TEST(answered.reaches(7), "the last heartbeat of the key beats now");
  BOOST_TEST(eventually("the last heartbeat to be valid", [&] { return handle.valid(); }));
  BOOST_TEST(most_inside.load() == 6, "one of each key");
}

BOOST_AUTO_TEST_CASE(who_waits_too_long_for_an_old_call_ends_as_failed_and_says_why) {
  ManualClock clock;
  EventLog<int, ManualClock> log;
  Door entered;
  Door leave;
  {
    ManualBlockingRegistry registry{blocking([&](const int&, const BeatContext&) {
                                      entered.open();
                                      leave.wait();
                                      return BeatResult::acknowledged();
                                    }),
                                    clock, ManualThreads{clock}, log, no_gaps()};
    const ManualBlockingRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
    auto handle = registry.start(7, options);
    BOOST_TEST_REQUIRE(entered.wait());
    handle = {};
    handle = registry.start(7, options);

    pass(clock, registry, 29s);

    BOOST_TEST_REQUIRE(log.wait_for(EventKind::ended, 2));
    BOOST_CHECK(handle.ended() == EndReason::failed);
    BOOST_CHECK(log.of_kind(EventKind::ended).back().error == errc::old_call_stuck);
    leave.open();
  }
}

BOOST_AUTO_TEST_SUITE_END()
