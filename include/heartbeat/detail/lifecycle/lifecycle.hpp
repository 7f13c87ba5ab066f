// SPDX-License-Identifier: BSL-1.0
// The state machine of one heartbeat. It is told the time and what happened, and answers with what to do: it owns no
// thread, clock, timer or socket, and is tested and simulated alone. The shard performs what it answers.
// It moves three parts, each with its own rules: validity.hpp, schedule.hpp, attempts.hpp; standing.hpp holds them.
// Read next: lifecycle/action.hpp, what it answers; record.hpp, where it lives.
//
//            start                                 claim                 initiated
//    held --------> waiting -----------> ready ------------> sending -----------------> in_flight
//      (old close)     ^    next_send due       a send slot     |                           |
//                      |                                        | answer, or beat deadline  |
//                      +----------------------------------------+---------------------------+
//
//    any of them -- gone, failed for good, stalled, stopped, parent cancelled, shut down --> ended (for ever)
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/lifecycle/action.hpp>
#include <heartbeat/detail/lifecycle/beat_rules.hpp>
#include <heartbeat/detail/lifecycle/standing.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// The time, as the state machine is told it.
struct Moment {
  Instant now;
  TickScale scale;
  std::int64_t late = 0;           ///< by how much the wake-up came late that this belongs to (G18)
  std::int64_t gap_threshold = 0;  ///< later than that, the process was away for everybody

  /// The process was away for a heartbeat with that measure of its own (`Standing::own_gap`).
  [[nodiscard]] bool is_gap(std::int64_t own) const noexcept { return late > std::min(gap_threshold, own); }
};

/// The beat that is being sent or in flight, as the state machine is told it.
struct CurrentBeat {
  Instant send_time = 0;
  Instant deadline = instant_never;
};

/// One heartbeat's state, and how it changes. Called under the shard's lock, but for what Standing says.
class Lifecycle : public Standing {
 public:
  [[nodiscard]] Action start(const Moment& moment, const BeatRules& rules, std::optional<Instant> granted, bool hold,
                             Random& random) noexcept;

  /// It is held, and its patience with a first acknowledgement begins anew: now, or when what it was granted is over.
  void begin_patience(const Moment& moment, const BeatRules& rules) noexcept {
    grace_ = validity_.is_confirmed() && !validity_.is_over(moment.scale, moment.now);
    if (!grace_) validity_.expect(add(moment.now, rules.ttl - rules.margin));
  }

  /// What it was held for is over: its first beat is drawn as at a start.
  void release_hold(const Moment& moment, const BeatRules& rules, Random& random) noexcept;

  /// The tick until which it may be held, and all its attempts still fit; or at which its patience begins.
  [[nodiscard]] Tick held_until(const Moment& moment, const BeatRules& rules) const noexcept {
    const std::int64_t room = grace_ ? 0 : Attempts::room(rules, moment.scale.nanoseconds());
    return moment.scale.down(validity_.limit() - room);
  }

  /// What was granted may have been closed meanwhile: it is valid from its first acknowledgement alone.
  void distrust_grant() noexcept {
    if (validity_.is_confirmed()) validity_.expect(validity_.limit());
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
    schedule_.end(now);
    validity_.end();
  }

  /// The next tick at which `due` has something to look at; `tick_never` while held, ready or ended.
  [[nodiscard]] Tick armed(const TickScale& scale, Instant deadline) const noexcept;

  /// While ready: the tick at which waiting is over, which is also its rank among those that are ready.
  [[nodiscard]] Tick ready_until(const Moment& moment, const BeatRules& rules) const noexcept {
    return moment.scale.down(is_lapsed() ? add(moment.now, rules.ttl) : validity_.limit());
  }

 private:
  Action acknowledged(const Moment& moment, const BeatRules& rules, Instant send_time, std::optional<Duration> told,
                      Random& random) noexcept;
  Action failed(const Moment& moment, const BeatRules& rules, Instant send_time, bool retry, Random& random) noexcept;
  Action end_of_validity(const Moment& moment, const BeatRules& rules, std::optional<Instant> last_send) noexcept;
  Action next_send_due(const Moment& moment, const BeatRules& rules, Instant last_progress) noexcept;
};

}  // namespace heartbeat::detail

#include <heartbeat/detail/lifecycle/steps.hpp>  // IWYU pragma: export
