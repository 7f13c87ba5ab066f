// SPDX-License-Identifier: BSL-1.0
// The state machine of one heartbeat. It is told the time and what happened, and answers with what to do: it owns no
// thread, clock, timer or socket, and is tested and simulated alone. The shard performs what it answers.
// Read next: lifecycle/action.hpp, what it answers; record.hpp, where it lives.
//
//            start                                 claim                 initiated
//    held --------> waiting -----------> ready ------------> sending -----------------> in_flight
//      (old close)     ^    next_send due       a send slot     |                           |
//                      |                                        | answer, or beat deadline  |
//                      +----------------------------------------+---------------------------+
//
//    any of them -- gone, failed for good, stalled, stopped, parent cancelled, shut down --> ended (for ever)
//
// Validity (G9, G16), each acknowledgement counted from the moment of sending:
//
//    send      ack                 next beat fails: jeopardy                valid until   server forgets
//    |---------|-------------------x------x-------x-------------------------|--margin-----|
//    |<------------------------------ ttl ------------------------------------------------>|
//
// Phase (G7): regular beats lie on a grid fixed at start; what could not be sent in time is skipped, never made up for:
//
//    grid      1     2     3     4     5
//    sent      x     x  (away......)  x5  x6      not x3 x4 x5 at once
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/lifecycle/action.hpp>
#include <heartbeat/detail/lifecycle/beat_rules.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Where a heartbeat stands.
enum class State : std::uint8_t {
  held,       ///< waits for the close call of the same key's previous generation
  waiting,    ///< for its next beat, regular or retry
  ready,      ///< its beat is due and waits to be sent
  sending,    ///< the transport is being called
  in_flight,  ///< the answer is being waited for
  ended,
};

/// The time, as the state machine is told it.
struct Moment {
  Instant now;
  TickScale scale;
  bool is_gap = false;  ///< the process was away until now (G18)
};

/// The beat that is being sent or in flight, as the state machine is told it.
struct CurrentBeat {
  Instant send_time = 0;
  Instant deadline = instant_never;
};

/// One heartbeat's state. Everything but `valid_until` and `is_ended` is called under the shard's lock.
class Lifecycle {
 public:
  [[nodiscard]] Action start(const Moment& moment, const BeatRules& rules, std::optional<Instant> granted, bool hold,
                             Random& random) noexcept;

  /// The old close of the same key is over.
  void release_hold() noexcept {
    if (state_ == State::held) state_ = State::waiting;
  }

  /// Something may be due: the beat's deadline, the end of validity, the next beat; looked at in this order.
  [[nodiscard]] Action due(const Moment& moment, const BeatRules& rules, const CurrentBeat& beat, Instant last_progress,
                           Random& random) noexcept;

  /// A ready heartbeat has waited in grace for longer than a ttl without being sent.
  [[nodiscard]] Action waited_out(const Moment& moment, const BeatRules& rules) noexcept;

  struct Claim {
    Instant deadline;
    std::int64_t lateness;
    std::uint32_t skipped;
  };

  /// How long the next beat may wait for its answer if it is sent now.
  [[nodiscard]] std::int64_t next_timeout(const Moment& moment, const BeatRules& rules) const noexcept;

  /// ready -> sending: the beat is about to be sent.
  [[nodiscard]] Claim claim(const Moment& moment, const BeatRules& rules) noexcept;

  /// sending -> in_flight, unless it was answered meanwhile.
  void initiated() noexcept {
    if (state_ == State::sending) state_ = State::in_flight;
  }

  /// The current beat was answered.
  [[nodiscard]] Action answered(const Moment& moment, const BeatRules& rules, const CurrentBeat& beat,
                                BeatResult::Kind kind, std::optional<Duration> ttl, bool retry,
                                Random& random) noexcept;

  /// A beat that could not be sent: counts as one that failed now.
  [[nodiscard]] Action not_sent(const Moment& moment, const BeatRules& rules, Random& random) noexcept {
    return failed(moment, rules, moment.now, true, random);
  }

  /// The owner showed progress: a withheld beat is due now. True if the timer must be set anew.
  [[nodiscard]] bool progressed(Instant now) noexcept;

  /// The one end. REQUIRES: has not ended.
  void end(EndReason reason, Instant now) noexcept {
    state_ = State::ended;
    reason_ = reason;
    next_send_ = now;
    validity_.store(ended_mark, std::memory_order_release);
  }

  /// The next tick at which `due` has something to look at; `tick_never` while ready or ended.
  [[nodiscard]] Tick armed(const TickScale& scale, Instant deadline) const noexcept;

  /// While ready: the tick at which waiting is over, which is also its rank among those that are ready.
  [[nodiscard]] Tick ready_until(const Moment& moment, const BeatRules& rules) const noexcept {
    return moment.scale.down(lapsed_ || grace_ ? add(moment.now, rules.ttl) : limit());
  }

  /// Valid until this instant; no value while not acknowledged yet, and after the end. From any thread.
  [[nodiscard]] std::optional<Instant> valid_until() const noexcept {
    const Instant value = validity_.load(std::memory_order_acquire);
    return value >= 0 ? std::optional{value} : std::nullopt;
  }

  /// From any thread. What led to the end happened before it is seen here.
  [[nodiscard]] bool is_ended() const noexcept { return validity_.load(std::memory_order_acquire) == ended_mark; }

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] EndReason reason() const noexcept { return reason_; }
  /// When the next beat is due, or the current one was. REQUIRES: has not ended.
  [[nodiscard]] Instant next_send() const noexcept { return next_send_; }
  [[nodiscard]] Instant ended_at() const noexcept { return next_send_; }  // REQUIRES: has ended
  [[nodiscard]] std::uint8_t failures() const noexcept { return failures_; }
  [[nodiscard]] bool in_jeopardy() const noexcept { return jeopardy_; }
  /// Not its first attempt since the last acknowledgement, or one of a session whose validity is over.
  [[nodiscard]] bool is_again() const noexcept { return attempt_ != 0 || is_lapsed(); }
  /// Its validity is over, and it goes on all the same.
  [[nodiscard]] bool is_lapsed() const noexcept { return lapsed_ || grace_; }
  [[nodiscard]] bool in_grace() const noexcept { return grace_; }

 private:
  static constexpr Instant ended_mark = std::numeric_limits<Instant>::min();

  // The instant at which validity, or the patience with a first acknowledgement, is over.
  [[nodiscard]] Instant limit() const noexcept {
    const Instant value = validity_.load(std::memory_order_relaxed);  // written under the lock that is held here
    return value >= 0 ? value : ~value;
  }
  [[nodiscard]] bool is_confirmed() const noexcept { return validity_.load(std::memory_order_relaxed) >= 0; }
  [[nodiscard]] bool is_over(const Moment& moment) const noexcept {
    return moment.scale.down(limit()) <= moment.scale.down(moment.now);
  }
  [[nodiscard]] std::int64_t interval(const BeatRules& rules) const noexcept {
    if (pace_ == 1.0F) return rules.interval;
    return std::max(rules.floor, static_cast<std::int64_t>(static_cast<double>(rules.interval) * pace_));
  }

  Action acknowledged(const Moment& moment, const BeatRules& rules, Instant send_time, std::optional<Duration> told,
                      Random& random) noexcept;
  Action failed(const Moment& moment, const BeatRules& rules, Instant send_time, bool retry, Random& random) noexcept;
  Action end_of_validity(const Moment& moment, const BeatRules& rules, std::optional<Instant> last_send) noexcept;
  Action next_send_due(const Moment& moment, const BeatRules& rules, Instant last_progress) noexcept;
  void schedule_regular(const BeatRules& rules, Instant send_time, float pace, bool was_retry, Action& action,
                        Random& random) noexcept;
  std::uint32_t pass_grid_points(const BeatRules& rules, Instant now) noexcept;

  // All under the shard's lock; validity_ is read without it too.
  // validity_: valid until, once confirmed; its complement (so: negative) before; ended_mark after the end.
  std::atomic<Instant> validity_{ended_mark};
  Instant next_send_ = 0;  // after the end: when it came
  Instant grid_ = 0;       // the last grid point passed, may be before the clock's epoch
  float pace_ = 1.0F;      // the interval in force as a multiple of the one in the rules: servers may tell a ttl
  State state_ = State::ended;
  EndReason reason_ = EndReason::stopped;
  std::uint8_t failures_ = 0;  // in a row, saturating
  std::uint8_t attempt_ = 0;   // sends since the last acknowledgement, saturating
  bool jeopardy_ : 1 = false;
  bool lapsed_ : 1 = false;    // valid until has passed and the owner knows
  bool grace_ : 1 = false;     // valid until passed during a gap: one fresh beat decides
  bool withheld_ : 1 = false;  // the last regular beat was not sent for want of progress
};

}  // namespace heartbeat::detail

#include <heartbeat/detail/lifecycle/steps.hpp>  // IWYU pragma: export
