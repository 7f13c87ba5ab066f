// SPDX-License-Identifier: BSL-1.0
// A span of time as options take it. std::chrono converts hours::max() to nanoseconds by overflowing, which turns
// "never" into the past; this type clamps instead, by comparing in the coarser unit. Read next: options.hpp.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <type_traits>

namespace heartbeat {

/// A span of time in nanoseconds, made from any std::chrono duration and clamped to [-100 years, 100 years].
///
/// A floating-point duration is truncated; NaN becomes zero.
/// Threading: a value. Blocks: never. Allocates: never. Throws: never.
class Duration {
 public:
  /// The longest span: 100 years of 365 days. Everything longer, "infinite" included, means this.
  static constexpr std::chrono::hours longest{24LL * 365 * 100};

  constexpr Duration() noexcept = default;

  /// Implicit, so that `.interval = 5s` reads as it is meant.
  template <class Rep, class Period>
  constexpr Duration(std::chrono::duration<Rep, Period> span) noexcept : count_{clamped(span)} {}  // NOLINT

  /// As the standard has it.
  constexpr operator std::chrono::nanoseconds() const noexcept {  // NOLINT
    return std::chrono::nanoseconds{count_};
  }

  /// The span as a number of nanoseconds.
  [[nodiscard]] constexpr std::int64_t count() const noexcept { return count_; }

  /// By length.
  friend constexpr auto operator<=>(Duration, Duration) noexcept = default;

 private:
  template <class Rep, class Period>
  static constexpr std::int64_t clamped(std::chrono::duration<Rep, Period> span) noexcept {
    using Limit = std::chrono::duration<long double, std::ratio<3600>>;
    const auto hours = std::chrono::duration_cast<Limit>(span).count();
    const auto limit = static_cast<long double>(longest.count());
    if (hours != hours) return 0;
    if (hours >= limit) return std::chrono::nanoseconds{longest}.count();
    if (hours <= -limit) return -std::chrono::nanoseconds{longest}.count();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
  }

  std::int64_t count_ = 0;
};

}  // namespace heartbeat
