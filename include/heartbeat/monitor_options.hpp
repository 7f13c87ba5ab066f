// SPDX-License-Identifier: BSL-1.0
// What a caller may choose of a monitor, and of each key it watches. Read next: monitor_report.hpp.
#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>

namespace heartbeat {

/// What `watch` does when the key is watched already.
enum class IfWatched : std::uint8_t {
  refuse,   ///< `errc::already_watched`
  replace,  ///< the old generation is forgotten: it does not expire
};

/// How one key is watched. An aggregate: `{.ttl = 30s}`.
struct WatchOptions {
  /// How long the key may be silent (PhiAccrual: until it has seen enough of it). Greater than zero.
  Duration ttl = std::chrono::seconds{30};
  /// What `watch` does when the key is watched already.
  IfWatched if_watched = IfWatched::refuse;
};

/// How a monitor behaves.
struct MonitorOptions {
  /// A wake-up later than this against what it was armed for means that the process was away (G18); so does, for a key
  /// that may be silent for less than twice as long, one later than half its allowance (at least two ticks). Each key
  /// is looked at this long (at most half its allowance) before it may expire. Greater than zero.
  Duration gap_threshold = std::chrono::seconds{1};

  /// How many expiries may wait to be told, or swept, over all shards. None beyond it is dropped: `watch` fails with
  /// `errc::event_backlog` instead. 1 to 1,000,000,000.
  std::size_t event_capacity = 65'536;

  /// The resolution of time: expiry is rounded up to it. 1 us to 1 s.
  Duration tick = std::chrono::milliseconds{1};

  /// How many parts the monitor has, each with its own lock: a power of two up to 256. Unset: four per processor, at
  /// most 16.
  std::optional<std::uint32_t> shards = {};
};

/// The rule that these options break, or `errc{}`.
[[nodiscard]] constexpr errc broken_rule(const WatchOptions& options) noexcept {
  if (options.ttl.count() <= 0) return errc::ttl_not_positive;
  return options.if_watched > IfWatched::replace ? errc::unknown_choice : errc{};
}

/// The rule that these options break, or `errc{}`.
[[nodiscard]] constexpr errc broken_rule(const MonitorOptions& options) noexcept {
  if (options.gap_threshold.count() <= 0) return errc::gap_threshold_not_positive;
  if (options.event_capacity == 0 || options.event_capacity > 1'000'000'000) return errc::event_capacity_not_positive;
  if (options.tick < Duration{std::chrono::microseconds{1}} || options.tick > Duration{std::chrono::seconds{1}}) {
    return errc::tick_out_of_range;
  }
  if (options.shards && (!std::has_single_bit(*options.shards) || *options.shards > 256)) {
    return errc::shards_not_power_of_two;
  }
  return errc{};
}

}  // namespace heartbeat
