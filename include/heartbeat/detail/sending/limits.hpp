// SPDX-License-Identifier: BSL-1.0
// What all shards of a registry share when they send: how many calls may be in flight, and how many may leave in a
// second. Read next: departures.hpp, which keeps to it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heartbeat/detail/sending/credits.hpp>
#include <heartbeat/detail/sending/token_bucket.hpp>

namespace heartbeat::detail {

/// A limit of a registry.
enum class Limit : std::uint8_t {
  none,
  calls,    ///< in flight at once
  threads,  ///< of the executor, for calls that block
  rate,     ///< sent in a second
};

/// The limits of one registry. Any thread.
struct Limits {
  /// REQUIRES: `calls` > 0.
  explicit Limits(std::size_t calls, TokenRate rate = {}, TokenRate rate_again = {}) noexcept
      : credits{calls}, tokens{rate}, tokens_again{rate_again} {}

  Credits credits;
  TokenBucket tokens;        // of all sends
  TokenBucket tokens_again;  // of repeated attempts and closes, which need one of each
};

}  // namespace heartbeat::detail
