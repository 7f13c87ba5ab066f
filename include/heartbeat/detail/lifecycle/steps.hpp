// SPDX-License-Identifier: BSL-1.0
// The transitions of the state machine, one function each. The drawing is in lifecycle.hpp, which includes this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <heartbeat/detail/lifecycle/lifecycle.hpp>

namespace heartbeat::detail {

inline Action Lifecycle::start(const Moment& moment, const BeatRules& rules, std::optional<Instant> granted, bool hold,
                               Random& random) noexcept {
  const Instant limit = add(granted.value_or(moment.now), rules.ttl - rules.margin);
  schedule_.begin(rules, moment.now, limit, random);
  state_ = hold ? State::held : State::waiting;
  if (granted) {
    validity_.confirm(limit);
  } else {
    validity_.expect(limit);
  }
  Action action;
  action.told = mask_of(EventKind::started);
  return action;
}

inline void Lifecycle::release_hold(const Moment& moment, const BeatRules& rules, Random& random) noexcept {
  if (state_ != State::held) return;
  schedule_.begin(rules, moment.now, validity_.limit(), random);
  state_ = State::waiting;
  grace_ = false;
}

inline Action Lifecycle::due(const Moment& moment, const BeatRules& rules, const CurrentBeat& beat,
                             Instant last_progress, Random& random) noexcept {
  Action action;
  if (state_ == State::ended) return action;
  std::optional<Instant> last_send;
  if ((state_ == State::sending || state_ == State::in_flight) && beat.deadline <= moment.now) {
    action = failed(moment, rules, beat.send_time, true, random);
    action.abandon_beat = true;
    last_send = beat.send_time;
  }
  if (!action.end && !is_lapsed() && validity_.is_over(moment.scale, moment.now)) {
    const Action over = end_of_validity(moment, rules, last_send);
    action.end = over.end;
    action.reason = over.reason;
    action.told |= over.told;
  }
  if (!action.end && state_ == State::waiting && schedule_.next_send() <= moment.now) {
    const Action sending = next_send_due(moment, rules, last_progress);
    action.make_ready = sending.make_ready;
    action.end = sending.end;
    action.reason = sending.reason;
    action.told |= sending.told;
    action.skipped += sending.skipped;
    action.withheld += sending.withheld;
  }
  return action;
}

inline Action Lifecycle::end_of_validity(const Moment& moment, const BeatRules& rules,
                                         std::optional<Instant> last_send) noexcept {
  Action action;
  if (rules.keep_beating) {
    lapsed_ = true;
    action.told = mask_of(EventKind::lapsed);
  } else if (moment.is_gap(own_gap(rules, moment.scale.nanoseconds()))) {
    grace_ = true;
    action.told = mask_of(EventKind::time_gap);
    if (state_ == State::waiting) {
      // At once, but for the floor. An acknowledged send lies further back than that, since its validity, like the
      // interval, was longer; one that has just failed may be of a moment ago, so the floor counts from now.
      const bool is_long_ago = attempts_.is_none() && schedule_.interval(rules) > rules.floor;
      const Instant earliest = is_long_ago ? 0 : add(last_send.value_or(moment.now), rules.floor);
      schedule_.bring_forward(std::max(moment.now, earliest));
    }
  } else {
    return Action::ending(EndReason::stalled);
  }
  return action;
}

inline Action Lifecycle::next_send_due(const Moment& moment, const BeatRules& rules, Instant last_progress) noexcept {
  Action action;
  if (rules.progress_within == 0 || moment.now - last_progress <= rules.progress_within) {
    state_ = State::ready;
    action.make_ready = true;
    withheld_ = false;
    return action;
  }
  if (grace_ && withheld_) return Action::ending(EndReason::stalled);  // the fresh beat must not wait for ever
  schedule_.leave_out(rules, moment.now);
  action.withheld = 1;
  if (!withheld_) action.told = mask_of(EventKind::withheld);
  withheld_ = true;
  return action;
}

inline Action Lifecycle::waited_out(const Moment& moment, const BeatRules& rules) noexcept {
  if (!is_lapsed()) return end_of_validity(moment, rules, {});
  return grace_ ? Action::ending(EndReason::stalled) : Action{};
}

inline Lifecycle::Claim Lifecycle::claim(const Moment& moment, const BeatRules& rules) noexcept {
  const bool is_regular = attempts_.is_none();
  const std::int64_t lateness = moment.now - schedule_.next_send();
  const std::uint32_t passed = schedule_.pass_grid_points(rules, moment.now);
  const std::int64_t timeout = next_timeout(moment, rules);
  attempts_.sent();
  state_ = State::sending;
  return {.deadline = add(moment.now, timeout),
          .lateness = lateness,
          .skipped = is_regular && passed > 0 ? passed - 1 : passed};
}

inline std::int64_t Lifecycle::next_timeout(const Moment& moment, const BeatRules& rules) const noexcept {
  return attempts_.timeout(rules, validity_.limit() - moment.now, moment.scale.nanoseconds());
}

inline Action Lifecycle::answered(const Moment& moment, const BeatRules& rules, const CurrentBeat& beat,
                                  BeatResult::Kind kind, std::optional<Duration> ttl, bool retry,
                                  Random& random) noexcept {
  switch (kind) {
    case BeatResult::Kind::gone: return Action::ending(EndReason::gone);
    case BeatResult::Kind::failed: return failed(moment, rules, beat.send_time, retry, random);
    case BeatResult::Kind::acknowledged: break;
  }
  if (ttl && (ttl->count() <= 0 || *ttl >= Duration{Duration::longest})) {
    return failed(moment, rules, beat.send_time, true, random);
  }
  return acknowledged(moment, rules, beat.send_time, ttl, random);
}

inline Action Lifecycle::acknowledged(const Moment& moment, const BeatRules& rules, Instant send_time,
                                      std::optional<Duration> told, Random& random) noexcept {
  Action action;
  action.told = mask_of(EventKind::acknowledged);
  if (jeopardy_ || is_lapsed()) action.told |= mask_of(EventKind::recovered);
  jeopardy_ = lapsed_ = grace_ = false;
  const bool was_retry = attempts_.is_retry();
  attempts_.acknowledged();

  const auto ttl = told ? std::optional{told->count()} : std::nullopt;
  validity_.confirm(add(send_time, Validity::lasting(rules, ttl.value_or(rules.ttl))));
  const bool has_changed = schedule_.follow(rules, ttl, moment.scale.nanoseconds());
  action.skipped = schedule_.regular(rules, send_time, has_changed, was_retry, random);
  state_ = State::waiting;
  return action;
}

inline Action Lifecycle::failed(const Moment& moment, const BeatRules& rules, Instant send_time, bool retry,
                                Random& random) noexcept {
  const EventMask missed = mask_of(EventKind::missed);
  attempts_.failed();
  if (!retry || attempts_.is_exhausted(rules)) return Action::ending(EndReason::failed, missed);
  const bool is_over = validity_.is_over(moment.scale, moment.now);
  if (grace_ && is_over) return Action::ending(EndReason::stalled, missed);

  Action action;
  action.told = missed;
  if (!jeopardy_ && validity_.is_confirmed() && !is_over) {
    jeopardy_ = true;
    action.told |= mask_of(EventKind::jeopardy);
  }
  const std::int64_t left = validity_.limit() - moment.now;
  const std::int64_t pause = attempts_.longest_pause(rules, left, moment.scale.nanoseconds());
  schedule_.retry(rules, moment.now, send_time, pause, random);
  state_ = State::waiting;
  return action;
}

inline bool Lifecycle::progressed(Instant now) noexcept {
  if (!withheld_ || state_ != State::waiting) return false;
  withheld_ = false;
  schedule_.bring_forward(now);
  return true;
}

inline Tick Lifecycle::armed(const TickScale& scale, Instant deadline) const noexcept {
  if (state_ == State::ended || state_ == State::ready || state_ == State::held) return tick_never;
  Tick tick = tick_never;
  if (state_ == State::waiting) tick = scale.up(schedule_.next_send());
  if (state_ == State::sending || state_ == State::in_flight) tick = scale.up(deadline);
  if (!is_lapsed()) tick = std::min(tick, scale.down(validity_.limit()));
  return tick;
}

}  // namespace heartbeat::detail
