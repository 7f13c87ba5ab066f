// SPDX-License-Identifier: BSL-1.0
// What decides how long a watched key may be silent. A detector is a value without clock and lock: the monitor tells it
// of arrivals, and asks it for one span. The simplest one is here: the ttl, whatever arrives. Read next:
// phi_accrual.hpp, which learns from the arrivals.
#pragma once

#include <chrono>
#include <concepts>
#include <type_traits>

namespace heartbeat {

/// Decides how long a key may be silent.
///
/// | expression                           | type          | meaning |
/// | ------------------------------------ | ------------- | ------- |
/// | `D::State`                           |               | what it keeps of one key: a trivially copyable value, |
/// |                                      |               | `State{}` when the watching begins |
/// | `d.arrived(state, ttl, silence)`     |               | the key was touched, `silence` after the touch before it, |
/// |                                      |               | be that longer than the allowance; not told of a silence |
/// |                                      |               | in which the monitor's process was away |
/// | `d.allowance(constant, ttl)`         | `nanoseconds` | how long after its last touch the key expires; less |
/// |                                      |               | than a tick counts as a tick |
/// | `d.suspicion(constant, ttl, silence)`| `double`      | how suspicious such a silence is, on the detector's own |
/// |                                      |               | scale; grows with the silence |
/// | copy                                 |               | decides the same |
///
/// `ttl` is the key's, `silence` is not negative, both are nanoseconds. All of it `noexcept`, on a `const D`, and under
/// a lock: it must not block, call back or take long. One writes one to learn from something else than arrivals.
///
/// That the process was away is seen by a wake-up that comes later than armed by more than the gap threshold. An
/// absence in which none was due, or a shorter one, looks like a silence of the key, and is told.
template <class D>
concept Detector = std::copy_constructible<D> && std::is_trivially_copyable_v<typename D::State> &&
    std::default_initializable<typename D::State> &&
    requires(const D& detector, typename D::State& state, const typename D::State& constant,
             std::chrono::nanoseconds span) {
  { detector.arrived(state, span, span) }
  noexcept;
  { detector.allowance(constant, span) }
  noexcept->std::same_as<std::chrono::nanoseconds>;
  { detector.suspicion(constant, span, span) }
  noexcept->std::same_as<double>;
};

/// A key expires its ttl after its last touch. Its suspicion is the silence in ttls: 1 at the deadline.
struct FixedDeadline {
  struct State {};

  /// Nothing to remember.
  constexpr void arrived(State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept {}
  /// The ttl.
  [[nodiscard]] constexpr std::chrono::nanoseconds allowance(const State&,
                                                             std::chrono::nanoseconds ttl) const noexcept {
    return ttl;
  }
  /// The silence in ttls.
  [[nodiscard]] constexpr double suspicion(const State&, std::chrono::nanoseconds ttl,
                                           std::chrono::nanoseconds silence) const noexcept {
    return static_cast<double>(silence.count()) / static_cast<double>(ttl.count());
  }
};

static_assert(Detector<FixedDeadline>);

}  // namespace heartbeat
