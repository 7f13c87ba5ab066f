// SPDX-License-Identifier: BSL-1.0
// Whether a limit keeps something ready from leaving, since when, and whether somebody was told. Read next:
// departures.hpp, which finds out; shard/waiting.hpp, who tells.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/sending/limits.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Threading: none of its own; the caller holds the shard's lock.
class Shortage {
 public:
  /// Something was left behind for want of that, since then: a shortage that is on already goes on.
  void begin(Instant since, Limit limit) noexcept {
    since_ = std::min(since_, since);
    limit_ = limit;
  }
  /// Nothing waits any more.
  void end() noexcept { since_ = instant_never; }

  [[nodiscard]] bool is_on() const noexcept { return since_ != instant_never; }
  /// What kept something from leaving last.
  [[nodiscard]] Limit limit() const noexcept { return limit_; }
  /// How much of that lateness is the shortage's.
  [[nodiscard]] std::int64_t wait_of(std::int64_t lateness, Instant now) const noexcept {
    return is_on() ? std::min(lateness, now - since_) : 0;
  }
  /// Somebody was told of this one.
  [[nodiscard]] bool is_told() const noexcept { return told_since_ == since_; }
  /// True for the first who asks in each shortage: one that knows is enough, and a shortage must not make work.
  [[nodiscard]] bool is_first_told() noexcept { return std::exchange(told_since_, since_) != since_; }

 private:
  // All of it under the shard's lock.
  Instant since_ = instant_never;
  Instant told_since_ = instant_never;  // the one that was told
  Limit limit_ = Limit::none;
};

}  // namespace heartbeat::detail
