// SPDX-License-Identifier: BSL-1.0
// Where all chance of a simulation comes from: one generator, one seed, the same numbers with every standard library
// (whose distributions differ, its generators do not). Read next: plan.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

namespace heartbeat::simulation {

using Span = std::chrono::nanoseconds;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_{seed} {}

  std::uint64_t next() { return engine_(); }

  /// One of 0 … `sides` - 1.
  std::uint64_t below(std::uint64_t sides) { return engine_() % sides; }

  /// At least 0, less than 1.
  double share() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

  bool chance(double probability) { return share() < probability; }

  /// From `least` to `most`, both included.
  Span between(Span least, Span most) {
    const auto width = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Span{static_cast<std::int64_t>(below(width))};
  }

  /// Around a mean, so that most are short and few are long.
  Span about(Span mean) { return between(Span{0}, mean) + (chance(0.2) ? between(Span{0}, 5 * mean) : Span{0}); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace heartbeat::simulation
