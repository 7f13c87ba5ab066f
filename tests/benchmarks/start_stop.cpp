// SPDX-License-Identifier: BSL-1.0
// start and stop of one heartbeat, on one thread and on two with different keys, among 100,000 that run.
#include <benchmark/benchmark.h>

#include <heartbeat/registry.hpp>

#include "measured.hpp"

namespace {

struct Acknowledging {
  void async_beat(const std::uint64_t&, const heartbeat::BeatContext&, heartbeat::BeatCompletion done) {
    done(heartbeat::BeatResult::acknowledged());
  }
};

using Registry = heartbeat::HeartbeatRegistry<std::uint64_t, Acknowledging>;
const Registry::Options hourly{.interval = std::chrono::hours{1}, .ttl = std::chrono::hours{10}};

Registry& registry() {
  static Registry& running = *[] {
    auto* made = new Registry{Acknowledging{}};  // outlives all threads of the benchmark
    for (std::uint64_t key = 0; key < 100'000; ++key)
      made->start(key, hourly).detach();
    return made;
  }();
  return running;
}

void start_stop(benchmark::State& state) {
  Registry& here = registry();
  std::uint64_t key = (static_cast<std::uint64_t>(state.thread_index()) + 1) << 40;
  for (auto _ : state) {
    auto handle = here.start(++key, hourly);
    benchmark::DoNotOptimize(handle.stop());
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(start_stop)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
