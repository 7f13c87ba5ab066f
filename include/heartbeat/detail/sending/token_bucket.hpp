// SPDX-License-Identifier: BSL-1.0
// A rate that is kept on average over all shards of a registry, with a short burst allowed: what an outage's end lets
// loose is spread over time. One number is all the state: up to which instant the tokens have been taken if every one
// came at the rate's pace. Read next: departures.hpp, which asks it before each send.
//
// Ground rules: no lock. A token is taken before it is there, and used once it is: shards that wait get theirs in the
// order in which they asked, each one at its own time, and none has to be woken by another.
#pragma once

#include <algorithm>
#include <cstdint>

#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// One token every `period` nanoseconds, and no more than those of `burst` nanoseconds, but always one, at once. Not
/// negative; a period of 0 is no limit.
struct TokenRate {
  std::int64_t period = 0;
  std::int64_t burst = 0;
};

/// Any thread.
class TokenBucket {
 public:
  explicit TokenBucket(TokenRate rate) noexcept
      : period_{rate.period}, burst_{std::max(rate.burst, rate.period)}, taken_{-rate.period} {}

  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  /// Takes the next token, and gives the instant from which it may be used: not after `now` if it is there already.
  [[nodiscard]] Instant take(Instant now) noexcept {
    if (period_ == 0) return now;
    Instant taken = taken_.load();
    Instant mine = 0;
    do {
      mine = add(std::max(taken, now - burst_), period_);
    } while (!taken_.compare_exchange_weak(taken, mine));
    return mine;
  }

 private:
  const std::int64_t period_;
  const std::int64_t burst_;
  alignas(64) Atomic<Instant> taken_;  // every token up to here has been taken
};

}  // namespace heartbeat::detail
