// SPDX-License-Identifier: BSL-1.0
// What a registry costs whose heartbeats beat once an hour: CPU time per time, in per cent of one processor. A million
// of them still make 278 beats a second, spread evenly: as many wake-ups, unless a longer tick merges them.
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
  const auto tick = std::chrono::round<std::chrono::nanoseconds>(benchmarks::Seconds{arguments.tick});
  heartbeat::HeartbeatRegistry<std::uint64_t, Acknowledging> registry{Acknowledging{}, {}, {.tick = tick}};
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
