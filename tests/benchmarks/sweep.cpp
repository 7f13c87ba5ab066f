// SPDX-License-Identifier: BSL-1.0
// One sweep() that finds 100 stalled heartbeats among as many as asked for: the median of several, in microseconds.
// Time is virtual, so that nobody but the sweep looks at what has stalled.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "measured.hpp"

namespace {

using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

struct Silent {
  void async_beat(const std::uint64_t&, const heartbeat::BeatContext&, heartbeat::BeatCompletion) {}
};

constexpr std::uint64_t stalled = 100;
constexpr int rounds = 25;

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  ManualClock clock;
  ManualExecutor executor{clock, 42};
  clock.advance(std::chrono::hours{10});
  using Registry = heartbeat::HeartbeatRegistry<std::uint64_t, Silent, ManualClock, ManualExecutor>;
  Registry registry{Silent{}, clock, executor, {}, {.gap_threshold = std::chrono::hours{1000}, .seed = 42}};
  constexpr std::chrono::hours ttl{9};
  Registry::Options options{.interval = std::chrono::hours{1}, .ttl = ttl};
  for (std::uint64_t key = 0; key < arguments.heartbeats; ++key)
    registry.start(key, options).detach();

  std::vector<double> microseconds;
  std::uint64_t next_key = arguments.heartbeats;
  for (int round = 0; round < rounds; ++round) {
    // Granted so long ago that their validity ends in 10 ms.
    options.granted_at = clock.now() - ttl + std::chrono::milliseconds{1010};
    for (std::uint64_t i = 0; i < stalled; ++i)
      registry.start(next_key++, options).detach();
    clock.advance(std::chrono::milliseconds{20});
    const auto began = std::chrono::steady_clock::now();
    const auto found = registry.sweep();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
    if (found.size() != stalled) {
      std::fprintf(stderr, "a sweep found %zu stalled heartbeats, not %zu\n", found.size(),
                   static_cast<std::size_t>(stalled));
      return 1;
    }
    microseconds.push_back(took.count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  std::printf("{\"heartbeats\": %zu, \"sweep_us\": %.2f, \"worst_us\": %.2f}\n",
              static_cast<std::size_t>(registry.size()), microseconds[rounds / 2], microseconds.back());
  std::fflush(stdout);
  std::quick_exit(0);
}
