// SPDX-License-Identifier: BSL-1.0
// What the holder of a heartbeat may rely on (G9, G16), in one word that any thread can read: until when the session is
// valid, that it was never acknowledged yet, or that it has ended. Read next: standing.hpp, where it is kept.
//
// Each acknowledgement counts from the moment of sending, not of the answer:
//
//    send      ack                 next beat fails: jeopardy                valid until   server forgets
//    |---------|-------------------x------x-------x-------------------------|--margin-----|
//    |<------------------------------ ttl ------------------------------------------------>|
//
// Invariants: a limit is never negative; after the end there is no way back but a start.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include <heartbeat/detail/lifecycle/beat_rules.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Changed under the shard's lock; `until` and `is_ended` may be asked from any thread, the others under the lock.
class Validity {
 public:
  /// How long a beat's acknowledgement holds: of a told ttl the margin leaves half, but never more than of the ttl that
  /// was asked for.
  [[nodiscard]] static std::int64_t lasting(const BeatRules& rules, std::int64_t ttl) noexcept {
    return std::max(ttl - rules.margin, std::min(ttl / 2, rules.ttl - rules.margin));
  }

  /// Nothing was acknowledged yet: patience with the first acknowledgement is over at `limit`.
  void expect(Instant limit) noexcept { value_.store(~limit, std::memory_order_release); }

  /// Valid until `limit`, which may lie before the last one: servers may take back what they gave.
  void confirm(Instant limit) noexcept { value_.store(limit, std::memory_order_release); }

  void end() noexcept { value_.store(ended_mark, std::memory_order_release); }

  /// No value while not acknowledged yet, and after the end. From any thread.
  [[nodiscard]] std::optional<Instant> until() const noexcept {
    const Instant value = value_.load(std::memory_order_acquire);
    return value >= 0 ? std::optional{value} : std::nullopt;
  }

  /// From any thread. What led to the end happened before it is seen here.
  [[nodiscard]] bool is_ended() const noexcept { return value_.load(std::memory_order_acquire) == ended_mark; }

  /// The instant at which validity, or the patience with a first acknowledgement, is over. REQUIRES: has not ended.
  [[nodiscard]] Instant limit() const noexcept {
    const Instant value = value_.load(std::memory_order_relaxed);  // written under the lock that is held here
    return value >= 0 ? value : ~value;
  }

  [[nodiscard]] bool is_confirmed() const noexcept {
    return value_.load(std::memory_order_relaxed) >= 0;  // written under the lock that is held here
  }

  /// In ticks, rounded down: never later than it is.
  [[nodiscard]] bool is_over(const TickScale& scale, Instant now) const noexcept {
    return scale.down(limit()) <= scale.down(now);
  }

 private:
  static constexpr Instant ended_mark = std::numeric_limits<Instant>::min();

  // Valid until, once confirmed; its complement (so: negative) before; ended_mark after the end.
  std::atomic<Instant> value_{ended_mark};
};

}  // namespace heartbeat::detail
