// SPDX-License-Identifier: BSL-1.0
// How long answers take at present: in a shortage, who has less time left than that lets others go first. Read next:
// departures.hpp; shard/claiming.hpp, who asks.
#pragma once

#include <cstdint>

namespace heartbeat::detail {

/// Smoothed. Threading: none of its own; the caller holds the shard's lock.
class RoundTrip {
 public:
  void add(std::int64_t nanoseconds) noexcept {
    smoothed_ = smoothed_ == 0 ? nanoseconds : smoothed_ + (nanoseconds - smoothed_) / 8;
  }
  /// In nanoseconds; 0 before the first.
  [[nodiscard]] std::int64_t smoothed() const noexcept { return smoothed_; }

 private:
  std::int64_t smoothed_ = 0;  // under the shard's lock
};

}  // namespace heartbeat::detail
