// SPDX-License-Identifier: BSL-1.0
// The one allocation of a watched key. Read next: silence.hpp, which judges it, and watch_shard.hpp, which keeps it.
//
// Ground rules: all of it is under its shard's lock while it is in the roster or waits to be reported; a record that
// was given out belongs to its taker.
#pragma once

#include <cstdint>
#include <utility>

#include <heartbeat/detail/timing/tick.hpp>
#include <heartbeat/detail/timing/wheel_chunks.hpp>

namespace heartbeat::detail {

/// Node of the roster, entry of the timetable, and its own report. `D` is the detector.
template <class Key, class D>
struct Watched : WheelHook {
  Watched(Key&& name, std::uint32_t the_hash, std::int64_t the_ttl)
      : hash{the_hash}, ttl{the_ttl}, key(std::move(name)) {}

  Watched* next_in_bucket = nullptr;                   // of the roster; of the list of the expired
  const std::uint32_t hash;                            // its top bits choose the bucket
  bool is_noticed = false;                             // looked at since the last touch, and found silent
  std::uint8_t graces = 0;                             // how often its deadline was put off: we were away
  std::uint64_t generation = 0;                        // constant once watched
  Instant touched = 0;                                 // the last touch
  std::int64_t ttl;                                    // constant until it expires; then the time of that
  [[no_unique_address]] typename D::State arrivals{};  // the detector's
  Key key;  // constant until it is reported; compared under the lock, moved and destroyed outside
};

}  // namespace heartbeat::detail
