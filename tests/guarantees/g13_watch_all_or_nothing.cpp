// SPDX-License-Identifier: BSL-1.0
// G13 on the receiving side: watch either watches or leaves everything as it was, out of memory at each of its
// allocations in turn; and a sweep that runs out of memory loses no expiry.
#include <chrono>
#include <new>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor.hpp>

#include "failing_memory.hpp"
#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

using WatchMonitor = heartbeat::HeartbeatMonitor<std::string, ManualClock, ManualExecutor>;

// A key that does not fit inline, so that copying it allocates.
[[nodiscard]] std::string long_key(int number) {
  return "a session whose name is too long to be held inline, number " + std::to_string(number);
}

// Calls `fn` with its n-th allocation failing; true if one failed, and then std::bad_alloc left `fn`.
template <class Fn>
[[nodiscard]] bool runs_out_of_memory(int n, Fn fn) {
  bool has_thrown = false;
  bool has_failed = false;
  {
    const FailingMemory memory{n};
    try {
      fn();
    } catch (const std::bad_alloc&) {
      has_thrown = true;
    }
    has_failed = memory.has_failed();
  }
  BOOST_TEST(has_thrown == has_failed);
  return has_failed;
}

struct WatchWorld {
  ManualClock clock;
  ManualExecutor executor{clock};
  std::vector<std::string> told;
  WatchMonitor monitor{clock, executor, [this](const auto& expiry) { told.push_back(expiry.key); }, {.shards = 1}};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(g13_watch_all_or_nothing)

BOOST_AUTO_TEST_CASE(g13_a_watch_that_runs_out_of_memory_leaves_everything_as_it_was) {
  WatchWorld world;
  int failures = 0;
  const std::string key = long_key(0);
  for (;; ++failures) {
    std::string name = key;
    if (!runs_out_of_memory(failures + 1, [&] { world.monitor.watch(std::move(name), 30s); })) break;
    BOOST_TEST(!world.monitor.contains(key));
    BOOST_TEST(world.monitor.size() == 0u);
    BOOST_TEST(world.monitor.statistics().watched == 0u);
    BOOST_TEST(world.executor.is_idle());
  }

  BOOST_TEST(failures >= 2);  // the record, and the wheel's chunks
  BOOST_TEST(world.monitor.contains(key));
  world.executor.run_for(30s);
  BOOST_TEST(world.told.size() == 1u);
}

BOOST_AUTO_TEST_CASE(g13_a_replacement_that_runs_out_of_memory_leaves_the_old_generation_watched) {
  WatchWorld world;
  const std::string key = long_key(0);
  const auto old = world.monitor.watch(key, 30s);
  int failures = 0;
  for (;; ++failures) {
    std::string name = key;
    if (!runs_out_of_memory(failures + 1, [&] {
          world.monitor.watch(std::move(name), {.ttl = 60s, .if_watched = heartbeat::IfWatched::replace});
        })) {
      break;
    }
    BOOST_TEST(world.monitor.status(key)->generation == old);
    BOOST_TEST(world.monitor.statistics().forgotten == 0u);
  }

  BOOST_TEST(failures >= 1);
  BOOST_TEST(world.monitor.status(key)->generation != old);
  BOOST_TEST(world.monitor.size() == 1u);
}

BOOST_AUTO_TEST_CASE(g13_among_many_keys_each_watch_may_fail_at_each_of_its_allocations) {
  WatchWorld world;
  for (int number = 0; number < 1'000; ++number) {
    std::string name = long_key(number);
    for (int n = 2; runs_out_of_memory(n, [&] { world.monitor.watch(name, 30s); });) {
      BOOST_TEST(!world.monitor.contains(name));
      ++n;
    }
  }

  BOOST_TEST(world.monitor.size() == 1'000u);
  for (int number = 0; number < 1'000; ++number)
    BOOST_TEST(world.monitor.touch(long_key(number)));
}

BOOST_AUTO_TEST_CASE(g13_touch_expiry_and_forget_need_no_memory) {
  WatchWorld world;
  const std::string one = long_key(1);
  const std::string other = long_key(2);
  world.told.reserve(8);
  world.monitor.watch(one, 30s);
  world.monitor.watch(other, 30s);
  bool was_watched = false;
  bool is_forgotten = false;

  const bool has_failed = runs_out_of_memory(1, [&] {
    was_watched = world.monitor.touch(one);
    is_forgotten = world.monitor.forget(other);
  });

  BOOST_TEST(!has_failed);
  BOOST_TEST(was_watched);
  BOOST_TEST(is_forgotten);
}

BOOST_AUTO_TEST_CASE(g13_a_sweep_that_runs_out_of_memory_loses_no_expiry) {
  for (int n = 1;; ++n) {
    WatchWorld world;
    world.told.reserve(100);
    for (int number = 0; number < 100; ++number)
      world.monitor.watch(long_key(number), 30s);
    world.executor.run_for(29s);
    world.clock.advance(1s);

    std::vector<std::string> swept;
    bool has_failed = false;
    {
      const FailingMemory memory{n};
      try {
        swept = world.monitor.sweep();
      } catch (const std::bad_alloc&) {
      }
      has_failed = memory.has_failed();
    }
    BOOST_TEST(world.monitor.statistics().untold == 100u - swept.size());
    world.executor.run_for(1s);  // the sink is told of the rest

    BOOST_TEST(world.told.size() + swept.size() == 100u);
    BOOST_TEST(world.monitor.sweep().empty());
    if (has_failed) continue;
    BOOST_TEST(swept.size() == 100u);
    BOOST_TEST(n > 3);
    break;
  }
}

BOOST_AUTO_TEST_SUITE_END()
