// SPDX-License-Identifier: BSL-1.0
// G10: one slow or dead session, server or callback does not delay another heartbeat past its own executor share. This
// concerns beats, timeouts, validity and tokens; events are serial: a stuck sink delays events alone (F7, K5, K24).
//
//   stuck sink    |--- inside the sink -------------------------------- ... --|
//   expected      beat   beat   beat   end of validity, token                  events, joined
// Read next: g12_cheap_sweep.cpp.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

ManualThreadRegistry::Options every_5s() {
  return {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g10_no_one_delays_another)

BOOST_AUTO_TEST_CASE(a_stuck_sink_delays_no_beat) {
  ManualClock clock;
  Door entered;
  Door leave;
  Tally beats;
  ManualThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                                  completion(BeatResult::acknowledged());
                                  beats.add();
                                }),
                                clock, ManualThreads{clock},
                                [&](const ManualThreadRegistry::EventType&) {
                                  entered.open();
                                  leave.wait();
                                },
                                no_gaps()};
  auto handle = registry.start(7, every_5s());
  BOOST_TEST_REQUIRE(entered.wait());

  for (int i = 1; i <= 20; ++i) {
    BOOST_TEST_REQUIRE(beats.reaches(i));
    BOOST_TEST(handle.valid());
    clock.advance(5s);
  }
  BOOST_TEST(beats.reaches(21));
  leave.open();
}

BOOST_AUTO_TEST_CASE(a_stuck_sink_delays_no_end_and_no_token) {
  ManualClock clock;
  Door entered;
  Door leave;
  Door told;
  ManualThreadRegistry registry{
      answering([](const int&, const BeatContext&, BeatCompletion completion) { completion(BeatResult::failed({})); }),
      clock, ManualThreads{clock},
      [&](const ManualThreadRegistry::EventType&) {
        entered.open();
        leave.wait();
      },
      no_gaps()};
  auto handle = registry.start(7, every_5s());
  const std::stop_callback on_end{handle.stop_token(), [&] { told.open(); }};
  BOOST_TEST_REQUIRE(entered.wait());

  pass(clock, registry, 29s);

  BOOST_TEST(told.wait());
  BOOST_TEST(why(handle) == "stalled");
  leave.open();
}

BOOST_AUTO_TEST_CASE(a_stuck_stop_callback_delays_neither_beats_nor_other_tokens) {
  ManualClock clock;
  Door entered;
  Door leave;
  Door other_told;
  Tally beats;
  ManualThreadRegistry registry{answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
                                  completion(key == 3 ? BeatResult::acknowledged() : BeatResult::gone());
                                  if (key == 3) beats.add();
                                }),
                                clock,
                                ManualThreads{clock},
                                {},
                                no_gaps()};
  ManualThreadRegistry::Options later = every_5s();
  later.first_beat = FirstBeat::spread;
  auto stuck = registry.start(1, later);
  auto other = registry.start(2, later);
  const std::stop_callback on_stuck{stuck.stop_token(), [&] {
                                      entered.open();
                                      leave.wait();
                                    }};
  const std::stop_callback on_other{other.stop_token(), [&] { other_told.open(); }};
  clock.advance(5s);
  BOOST_TEST_REQUIRE(entered.wait());

  BOOST_TEST(other_told.wait());
  auto healthy = registry.start(3, every_5s());
  for (int i = 1; i <= 5; ++i) {
    BOOST_TEST_REQUIRE(beats.reaches(i));
    clock.advance(5s);
  }
  BOOST_TEST(healthy.valid());
  leave.open();
}

// A call that does not come back holds one thread of the pool, and that key's beats alone.
BOOST_AUTO_TEST_CASE(a_blocking_call_that_is_stuck_delays_no_other_key) {
  ManualClock clock;
  Door leave;
  Tally stuck;
  EventLog<int, ManualClock> log;
  ManualBlockingRegistry registry{blocking([&](const int& key, const BeatContext&) {
                                    if (key == 1) {
                                      stuck.add();
                                      leave.wait();
                                    }
                                    return BeatResult::acknowledged();
                                  }),
                                  clock, ManualThreads{clock, {.threads = 1, .blocking_threads = 4}}, log, no_gaps()};
  auto dead = registry.start(1, every_5s());
  BOOST_TEST_REQUIRE(stuck.reaches(1));
  auto healthy = registry.start(2, every_5s());

  for (int i = 1; i <= 10; ++i) {
    BOOST_TEST_REQUIRE(log.wait_for(EventKind::acknowledged, static_cast<std::size_t>(i)));
    clock.advance(5s);
  }

  BOOST_TEST(healthy.valid());
  BOOST_TEST(!dead.valid());
  leave.open();
}

// A dead server holds every thread that may call it; validity ends, and is told, all the same.
BOOST_AUTO_TEST_CASE(a_server_that_holds_every_call_delays_no_end_token_or_event) {
  constexpr int keys = 12;
  ManualClock clock;
  Door leave;
  Tally stuck;
  Tally tokens;
  EventLog<int, ManualClock> log;
  ManualBlockingRegistry registry{blocking([&](const int&, const BeatContext&) {
                                    stuck.add();
                                    leave.wait();
                                    return BeatResult::acknowledged();
                                  }),
                                  clock, ManualThreads{clock, {.threads = 1, .blocking_threads = 6}}, log, no_gaps()};
  std::vector<ManualBlockingRegistry::Handle> handles;
  std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks;
  for (int key = 0; key < keys; ++key) {
    handles.push_back(registry.start(key, every_5s()));
    callbacks.push_back(std::make_unique<std::stop_callback<std::function<void()>>>(handles.back().stop_token(),
                                                                                    [&] { tokens.add(); }));
  }
  BOOST_TEST_REQUIRE(stuck.reaches(4));

  pass(clock, registry, 29s);

  BOOST_TEST(tokens.reaches(keys));
  BOOST_TEST(log.wait_for(EventKind::ended, keys));
  for (const auto& handle : handles)
    BOOST_TEST(why(handle) == "stalled");
  leave.open();
}

// One shard has always something to send: the others get their turn. A call takes a second of virtual time.
BOOST_AUTO_TEST_CASE(a_busy_shard_does_not_starve_the_others) {
  using Slow = HeartbeatRegistry<int, FunctionTransport<BlockingBeat>, ManualClock, ManualExecutor>;
  for (const std::uint64_t busy_shard : {0U, 1U}) {
    ManualClock clock;
    ManualExecutor executor{clock, 3};
    std::map<int, int> beats;
    Slow registry{blocking([&](const int& key, const BeatContext&) {
                    ++beats[key];
                    clock.advance(1s);
                    return BeatResult::acknowledged();
                  }),
                  clock,
                  executor,
                  {},
                  no_gaps(2)};
    const Slow::Options options{.interval = 2s, .ttl = 3600s, .first_beat = FirstBeat::now};
    for (int n = 0; n < 5; ++n)
      registry.start(key_in(busy_shard, 2, n), options).detach();
    const int patient = key_in(1 - busy_shard, 2);
    registry.start(patient, options).detach();

    for (int steps = 0; steps < 2000; ++steps) {  // there is always something to do, so time alone would not end it
      if (!executor.run_one()) clock.advance(100ms);
    }

    BOOST_TEST(beats[patient] >= 10);
  }
}

// The sink is slow and one shard's heartbeats always have news: the other shard's are told too.
BOOST_AUTO_TEST_CASE(a_busy_shards_events_do_not_starve_the_others) {
  for (const std::uint64_t busy_shard : {0U, 1U}) {
    ManualClock clock;
    ManualExecutor executor{clock, 5};
    int told_of_patient = 0;
    const int patient = key_in(1 - busy_shard, 2);
    const auto sink = [&](const Registry::EventType& event) {
      if (event.key == patient) ++told_of_patient;
      clock.advance(1s);
    };
    Registry registry{ScriptedTransport<int>{executor}, clock, executor, sink, no_gaps(2)};
    const Options options{.interval = 2s, .ttl = 3600s, .first_beat = FirstBeat::now};
    for (int n = 0; n < 5; ++n)
      registry.start(key_in(busy_shard, 2, n), options).detach();
    registry.start(patient, options).detach();

    for (int steps = 0; steps < 2000; ++steps) {  // there is always something to do, so time alone would not end it
      if (!executor.run_one()) clock.advance(100ms);
    }

    BOOST_TEST(told_of_patient >= 10);
  }
}

// Of what is due at once, what is nearest to the end of its validity goes first.
BOOST_AUTO_TEST_CASE(who_is_nearest_to_valid_until_is_sent_first) {
  ManualClock clock;
  ManualExecutor executor{clock};
  std::vector<int> order;
  using Inline = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;
  Inline registry{answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
                    order.push_back(key);
                    completion(BeatResult::acknowledged());
                  }),
                  clock,
                  executor,
                  {},
                  {.seed = 1, .shards = 1}};
  for (const int key : {40, 20, 50, 30, 10}) {
    registry.start(key, {.interval = 5s, .ttl = std::chrono::seconds{key}, .first_beat = FirstBeat::now}).detach();
  }

  executor.run_ready();

  BOOST_TEST((order == std::vector<int>{10, 20, 30, 40, 50}));
}

// F16: the sessions of a dead server use up their half of the limit, and the living lose no beat.
BOOST_AUTO_TEST_CASE(a_dead_server_that_fills_the_limit_costs_the_living_no_beat) {
  World world{{.max_in_flight = 10, .seed = 1, .shards = 4}};
  constexpr int dead = 100;
  constexpr int living = 20;
  Options options = without_close();
  options.first_beat = FirstBeat::spread;
  options.on_stall = OnStall::keep_beating;
  std::vector<Handle> handles;
  for (int key = 0; key < living; ++key) {
    world.transport.on(key).acknowledge().after(10ms).always();
    handles.push_back(world.registry->start(key, options));
  }
  world.executor.run_for(6s);
  for (int key = living; key < living + dead; ++key) {
    world.transport.on(key).never().always();
    handles.push_back(world.registry->start(key, options));
  }

  const auto check_living = [&](const Handle& handle) { return handle.valid(); };
  const auto run = [&](int tenths) {
    for (int i = 0; i < tenths; ++i) {
      world.executor.run_for(100ms);
      BOOST_REQUIRE_LE(world.registry->statistics().in_flight, 10U);
      BOOST_REQUIRE(std::all_of(handles.begin(), handles.begin() + living, check_living));
    }
  };
  run(600);  // the first attempts are nobody's second: until they are through, the living wait, and stay valid
  std::vector<std::size_t> before;
  for (int key = 0; key < living; ++key)
    before.push_back(world.sent(key).size());
  run(600);

  for (int key = 0; key < living; ++key)
    BOOST_TEST(world.sent(key).size() - before[static_cast<std::size_t>(key)] == 12U);
}

BOOST_AUTO_TEST_SUITE_END()
