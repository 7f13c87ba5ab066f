// SPDX-License-Identifier: BSL-1.0
// The default clock: steady, and it goes on counting while the machine sleeps. A clock that stops in suspend would let
// a holder believe in a session the server gave away hours ago. Costs the same as std::chrono::steady_clock.
#pragma once

#include <chrono>
#include <ctime>

namespace heartbeat {

/// A steady clock that counts the time since boot, suspend included (CLOCK_BOOTTIME; CLOCK_MONOTONIC elsewhere).
///
/// Threading: any thread. Blocks: never. Allocates: never. Throws: never.
struct BootClock {
  using duration = std::chrono::nanoseconds;              ///< its resolution
  using rep = duration::rep;                              ///< of 64 bits
  using period = duration::period;                        ///< nanoseconds
  using time_point = std::chrono::time_point<BootClock>;  ///< since boot
  static constexpr bool is_steady = true;                 ///< it never goes backward

  /// The system clock behind it.
#ifdef CLOCK_BOOTTIME
  static constexpr clockid_t id = CLOCK_BOOTTIME;
#else
  static constexpr clockid_t id = CLOCK_MONOTONIC;
#endif

  /// The time now.
  static time_point now() noexcept {
    timespec reading{};
    ::clock_gettime(id, &reading);
    return time_point{std::chrono::seconds{reading.tv_sec} + std::chrono::nanoseconds{reading.tv_nsec}};
  }
};

}  // namespace heartbeat
