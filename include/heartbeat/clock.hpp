// SPDX-License-Identifier: BSL-1.0
// What a clock must be. It is an object, not a type with static functions, so that a test can own one and move it by
// hand. One writes a clock of one's own to read another time source, or to simulate one. Read next: boot_clock.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <type_traits>

namespace heartbeat {

/// Specialise to true for a clock that says it is not steady but never jumps where it is used.
template <class Clock>
inline constexpr bool treat_as_steady = Clock::is_steady;

namespace detail {

template <class C>
concept ClockSyntax = std::copy_constructible<C> && requires(const C& clock) {
  typename C::rep;
  typename C::period;
  typename C::duration;
  typename C::time_point;
  { clock.now() } -> std::same_as<typename C::time_point>;
};

}  // namespace detail

/// A clock that never goes backward.
///
/// | expression                    | type                | meaning |
/// | ----------------------------- | ------------------- | ------- |
/// | `Clock::duration`, `rep`, … |                     | as for a standard clock; `rep` is an integer of 64 bits |
/// | `Clock::is_steady`            | `constexpr bool`    | true: time never jumps (or see `treat_as_steady`) |
/// | `std::as_const(c).now()`      | `Clock::time_point` | the time now; from any thread; not before the epoch |
/// | copy                          |                     | reads the same time; what it refers to outlives a registry |
///
/// REQUIRES: `now()` neither blocks for long nor calls back into the registry. It is never called under a lock.
/// The model is std::chrono::steady_clock, 0 lines of code away; BootClock is the default.
template <class C>
concept Clock = detail::ClockSyntax<C> && treat_as_steady<C> && std::integral<typename C::rep> &&
    (sizeof(typename C::rep) >= 8);

}  // namespace heartbeat
