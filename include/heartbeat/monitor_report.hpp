// SPDX-License-Identifier: BSL-1.0
// What a monitor says: that a key has expired, how a watched key stands, and what was counted. Read next: monitor.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/fwd.hpp>

namespace heartbeat {

/// Why a key has expired.
enum class ExpiryReason : std::uint8_t {
  silent,          ///< it was silent for as long as it may be
  silent_in_grace  ///< that passed while the process was away, and it was silent in the grace afterwards, too (G18)
};

/// The reason in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(ExpiryReason reason) noexcept {
  switch (reason) {
    case ExpiryReason::silent: return "silent";
    case ExpiryReason::silent_in_grace: return "silent_in_grace";
  }
  return "unknown";
}

/// A key has expired: the one report of that generation (G3). The reference is valid during the call of the sink only.
template <class Key, class C /* = BootClock */>
struct Expiry {
  const Key& key;                     ///< who was silent
  std::uint64_t generation;           ///< what `watch` gave: tells two watchings of one key apart
  typename C::time_point touched_at;  ///< the last touch, or the beginning
  typename C::time_point expired_at;  ///< when it was decided
  ExpiryReason reason;                ///< and how
};

/// One watched key at the moment it was looked at.
template <class C /* = BootClock */>
struct WatchStatus {
  std::uint64_t generation;           ///< which of the key's watchings
  typename C::time_point touched_at;  ///< the last touch, or the beginning
  typename C::time_point due;         ///< it expires no sooner than this if nobody touches it
};

/// A monitor's counters since it was made. Each shard is read at one moment, the shards one after the other.
struct MonitorStatistics {
  // watched == watching + expired + forgotten.
  std::uint64_t watched = 0;    ///< generations begun
  std::uint64_t watching = 0;   ///< keys watched now
  std::uint64_t expired = 0;    ///< generations
  std::uint64_t forgotten = 0;  ///< generations ended by `forget`, replacement or shutdown

  // expired == told + swept + untold.
  std::uint64_t told = 0;        ///< to the sink
  std::uint64_t swept = 0;       ///< returned by `sweep`
  std::uint64_t untold = 0;      ///< wait
  std::uint64_t sink_threw = 0;  ///< of those told

  std::uint64_t time_gaps = 0;  ///< wake-ups later than the gap threshold, or so late that a key got a grace for it
  std::uint64_t graces = 0;     ///< deadlines put off because of it; going up all the time, the process is too slow
};

}  // namespace heartbeat
