// SPDX-License-Identifier: BSL-1.0
// The receiving side at many keys of 16 bytes: the CPU of a touch, of a key drawn at random, by one thread; resident
// bytes per key; and the CPU of an expiry, from the wheel to a sink that counts. All keys fall silent at once, and time
// is virtual, so that only the monitor works.
#include <cstdlib>

#include <heartbeat/monitor.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "measured.hpp"

template <>
struct std::hash<benchmarks::SessionId> {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

namespace {

using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

constexpr std::chrono::seconds moment{1};
constexpr std::chrono::seconds ttl{30};

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  ManualClock clock;
  ManualExecutor executor{clock, 42};
  std::uint64_t told = 0;
  heartbeat::HeartbeatMonitor<benchmarks::SessionId, ManualClock, ManualExecutor> monitor{
      clock, executor, [&](const auto&) { ++told; }, {.event_capacity = 1'000'000'000}};
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number)
    monitor.watch(benchmarks::session_id(number), ttl);
  const auto keys = static_cast<double>(arguments.heartbeats);
  const double bytes = (benchmarks::resident_bytes() - bytes_before) / keys;

  std::mt19937_64 random{42};
  std::uint64_t touched = 0;
  executor.run_for(moment);
  double began = benchmarks::cpu_seconds();
  for (std::uint64_t i = 0; i < arguments.heartbeats; ++i)
    touched += monitor.touch(benchmarks::session_id(random() % arguments.heartbeats)) ? 1 : 0;
  const double touch = (benchmarks::cpu_seconds() - began) / keys;

  began = benchmarks::cpu_seconds();
  executor.run_for(ttl + moment);
  const double expiry = (benchmarks::cpu_seconds() - began) / keys;

  std::printf("{\"keys\": %.0f, \"touch_ns\": %.1f, \"expiry_ns\": %.1f, \"bytes\": %.1f}\n", keys, touch * 1e9,
              expiry * 1e9, bytes);
  if (touched == arguments.heartbeats && told == arguments.heartbeats) return 0;
  std::fprintf(stderr, "%zu keys were touched and %zu expired\n", static_cast<std::size_t>(touched),
               static_cast<std::size_t>(told));
  return 1;
}
