// SPDX-License-Identifier: BSL-1.0
// G10 for calls that block: sessions of a dead server take no thread that a living one needs, a pool that is large
// enough loses nobody, and one that is too small says so (F7, F16, K10). The calls stand on real stacks, and virtual
// time passes meanwhile: ../model/lock_step_pool.hpp.
//
//    pool       256 threads, 200 sessions whose calls last 5 s, 50 whose calls last 5 ms: nobody of the 50 ends
//               8 threads, 100 sessions that need 20 of them: some wait, which is counted and told
// Read next: g10_no_one_delays_another.cpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../model/lock_step_pool.hpp"
#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

using PoolExecutor = model::WithPool<ManualExecutor>;

// Answers from living servers take so long; sessions from that key on have a dead one, and their calls keep to their
// timeout.
struct BlockingServers {
  model::LockStepPool* pool;
  std::map<int, std::vector<ManualClock::time_point>>* sent;  // by key
  ManualClock clock;
  Duration round_trip;
  int first_dead;

  BeatResult beat(const int& key, const BeatContext& context) const {
    (*sent)[key].push_back(clock.now());
    const bool is_dead = key >= first_dead;
    pool->park_for(is_dead ? Duration{context.timeout()} : round_trip);
    return is_dead ? BeatResult::failed(std::make_error_code(std::errc::timed_out)) : BeatResult::acknowledged();
  }
};

using PoolRegistry = HeartbeatRegistry<int, BlockingServers, ManualClock, PoolExecutor>;

struct PoolWorld {
  PoolWorld(std::size_t threads, Duration round_trip, int first_dead) : executor{clock, 1}, pool{executor, threads} {
    registry.emplace(BlockingServers{&pool, &sent, clock, round_trip, first_dead}, clock, PoolExecutor{executor, pool},
                     log, RegistryOptions{.seed = 1, .shards = 4});
  }
  PoolWorld(const PoolWorld&) = delete;
  PoolWorld& operator=(const PoolWorld&) = delete;
  ~PoolWorld() {
    registry->shutdown();
    executor.run_for(1min);  // every call returns: nobody waits for one in real time
    registry.reset();
  }

  // The keys from one to another.
  std::vector<PoolRegistry::Handle> start(int from, int to, const PoolRegistry::Options& options) {
    std::vector<PoolRegistry::Handle> handles;
    for (int key = from; key < to; ++key)
      handles.push_back(registry->start(key, options));
    return handles;
  }

  ManualClock clock;
  ManualExecutor executor;
  Log log;
  std::map<int, std::vector<ManualClock::time_point>> sent;
  model::LockStepPool pool;
  std::optional<PoolRegistry> registry;
};

std::ptrdiff_t ended_of(const std::vector<PoolRegistry::Handle>& handles) {
  return std::count_if(handles.begin(), handles.end(), [](const auto& handle) { return handle.ended(); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g10_blocking_pool)

BOOST_AUTO_TEST_CASE(sessions_of_a_dead_server_take_no_thread_that_the_living_need) {
  PoolWorld world{256, 5ms, 50};
  const auto living = world.start(0, 50, {});
  const auto dead = world.start(50, 250, {});

  world.executor.run_for(2min);

  BOOST_TEST(ended_of(living) == 0);
  BOOST_TEST(ended_of(dead) == 200);
}

BOOST_AUTO_TEST_CASE(repeated_attempts_take_at_most_half_of_a_small_pool) {
  PoolWorld world{16, 5ms, 20};
  const auto living = world.start(0, 20, {});
  const auto dead = world.start(20, 80, {.on_stall = OnStall::keep_beating});

  world.executor.run_for(1min);  // first beats are no repeated attempts, and have what there is
  world.sent.clear();
  world.executor.run_for(1min);

  BOOST_TEST(ended_of(living) == 0);
  BOOST_TEST(ended_of(dead) == 0);
  for (int key = 0; key < 20; ++key) {
    const auto& times = world.sent[key];
    const auto is_late = [](auto before, auto after) { return after - before > 5s + 2 * 5ms; };
    const bool is_never_late = std::adjacent_find(times.begin(), times.end(), is_late) == times.end();
    BOOST_TEST((times.size() >= 11 && is_never_late), "session " << key << ": beats are missing or late");
  }
}

BOOST_AUTO_TEST_CASE(a_pool_that_is_large_enough_loses_nobody_and_counts_nobody) {
  PoolWorld world{256, 200ms, 100};
  const auto handles = world.start(0, 100, {.interval = 1s, .ttl = 3s});

  world.executor.run_for(1min);

  BOOST_TEST(ended_of(handles) == 0);
  BOOST_TEST(world.registry->statistics().starved == 0U);
  BOOST_TEST(world.log.count(EventKind::overloaded) == 0U);
}

BOOST_AUTO_TEST_CASE(a_pool_that_is_too_small_is_counted_and_told) {
  PoolWorld world{8, 200ms, 100};
  const auto handles = world.start(0, 100, {.interval = 1s, .ttl = 3s});

  world.executor.run_for(1min);

  const Statistics counted = world.registry->statistics();
  BOOST_TEST(counted.starved > 0U);
  BOOST_TEST(counted.acknowledged > 0U);
  const auto told = world.log.of_kind(EventKind::overloaded);
  BOOST_REQUIRE(!told.empty());
  BOOST_CHECK(told.front().error == errc::blocking_pool_busy);
  BOOST_TEST(told.front().text.find("blocking_threads") != std::string::npos);
  const auto ends = world.log.of_kind(EventKind::ended);
  BOOST_TEST(!ends.empty());
  for (const auto& end : ends)  // the server has answered whatever it was asked
    BOOST_CHECK(end.error == errc::blocking_pool_busy);
}

BOOST_AUTO_TEST_SUITE_END()
