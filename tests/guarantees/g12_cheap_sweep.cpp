// SPDX-License-Identifier: BSL-1.0
// G12: a sweep costs in proportion to what has stalled, not to what is registered. It returns what it ended, each
// stalled heartbeat by one call only, and loses none for want of memory; it respects keep_beating and the grace after a
// time gap (F39). The work is counted, not timed: the engine reads the clock once for each slice of at most 256
// records that it looks at.
//
//   expected   100 of 100,000 stalled: 1 slice for each shard with something to do
//   never      100,000 / 256 slices
// Read next: g16_valid_until.cpp.
#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "failing_memory.hpp"
#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// A manual clock that counts how often it is read.
class CountingClock {
 public:
  using duration = ManualClock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CountingClock, duration>;
  static constexpr bool is_steady = true;

  [[nodiscard]] time_point now() const noexcept {
    ++*reads_;
    return time_point{time_->load()};
  }
  void advance(std::chrono::nanoseconds by) { *time_ = time_->load() + by; }
  [[nodiscard]] int reads() const { return *reads_; }

 private:
  std::shared_ptr<std::atomic<duration>> time_ = std::make_shared<std::atomic<duration>>(0s);
  std::shared_ptr<std::atomic<int>> reads_ = std::make_shared<std::atomic<int>>(0);
};

// An executor that never runs anything: only the sweep works.
struct SleepingExecutor {
  void post(Work& work) noexcept { work.drop(); }
  bool wake_by(Timer&, CountingClock::time_point) noexcept { return false; }
  bool cancel(Timer&) noexcept { return false; }
};

using Counted = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, CountingClock, SleepingExecutor>;

}  // namespace

BOOST_AUTO_TEST_SUITE(g12_cheap_sweep)

BOOST_AUTO_TEST_CASE(it_looks_at_what_has_stalled_and_not_at_what_is_registered) {
  for (const int healthy : {1000, 100'000}) {
    CountingClock clock;
    Counted registry{answering(acknowledge), clock, SleepingExecutor{}, {}, {.gap_threshold = 1000h, .shards = 1}};
    for (int key = 0; key < healthy; ++key)
      registry.start(key, {.interval = 10'000s, .ttl = 100'000s}).detach();
    for (int key = 0; key < 100; ++key)
      registry.start(-1 - key, {.interval = 5s, .ttl = 30s}).detach();
    clock.advance(28s);
    (void)registry.sweep();
    clock.advance(1s);
    const int before = clock.reads();

    const std::vector<int> stalled = registry.sweep();

    BOOST_TEST(stalled.size() == 100U);
    BOOST_TEST(clock.reads() - before <= 8);  // all of them would be 391 slices
  }
}

BOOST_AUTO_TEST_CASE(when_nothing_is_due_it_looks_at_nothing) {
  CountingClock clock;
  Counted registry{answering(acknowledge), clock, SleepingExecutor{}, {}, {.shards = 8}};
  for (int key = 0; key < 100'000; ++key)
    registry.start(key, {.interval = 3600s, .ttl = 36'000s}).detach();
  (void)registry.sweep();
  const int before = clock.reads();

  BOOST_TEST(registry.sweep().empty());

  BOOST_TEST(clock.reads() - before <= 8 * 2);
}

BOOST_AUTO_TEST_CASE(it_ends_what_has_stalled_without_waiting_for_the_executor) {
  World world;
  world.transport.on(1).never().always();
  const Handle dead = world.registry->start(1, at_once());
  Options patient = at_once();
  patient.ttl = 300s;
  const Handle healthy = world.registry->start(2, patient);
  world.executor.run_for(28900ms);
  world.clock.advance(100ms);

  BOOST_TEST((world.registry->sweep() == std::vector<int>{1}));

  BOOST_TEST(why(dead) == "stalled");
  BOOST_TEST(why(healthy) == "running");
  BOOST_TEST(world.registry->sweep().empty());
  world.executor.run_for(1min);
  BOOST_TEST(world.log.count(EventKind::ended) == 1U);
}

BOOST_AUTO_TEST_CASE(it_leaves_those_alone_who_keep_beating_and_those_in_grace) {
  World world;
  world.transport.otherwise().never();
  Options keeping = at_once();
  keeping.on_stall = OnStall::keep_beating;
  const Handle lapsed = world.registry->start(1, keeping);
  const Handle in_grace = world.registry->start(2, at_once());
  world.executor.run_for(1s);

  world.clock.advance(60s);  // a gap
  const std::vector<int> ended = world.registry->sweep();

  BOOST_TEST(ended.empty());
  BOOST_TEST(why(lapsed) == "running");
  BOOST_TEST(why(in_grace) == "running");
  BOOST_TEST(!in_grace.valid());
}

BOOST_AUTO_TEST_CASE(a_gap_that_a_sweep_met_first_is_counted_once) {
  World world;
  const Handle handle = world.registry->start(1, at_once());
  world.executor.run_for(1s);

  world.clock.advance(60s);
  (void)world.registry->sweep();
  (void)world.registry->sweep();
  world.executor.run_ready();

  BOOST_TEST(world.registry->statistics().time_gaps == 1U);
}

BOOST_AUTO_TEST_CASE(each_stalled_heartbeat_is_returned_by_one_of_many_sweeps) {
  constexpr int keys = 5000;
  for (int round = 0; round < 5; ++round) {
    CountingClock clock;
    Counted registry{answering(acknowledge), clock, SleepingExecutor{}, {}, {.gap_threshold = 1000h, .shards = 4}};
    for (int key = 0; key < keys; ++key)
      registry.start(key, {.interval = 5s, .ttl = 30s}).detach();
    clock.advance(28s);
    (void)registry.sweep();  // nobody was away, though the executor sleeps: there is no gap
    clock.advance(2s);

    std::vector<std::vector<int>> found(4);
    {
      std::vector<std::jthread> sweepers;
      for (auto& mine : found)
        sweepers.emplace_back([&] { mine = registry.sweep(); });
    }

    std::multiset<int> all;
    for (const auto& some : found)
      all.insert(some.begin(), some.end());
    BOOST_TEST(all.size() == static_cast<std::size_t>(keys));
    BOOST_TEST(std::set<int>(all.begin(), all.end()).size() == static_cast<std::size_t>(keys));
  }
}

// Memory runs out at the n-th allocation of the sweep, for every n: what ended is returned, by this call or a later
// one.
BOOST_AUTO_TEST_CASE(no_answer_is_lost_for_want_of_memory) {
  constexpr int keys = 1000;
  for (int n = 1;; ++n) {
    CountingClock clock;
    Counted registry{answering(acknowledge), clock, SleepingExecutor{}, {}, {.gap_threshold = 1000h, .shards = 2}};
    for (int key = 0; key < keys; ++key)
      registry.start(key, {.interval = 5s, .ttl = 30s}).detach();
    clock.advance(28s);
    (void)registry.sweep();
    clock.advance(2s);
    std::multiset<int> all;
    bool has_failed = false;

    while (registry.size() != 0) {
      std::vector<int> some;
      {
        const FailingMemory memory{has_failed ? 0 : n};
        try {
          some = registry.sweep();
        } catch (const std::bad_alloc&) {
        }
        if (!has_failed) has_failed = memory.has_failed();
      }
      all.insert(some.begin(), some.end());
      if (!has_failed) break;
    }

    BOOST_TEST(all.size() == static_cast<std::size_t>(keys));
    if (!has_failed) break;
  }
}

BOOST_AUTO_TEST_SUITE_END()
