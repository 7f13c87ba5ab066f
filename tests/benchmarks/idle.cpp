// SPDX-License-Identifier: BSL-1.0
// What a registry costs that has nothing to do for an hour: CPU time per time, in per cent of one processor.
#include <cstdlib>

#include <heartbeat/registry.hpp>

#include "measured.hpp"

namespace {

struct Acknowledging {
  void async_beat(const std::uint64_t&, const heartbeat::BeatContext&, heartbeat::BeatCompletion done) {
    done(heartbeat::BeatResult::acknowledged());
  }
};

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  heartbeat::HeartbeatRegistry<std::uint64_t, Acknowledging> registry{Acknowledging{}};
  for (std::uint64_t key = 0; key < arguments.heartbeats; ++key)
    registry.start(key, {.interval = std::chrono::hours{1}, .ttl = std::chrono::hours{10}}).detach();
  std::this_thread::sleep_for(std::chrono::seconds{1});
  const double cpu_before = benchmarks::cpu_seconds();
  std::this_thread::sleep_for(benchmarks::Seconds{arguments.seconds});
  const double cpu = benchmarks::cpu_seconds() - cpu_before;
  std::printf("{\"heartbeats\": %zu, \"cpu_percent\": %.4f}\n", static_cast<std::size_t>(registry.size()),
              100 * cpu / arguments.seconds);
  std::fflush(stdout);
  std::quick_exit(0);
}
