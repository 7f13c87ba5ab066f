// SPDX-License-Identifier: BSL-1.0
// The engine's randomness: seeded once per registry and drawn under a shard's lock, never from the wall clock, so that
// a seed replays a run on every standard library and a fleet restarted together does not jitter together.
#pragma once

#include <cstdint>

namespace heartbeat::detail {

/// splitmix64: 8 bytes of state, and each seed gives a full period.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : state_{seed} {}

  constexpr std::uint64_t next() noexcept { return mix(state_ += 0x9E3779B97F4A7C15ULL); }

  /// A number of [0, limit); 0 when limit is not positive.
  constexpr std::int64_t below(std::int64_t limit) noexcept {
    if (limit <= 0) return 0;
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(limit));
  }

  /// Spreads every bit of a number over all bits: also makes identity hashes good enough.
  static constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace heartbeat::detail
