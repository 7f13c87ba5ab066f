// SPDX-License-Identifier: BSL-1.0
// How late beats are sent, of as many heartbeats as asked for: the registry's own histogram over a span that begins
// when all of them have beaten once. Its quantiles are upper bounds, at most a quarter too large.
#include <cstdlib>
#include <cstring>

#include <heartbeat/registry.hpp>

#include "measured.hpp"

namespace {

struct Acknowledging {
  void async_beat(const std::uint64_t&, const heartbeat::BeatContext&, heartbeat::BeatCompletion done) {
    done(heartbeat::BeatResult::acknowledged());
  }
};

heartbeat::LatenessHistogram difference(heartbeat::LatenessHistogram all, const heartbeat::LatenessHistogram& before) {
  for (std::size_t i = 0; i < all.counts.size(); ++i)
    all.counts[i] -= before.counts[i];
  return all;
}

}  // namespace

// lateness <heartbeats> <interval in seconds> <seconds>
int main(int count, char** words) {
  if (count != 4) {
    std::fputs("usage: lateness <heartbeats> <interval in seconds> <seconds>\n", stderr);
    return 2;
  }
  const std::uint64_t heartbeats = std::strtoull(words[1], nullptr, 10);
  const std::chrono::seconds interval{std::strtoll(words[2], nullptr, 10)};
  const benchmarks::Seconds span{std::strtod(words[3], nullptr)};

  const double bytes_before = benchmarks::resident_bytes();
  heartbeat::HeartbeatRegistry<std::uint64_t, Acknowledging> registry{Acknowledging{}};
  for (std::uint64_t key = 0; key < heartbeats; ++key)
    registry.start(key, {.interval = interval, .ttl = 6 * interval}).detach();
  std::this_thread::sleep_for(interval + benchmarks::Seconds{1});
  const heartbeat::Statistics before = registry.statistics();
  const double cpu_before = benchmarks::cpu_seconds();
  std::this_thread::sleep_for(span);
  const heartbeat::Statistics after = registry.statistics();
  const double cpu = benchmarks::cpu_seconds() - cpu_before;

  const auto lateness = difference(after.lateness, before.lateness);
  const auto beats = after.sent - before.sent;
  std::printf("{\"heartbeats\": %zu, \"beats\": %zu, \"skipped\": %zu, \"bytes\": %.1f, \"cpu_ns_per_beat\": %.1f, ",
              static_cast<std::size_t>(heartbeats), static_cast<std::size_t>(beats),
              static_cast<std::size_t>(after.skipped - before.skipped),
              (benchmarks::resident_bytes() - bytes_before) / static_cast<double>(heartbeats),
              cpu * 1e9 / static_cast<double>(beats));
  std::printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"buckets\": [",
              static_cast<double>(lateness.quantile(0.5).count()) / 1000,
              static_cast<double>(lateness.quantile(0.99).count()) / 1000,
              static_cast<double>(lateness.quantile(0.999).count()) / 1000);
  const char* separator = "";
  for (std::size_t i = 0; i < lateness.counts.size(); ++i) {
    if (lateness.counts[i] == 0) continue;
    std::printf("%s[%.3f, %zu]", separator, static_cast<double>(lateness.limit_of(i).count()) / 1000,
                static_cast<std::size_t>(lateness.counts[i]));
    separator = ", ";
  }
  std::puts("]}");
  const double due = static_cast<double>(heartbeats) * span.count() / static_cast<double>(interval.count());
  std::fflush(stdout);
  std::quick_exit(std::abs(static_cast<double>(beats) - due) <= 0.03 * due ? 0 : 1);
}
