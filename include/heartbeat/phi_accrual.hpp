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
//
// Beats are not normally distributed, so three rules keep the detector from being sure too soon:
//   a beat may be lost: the deviation is never taken for less than what puts the deadline behind twice the longest
//   recent interval. That is kept by turns of `window` intervals, for this turn and the one before:
//        |<- the turn before ->|<- this turn ...   recent: at least the last `window`, and less than twice as many
//   a backlog is no rhythm: arrivals closer together than the floor count as one, the first of them
//        |          ||||       |          |        7 arrivals, 3 intervals, each from the first of those at once
//   a start tells little: until `first` intervals, and a whole ttl of them, were seen, the ttl is the deadline.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>
#include <system_error>
#include <utility>

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

  /// So many intervals are seen before they are trusted, and for a whole ttl; until then the key expires its ttl after
  /// its last touch. 2 to `window`.
  std::uint32_t first = 8;

  /// Arrivals closer together than this count as one, the first of them: what is delivered at once after a stall says
  /// nothing of how often the key beats. Greater than zero. Unset: a hundredth of the key's ttl.
  std::optional<Duration> floor = {};

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
  if (options.floor && options.floor->count() <= 0) return errc::floor_not_positive;
  if (options.minimum_deviation.count() <= 0) return errc::minimum_deviation_not_positive;
  if (options.acceptable_pause.count() < 0) return errc::acceptable_pause_negative;
  return errc{};
}

/// A detector that learns from the arrivals. Its suspicion is phi.
///
/// Once it has learnt, a key's allowance is never below twice the longest of its last `window` intervals, plus
/// `acceptable_pause`, plus as much of `minimum_deviation` as the threshold takes: a regular key may lose a beat. A
/// long silence that ended in a beat is such an interval, and nothing but the silences themselves bounds the allowance.
/// What it learns is told by the monitor, but for silences in which its process was seen to be away (detector.hpp).
/// Cost: 40 bytes a key.
/// Threading: a value. Blocks: never. Allocates: never.
class PhiAccrual {
 public:
  /// What is remembered of a key.
  struct State {
    double mean = 0.0;                   ///< of the intervals, in nanoseconds
    double variance = 0.0;               ///< in nanoseconds squared
    std::int64_t since = 0;              ///< nanoseconds from the last arrival that counted to the last one
    float longest = 0.0F;                ///< interval of this turn, in nanoseconds, rounded up
    float longest_before = 0.0F;         ///< interval of the turn before
    std::uint32_t intervals = 0;         ///< seen, up to the window once a whole ttl was
    std::uint32_t in_turn : 31 = 0;      ///< intervals of this turn
    std::uint32_t has_seen_ttl : 1 = 0;  ///< its intervals were as long as its ttl, together
  };

  /// Throws: std::system_error for options that break a rule (`condition::bad_options`).
  explicit PhiAccrual(const PhiAccrualOptions& options = {}) : options_{options} {
    if (const errc rule = broken_rule(options); rule != errc{}) {
      throw std::system_error{make_error_code(rule), "heartbeat::PhiAccrual"};
    }
    deviations_ = deviations_at(options.threshold);
  }

  /// Takes the interval in that ends here, if one does.
  void arrived(State& state, std::chrono::nanoseconds ttl, std::chrono::nanoseconds silence) const noexcept {
    const double interval = static_cast<double>(state.since) + static_cast<double>(silence.count());
    if (interval < static_cast<double>(floor(ttl).count())) {
      state.since += silence.count();
      return;
    }
    state.since = 0;
    if (state.intervals < options_.window || !state.has_seen_ttl) ++state.intervals;
    const double weight = 1.0 / state.intervals;
    const double off = interval - state.mean;
    state.mean += weight * off;
    state.variance = (1.0 - weight) * (state.variance + weight * off * off);
    remember_longest(state, interval);
    // Plain averages until then: the mean tells their sum, but for its rounding.
    if (!state.has_seen_ttl && state.mean * state.intervals >= (1.0 - 1e-9) * static_cast<double>(ttl.count())) {
      state.has_seen_ttl = 1;
      state.intervals = std::min(state.intervals, options_.window);
    }
  }

  /// The silence at which the suspicion reaches the threshold; the ttl while too little was seen.
  [[nodiscard]] std::chrono::nanoseconds allowance(const State& state, std::chrono::nanoseconds ttl) const noexcept {
    if (!has_learnt(state)) return ttl;
    const double span = usual(state) + deviations_ * deviation(state);
    constexpr auto longest = std::chrono::nanoseconds{Duration::longest};
    if (!(span < static_cast<double>(longest.count()))) return longest;
    return std::chrono::nanoseconds{std::max<std::int64_t>(1, static_cast<std::int64_t>(span))};
  }

  /// While too little was seen: of the normal distribution around half the ttl that reaches the threshold at
  /// the ttl.
  [[nodiscard]] double suspicion(const State& state, std::chrono::nanoseconds ttl,
                                 std::chrono::nanoseconds silence) const noexcept {
    const auto span = static_cast<double>(silence.count());
    if (has_learnt(state)) return phi_at((span - usual(state)) / deviation(state));
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
  [[nodiscard]] std::chrono::nanoseconds floor(std::chrono::nanoseconds ttl) const noexcept {
    return options_.floor ? std::chrono::nanoseconds{*options_.floor} : ttl / 100;
  }
  [[nodiscard]] bool has_learnt(const State& state) const noexcept {
    return state.has_seen_ttl && state.intervals >= options_.first;
  }
  void remember_longest(State& state, double interval) const noexcept {
    if (interval > state.longest) {
      state.longest = std::nextafter(static_cast<float>(interval), std::numeric_limits<float>::max());
    }
    if (++state.in_turn < options_.window) return;
    state.in_turn = 0;
    state.longest_before = std::exchange(state.longest, 0.0F);
  }
  [[nodiscard]] double usual(const State& state) const noexcept {
    return state.mean + static_cast<double>(options_.acceptable_pause.count());
  }
  // At least what puts the threshold the least deviations behind twice the longest interval, and the pause.
  [[nodiscard]] double deviation(const State& state) const noexcept {
    const double longest = std::max(state.longest, state.longest_before);
    const double least = static_cast<double>(options_.minimum_deviation.count());
    return std::max({std::sqrt(state.variance), least, least + (2.0 * longest - state.mean) / deviations_});
  }

  PhiAccrualOptions options_;
  double deviations_ = 0.0;  // at which the threshold is reached
};

static_assert(Detector<PhiAccrual>);

}  // namespace heartbeat
