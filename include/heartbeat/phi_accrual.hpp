// SPDX-License-Identifier: BSL-1.0
// The phi accrual failure detector (Hayashibara, Défago, Yared, Katayama 2004): a key's silence is as suspicious as it
// is improbable after what its arrivals were like. phi = -log10(P_later(silence)), so at phi = 8 one silence in
// 100,000,000 of a key that lives is taken for a death. Pure: no clock, no lock. Read next: monitor.hpp.
//
//   arrivals    |    |   |     |    |         .  .  .  .  .  silence
//               ^ intervals: mean, deviation  ^ last touch            ^ mean + acceptable pause + z * deviation
//                                                                       z: where phi reaches the threshold
//
// Intervals are taken to be normally distributed. Their mean and variance are plain averages over the first `window`
// of them, and exponentially weighted from then on: as a window of that length, without the memory it takes.
// The threshold is turned into z once; so a deadline costs one square root, and the wheel can be armed with it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <system_error>

#include <heartbeat/detector.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>

namespace heartbeat {

/// How suspicious PhiAccrual is.
struct PhiAccrualOptions {
  /// The phi at which a key expires. 1 to 1,000.
  double threshold = 8.0;

  /// How many intervals count, roughly. `first` to 1,000,000.
  std::uint32_t window = 200;

  /// So many intervals are seen before they are trusted; until then the key expires its ttl after its last touch.
  /// 2 to `window`.
  std::uint32_t first = 8;

  /// The deviation is never taken for less: regular beats must not make a detector of hair triggers. Greater than zero.
  Duration minimum_deviation = std::chrono::milliseconds{100};

  /// A silence this much longer than usual is nothing: garbage collections, short losses of the network. Not negative.
  Duration acceptable_pause = {};
};

/// The rule that these options break, or `errc{}`.
[[nodiscard]] constexpr errc broken_rule(const PhiAccrualOptions& options) noexcept {
  if (!(options.threshold >= 1.0 && options.threshold <= 1'000.0)) return errc::threshold_out_of_range;
  if (options.first < 2 || options.window < options.first || options.window > 1'000'000) {
    return errc::window_out_of_range;
  }
  if (options.minimum_deviation.count() <= 0) return errc::minimum_deviation_not_positive;
  if (options.acceptable_pause.count() < 0) return errc::acceptable_pause_negative;
  return errc{};
}

/// A detector that learns from the arrivals. Its suspicion is phi.
///
/// Threading: a value. Blocks: never. Allocates: never.
class PhiAccrual {
 public:
  /// What is remembered of a key.
  struct State {
    double mean = 0.0;            ///< of the intervals, in nanoseconds
    double variance = 0.0;        ///< in nanoseconds squared
    std::uint32_t intervals = 0;  ///< seen, up to the window
  };

  /// Throws: std::system_error for options that break a rule (`condition::bad_options`).
  explicit PhiAccrual(const PhiAccrualOptions& options = {}) : options_{options} {
    if (const errc rule = broken_rule(options); rule != errc{}) {
      throw std::system_error{make_error_code(rule), "heartbeat::PhiAccrual"};
    }
    deviations_ = deviations_at(options.threshold);
  }

  /// Takes the interval in.
  void arrived(State& state, std::chrono::nanoseconds, std::chrono::nanoseconds silence) const noexcept {
    if (state.intervals < options_.window) ++state.intervals;
    const double weight = 1.0 / state.intervals;
    const double off = static_cast<double>(silence.count()) - state.mean;
    state.mean += weight * off;
    state.variance = (1.0 - weight) * (state.variance + weight * off * off);
  }

  /// The silence at which the suspicion reaches the threshold; the ttl while too few intervals were seen.
  [[nodiscard]] std::chrono::nanoseconds allowance(const State& state, std::chrono::nanoseconds ttl) const noexcept {
    if (state.intervals < options_.first) return ttl;
    const double span = usual(state) + deviations_ * deviation(state);
    constexpr auto longest = std::chrono::nanoseconds{Duration::longest};
    if (!(span < static_cast<double>(longest.count()))) return longest;
    return std::chrono::nanoseconds{std::max<std::int64_t>(1, static_cast<std::int64_t>(span))};
  }

  /// While too few intervals were seen: of the normal distribution around half the ttl that reaches the threshold at
  /// the ttl.
  [[nodiscard]] double suspicion(const State& state, std::chrono::nanoseconds ttl,
                                 std::chrono::nanoseconds silence) const noexcept {
    const auto span = static_cast<double>(silence.count());
    if (state.intervals >= options_.first) return phi_at((span - usual(state)) / deviation(state));
    return phi_at((2.0 * span / static_cast<double>(ttl.count()) - 1.0) * deviations_);
  }

  /// -log10 of the probability that an interval is longer than the mean by that many deviations. Right to twelve
  /// digits, also where the probability itself is too small for a double, or too near to 1.
  [[nodiscard]] static double phi_at(double deviations) noexcept {
    const double x = deviations / std::numbers::sqrt2;
    if (x < 0) return -std::log1p(-0.5 * std::erfc(-x)) * std::numbers::log10e;
    if (x < 20) return -std::log10(0.5 * std::erfc(x));
    // erfc(x) = exp(-x^2) / (x sqrt(pi)) * (1 - u + 3u^2 - 15u^3 + ...) with u = 1 / (2x^2), here below 0.00125
    const double u = 0.5 / (x * x);
    const double series = 1.0 - u * (1.0 - 3.0 * u * (1.0 - 5.0 * u * (1.0 - 7.0 * u)));
    return (x * x - std::log(series)) * std::numbers::log10e + std::log10(2.0 * x / std::numbers::inv_sqrtpi);
  }

  /// The other way round: after how many deviations phi is reached. REQUIRES: 0 < phi <= 1,000.
  [[nodiscard]] static double deviations_at(double phi) noexcept {
    double low = -40.0;  // phi is 0 there, and more than 1,000 at the other end
    double high = 70.0;
    for (;;) {
      const double middle = 0.5 * (low + high);
      if (middle <= low || middle >= high) return high;
      (phi_at(middle) < phi ? low : high) = middle;
    }
  }

 private:
  [[nodiscard]] double usual(const State& state) const noexcept {
    return state.mean + static_cast<double>(options_.acceptable_pause.count());
  }
  [[nodiscard]] double deviation(const State& state) const noexcept {
    return std::max(std::sqrt(state.variance), static_cast<double>(options_.minimum_deviation.count()));
  }

  PhiAccrualOptions options_;
  double deviations_ = 0.0;  // at which the threshold is reached
};

static_assert(Detector<PhiAccrual>);

}  // namespace heartbeat
