// SPDX-License-Identifier: BSL-1.0
// Where a heartbeat stands: what everybody may read of it, and the state machine alone changes. It puts the parts
// together in the order that leaves no gap between them: there is one of these for each heartbeat.
// Read next: lifecycle.hpp, the machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <heartbeat/detail/lifecycle/attempts.hpp>
#include <heartbeat/detail/lifecycle/schedule.hpp>
#include <heartbeat/detail/lifecycle/validity.hpp>
#include <heartbeat/detail/timing/tick.hpp>
#include <heartbeat/end.hpp>

namespace heartbeat::detail {

enum class State : std::uint8_t {
  held,       ///< waits for the close call of the same key's previous generation
  waiting,    ///< for its next beat, regular or retry
  ready,      ///< its beat is due and waits to be sent
  sending,    ///< the transport is being called
  in_flight,  ///< the answer is being waited for
  ended,
};

/// Everything but `valid_until` and `is_ended` is called under the shard's lock.
class Standing {
 public:
  /// Valid until this instant; no value while not acknowledged yet, and after the end. From any thread.
  [[nodiscard]] std::optional<Instant> valid_until() const noexcept { return validity_.until(); }
  /// From any thread. What led to the end happened before it is seen here.
  [[nodiscard]] bool is_ended() const noexcept { return validity_.is_ended(); }

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] EndReason reason() const noexcept { return reason_; }
  /// When the next beat is due, or the current one was. REQUIRES: has not ended.
  [[nodiscard]] Instant next_send() const noexcept { return schedule_.next_send(); }
  [[nodiscard]] Instant ended_at() const noexcept { return schedule_.next_send(); }  // REQUIRES: has ended
  [[nodiscard]] std::uint8_t failures() const noexcept { return attempts_.failures(); }
  [[nodiscard]] bool in_jeopardy() const noexcept { return jeopardy_; }
  /// Not its first attempt since the last acknowledgement, or one of a session whose validity is over.
  [[nodiscard]] bool is_again() const noexcept { return !attempts_.is_none() || is_lapsed(); }
  /// Its validity is over, and it goes on all the same.
  [[nodiscard]] bool is_lapsed() const noexcept { return lapsed_ || grace_; }
  [[nodiscard]] bool in_grace() const noexcept { return grace_; }

  /// A wake-up later than this means that the process was away, where that is less than the registry's threshold (G18).
  /// A pause that alone costs a session is longer than what a regular beat leaves of its validity, and may begin while
  /// that beat waits for its answer: half of it tells the pause from a late thread. A tick or two are rounding.
  [[nodiscard]] std::int64_t own_gap(const BeatRules& rules, std::int64_t tick) const noexcept {
    const std::int64_t left = Validity::lasting(rules, schedule_.ttl(rules)) - schedule_.interval(rules);
    return std::max(left / 2, 2 * tick);
  }

 protected:
  Standing() = default;
  ~Standing() = default;

  // All under the shard's lock; validity_ is read without it too. Each part's tail is filled by the next member.
  [[no_unique_address]] Validity validity_;
  [[no_unique_address]] Schedule schedule_;
  State state_ = State::ended;
  EndReason reason_ = EndReason::stopped;
  [[no_unique_address]] Attempts attempts_;
  bool jeopardy_ : 1 = false;
  bool lapsed_ : 1 = false;    // valid until has passed and the owner knows
  bool grace_ : 1 = false;     // valid until passed during a gap: one fresh beat decides
  bool withheld_ : 1 = false;  // the last regular beat was not sent for want of progress
};

}  // namespace heartbeat::detail
