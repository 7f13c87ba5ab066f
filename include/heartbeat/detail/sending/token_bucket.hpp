// SPDX-License-Identifier: BSL-1.0
// A rate that is kept on average, with a short burst allowed: what an outage's end lets loose is spread over time. One
// number is all the state: the earliest instant at which the next one is due if every one came at the rate's pace.
// Read next: departures.hpp, which asks it before each send.
#pragma once

#include <algorithm>
#include <cstdint>

#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Not thread-safe: under the shard's lock.
class TokenBucket {
 public:
  /// No limit.
  TokenBucket() = default;

  /// One token every `period` nanoseconds, and no more than those of `burst` nanoseconds, but always one, at once.
  /// REQUIRES: `period` > 0, `burst` >= 0.
  TokenBucket(std::int64_t period, std::int64_t burst) noexcept
      : period_{period}, burst_{std::max(burst, period)}, earned_{-period} {}

  /// Takes a token if there is one.
  [[nodiscard]] bool take(Instant now) noexcept {
    if (period_ == 0) return true;
    if (next_at() > now) return false;
    earned_ = std::max(earned_, now - burst_) + period_;
    return true;
  }

  /// When there is a token, now or later.
  [[nodiscard]] Instant next_at() const noexcept { return period_ == 0 ? 0 : add(earned_, period_); }

 private:
  std::int64_t period_ = 0;  // 0: no limit
  std::int64_t burst_ = 0;
  Instant earned_ = 0;  // every token up to here has been taken
};

}  // namespace heartbeat::detail
