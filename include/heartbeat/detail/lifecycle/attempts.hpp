// SPDX-License-Identifier: BSL-1.0
// How often a heartbeat was tried since its last acknowledgement, and what follows for the next try: how long it may
// wait for its answer (G17), and how long to pause after a failure (G14). Read next: schedule.hpp, when it is sent.
//
// The attempts that are still owed share what is left of the validity, half of each share for the pause:
//
//    now                                                           valid until
//    |-- pause --x-- answer --|-- pause --x-- answer --|-- pause --x-- answer --|
//
// Invariants: both counts saturate, and only an acknowledgement sets them back; a pause grows up to the longest one and
// leaves room for every attempt owed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <heartbeat/detail/lifecycle/beat_rules.hpp>

namespace heartbeat::detail {

/// Under the shard's lock. Times in nanoseconds; `left` is what is left of the validity, `tick` what rounding may add.
class Attempts {
 public:
  void sent() noexcept {
    if (sent_ < 255) ++sent_;
  }
  void failed() noexcept {
    if (failures_ < 255) ++failures_;
  }
  void acknowledged() noexcept { failures_ = sent_ = 0; }

  /// What all of them need at least, one after the other.
  [[nodiscard]] static std::int64_t room(const BeatRules& rules, std::int64_t tick) noexcept {
    return rules.attempts * step(rules, tick) + tick;
  }

  /// Nothing was sent since the last acknowledgement.
  [[nodiscard]] bool is_none() const noexcept { return sent_ == 0; }
  /// More than one was sent since the last acknowledgement.
  [[nodiscard]] bool is_retry() const noexcept { return sent_ > 1; }
  [[nodiscard]] std::uint8_t failures() const noexcept { return failures_; }
  [[nodiscard]] bool is_exhausted(const BeatRules& rules) const noexcept {
    return rules.max_failures != 0 && failures_ >= rules.max_failures;
  }

  /// How long the next one may wait for its answer: each attempt still owed gets an equal share of what is left.
  [[nodiscard]] std::int64_t timeout(const BeatRules& rules, std::int64_t left, std::int64_t tick) const noexcept {
    if (left <= 0) return rules.beat_timeout;
    return std::min(rules.beat_timeout, std::max(left / owed(rules) - tick, tick));
  }

  /// How long to pause at most before the next one. REQUIRES: one has failed.
  [[nodiscard]] std::int64_t longest_pause(const BeatRules& rules, std::int64_t left,
                                           std::int64_t tick) const noexcept {
    const double grown = static_cast<double>(rules.backoff_initial) * std::pow(rules.backoff_multiplier, failures_ - 1);
    const auto pause = static_cast<std::int64_t>(std::min(grown, static_cast<double>(rules.backoff_maximum)));
    if (left <= 0) return pause;
    const std::int64_t spare = left - owed(rules) * step(rules, tick);  // beyond the floor's part
    return std::min({pause, left / owed(rules) / 2, std::max<std::int64_t>(0, spare)});
  }

 private:
  // From one to the next at least: the floor, and what rounding adds.
  [[nodiscard]] static std::int64_t step(const BeatRules& rules, std::int64_t tick) noexcept {
    return std::max(rules.floor, tick) + tick;
  }

  // One also when none is owed any more: a session that can still be saved is not left to run out.
  [[nodiscard]] std::int64_t owed(const BeatRules& rules) const noexcept {
    return sent_ < rules.attempts ? rules.attempts - sent_ : 1;
  }

  std::uint8_t failures_ = 0;  // in a row, saturating
  std::uint8_t sent_ = 0;      // since the last acknowledgement, saturating
};

}  // namespace heartbeat::detail
