// SPDX-License-Identifier: BSL-1.0
// A clock's time points as the engine's instants, and back: clocks may count in anything, the engine counts in
// nanoseconds. Read next: tick.hpp.
#pragma once

#include <chrono>
#include <ratio>

#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Stops at 0 below and at `instant_never` above, also where a coarser clock says more than nanoseconds can.
template <class C>
[[nodiscard]] constexpr Instant to_instant(typename C::time_point at) noexcept {
  using Span = typename C::duration;
  const Span since_epoch = at.time_since_epoch();
  if (since_epoch.count() < 0) return 0;
  if constexpr (std::ratio_greater_v<typename Span::period, std::nano>) {
    if (since_epoch >= std::chrono::duration_cast<Span>(std::chrono::nanoseconds::max())) return instant_never;
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
}

template <class C>
[[nodiscard]] constexpr typename C::time_point to_time_point(Instant at) noexcept {
  return typename C::time_point{std::chrono::ceil<typename C::duration>(std::chrono::nanoseconds{at})};
}

/// The same for what must not be promised for longer: rounded down.
template <class C>
[[nodiscard]] constexpr typename C::time_point to_time_point_before(Instant at) noexcept {
  return typename C::time_point{std::chrono::floor<typename C::duration>(std::chrono::nanoseconds{at})};
}

}  // namespace heartbeat::detail
