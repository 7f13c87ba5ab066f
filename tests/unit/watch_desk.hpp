// SPDX-License-Identifier: BSL-1.0
// What the tests of the monitor share: one in virtual time, and what its sink was told.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include <heartbeat/monitor.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace heartbeat {

inline std::ostream& operator<<(std::ostream& out, ExpiryReason reason) {
  return out << to_string(reason);
}

}  // namespace heartbeat

namespace heartbeat::testing {

/// An expiry that was told; times since the epoch, where the clock began.
struct ToldExpiry {
  int key;
  std::uint64_t generation;
  std::chrono::nanoseconds touched_at;
  std::chrono::nanoseconds expired_at;
  ExpiryReason reason;

  friend bool operator==(const ToldExpiry&, const ToldExpiry&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ToldExpiry& told) {
    return out << told.key << " generation " << told.generation << " touched at " << told.touched_at.count()
               << " expired at " << told.expired_at.count() << ' ' << told.reason;
  }
};

template <class D>
struct WatchDeskOf {
  using Monitor = HeartbeatMonitor<int, ManualClock, ManualExecutor, D>;

  explicit WatchDeskOf(MonitorOptions options = {.shards = 1}, D detector = D{}, std::uint64_t seed = 1)
      : executor{clock, seed} {
    monitor.emplace(
        clock, executor,
        [this](const auto& expiry) {
          told.push_back({expiry.key, expiry.generation, expiry.touched_at.time_since_epoch(),
                          expiry.expired_at.time_since_epoch(), expiry.reason});
          if (and_then) and_then(expiry.key, expiry.generation);
        },
        options, detector);
  }

  /// The time since the epoch, where the clock began.
  [[nodiscard]] std::chrono::nanoseconds now() const { return clock.now().time_since_epoch(); }
  /// When the key is due, since the epoch.
  [[nodiscard]] std::chrono::nanoseconds due(int key) const { return monitor->status(key)->due.time_since_epoch(); }

  ManualClock clock;
  ManualExecutor executor;
  std::vector<ToldExpiry> told;
  std::function<void(int, std::uint64_t)> and_then;  // what the sink does besides
  std::optional<Monitor> monitor;
};

using WatchDesk = WatchDeskOf<FixedDeadline>;

}  // namespace heartbeat::testing
