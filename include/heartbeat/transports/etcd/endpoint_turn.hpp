// SPDX-License-Identifier: BSL-1.0
// Which of several endpoints the next stream goes to, and from when on. Pure: it is told the time. Read next:
// lease_streams.hpp.
#pragma once

#include <chrono>
#include <cstddef>

#include <heartbeat/boot_clock.hpp>

namespace heartbeat::etcd::detail {

/// The endpoints take turns: whenever a stream has ended, it is the next one's. When each of them in a row has ended a
/// stream that never answered, all are left alone for a moment. gRPC pauses by itself before it connects again; this
/// pause is for a server that takes the connection and then refuses the stream, and for many small batches that would
/// each try one.
///
/// Threading: one at a time.
class EndpointTurn {
 public:
  /// Short against etcd's smallest ttl, 2 s, and long against a round trip.
  static constexpr std::chrono::milliseconds pause{100};

  /// REQUIRES: count > 0.
  explicit EndpointTurn(std::size_t count) noexcept : count_{count} {}

  /// Whose turn it is, below `count`.
  [[nodiscard]] std::size_t current() const noexcept { return current_; }

  /// False while all are left alone.
  [[nodiscard]] bool may_open(BootClock::time_point now) const noexcept { return now >= not_before_; }

  /// A stream has ended.
  void on_ended(bool has_answered, BootClock::time_point now) noexcept {
    pass_on();
    in_vain_ = has_answered ? 0 : in_vain_ + 1;
    if (in_vain_ < count_) return;
    in_vain_ = 0;
    not_before_ = now + pause;
  }

  /// A stream was given up because it kept silent or was too slow. That took its time, so there is no other pause.
  void on_given_up() noexcept { pass_on(); }

 private:
  void pass_on() noexcept { current_ = (current_ + 1) % count_; }

  std::size_t count_;
  std::size_t current_ = 0;
  std::size_t in_vain_ = 0;  // streams in a row that ended without an answer
  BootClock::time_point not_before_ = BootClock::time_point::min();
};

}  // namespace heartbeat::etcd::detail
