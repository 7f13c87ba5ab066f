// SPDX-License-Identifier: BSL-1.0
//
// Instants (nanoseconds) and ticks (what the timing wheel counts in), and the only place where one becomes the other.
// Rounding is a promise, not a detail: what must not happen early is rounded up, what must not be believed too long is
// rounded down. "Never" survives every conversion, so an infinite duration cannot turn into a deadline in the past.
// Read next: timing_wheel.hpp.
#pragma once

#include <cassert>
#include <cstdint>

namespace heartbeat::detail {

/// Nanoseconds since the clock's epoch, never negative.
using Instant = std::int64_t;

/// "Disarmed". Never given to a wait.
inline constexpr Instant instant_never = INT64_MAX;

/// The instant `nanoseconds` after `instant` (before it, if negative). Stops at `instant_never` above and at 0 below;
/// never plus anything is never.
[[nodiscard]] constexpr Instant add(Instant instant, std::int64_t nanoseconds) noexcept {
  if (instant == instant_never) return instant_never;
  if (nanoseconds >= 0) return instant > instant_never - nanoseconds ? instant_never : instant + nanoseconds;
  const Instant sum = instant + nanoseconds;
  return sum < 0 ? 0 : sum;
}

/// What a timing wheel counts in; how long one is, TickScale says.
using Tick = std::int64_t;

/// "Disarmed", in ticks. Never filed in a wheel.
inline constexpr Tick tick_never = INT64_MAX;

/// How long a tick is, and the conversions with their rounding.
class TickScale {
 public:
  /// REQUIRES: `nanoseconds_per_tick` > 0.
  explicit constexpr TickScale(std::int64_t nanoseconds_per_tick = 1'000'000) noexcept
      : nanoseconds_(nanoseconds_per_tick) {
    assert(nanoseconds_per_tick > 0);
  }

  /// For deadlines (send times, beat timeouts): the first tick at which `instant` has been reached.
  [[nodiscard]] constexpr Tick up(Instant instant) const noexcept {
    if (instant == instant_never) return tick_never;
    if (instant <= 0) return 0;
    return instant / nanoseconds_ + (instant % nanoseconds_ != 0 ? 1 : 0);
  }

  /// For now, and for the end of validity: the last tick that is not after `instant`.
  [[nodiscard]] constexpr Tick down(Instant instant) const noexcept {
    if (instant == instant_never) return tick_never;
    return instant <= 0 ? 0 : instant / nanoseconds_;
  }

  /// The instant at which `tick` begins; `instant_never` where that cannot be written.
  [[nodiscard]] constexpr Instant instant(Tick tick) const noexcept {
    if (tick <= 0) return 0;
    return tick > instant_never / nanoseconds_ ? instant_never : tick * nanoseconds_;
  }

  /// Nanoseconds in one tick.
  [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }

 private:
  std::int64_t nanoseconds_;
};

}  // namespace heartbeat::detail
