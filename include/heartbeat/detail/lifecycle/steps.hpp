// SPDX-License-Identifier: BSL-1.0
// The transitions of the state machine, one function each. The drawing is in lifecycle.hpp, which includes this.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include <heartbeat/detail/lifecycle/lifecycle.hpp>

namespace heartbeat::detail {

inline Action Lifecycle::start(const Moment& moment, const BeatRules& rules, std::optional<Instant> granted, bool hold,
                               Random& random) noexcept {
  const Instant limit = add(granted.value_or(moment.now), rules.ttl - rules.margin);
  // A session granted a while ago gets its first beat early enough for all its attempts.
  const std::int64_t share = std::max<std::int64_t>(0, limit - moment.now) / (rules.attempts + 1);
  const Instant first = add(moment.now, rules.first_now ? 0 : random.below(std::min(rules.interval, share)));
  next_send_ = first;
  grid_ = first - rules.interval;
  state_ = hold ? State::held : State::waiting;
  validity_.store(granted ? limit : ~limit, std::memory_order_release);
  Action action;
  action.told = mask_of(EventKind::started);
  return action;
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
  if (!action.end && !lapsed_ && !grace_ && is_over(moment)) {
    const Action over = end_of_validity(moment, rules, last_send);
    action.end = over.end;
    action.reason = over.reason;
    action.told |= over.told;
  }
  if (!action.end && state_ == State::waiting && next_send_ <= moment.now) {
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
  } else if (moment.is_gap) {
    grace_ = true;
    action.told = mask_of(EventKind::time_gap);
    if (state_ == State::waiting) {
      // At once, but for the floor. An acknowledged send lies further back than that, since its validity, like the
      // interval, was longer; one that has just failed may be of a moment ago, so the floor counts from now.
      const bool is_long_ago = attempt_ == 0 && interval(rules) > rules.floor;
      const Instant earliest = is_long_ago ? 0 : add(last_send.value_or(moment.now), rules.floor);
      next_send_ = std::min(next_send_, std::max(moment.now, earliest));
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
  pass_grid_points(rules, moment.now);
  next_send_ = grid_ + interval(rules);
  action.withheld = 1;
  if (!withheld_) action.told = mask_of(EventKind::withheld);
  withheld_ = true;
  return action;
}

inline Action Lifecycle::waited_out(const Moment& moment, const BeatRules& rules) noexcept {
  if (!grace_ && !lapsed_) return end_of_validity(moment, rules, {});
  return grace_ ? Action::ending(EndReason::stalled) : Action{};
}

inline Lifecycle::Claim Lifecycle::claim(const Moment& moment, const BeatRules& rules) noexcept {
  const bool is_regular = attempt_ == 0;
  const std::int64_t lateness = moment.now - next_send_;
  const std::uint32_t passed = pass_grid_points(rules, moment.now);
  const std::int64_t timeout = next_timeout(moment, rules);
  if (attempt_ < 255) ++attempt_;
  state_ = State::sending;
  return {.deadline = add(moment.now, timeout),
          .lateness = lateness,
          .skipped = is_regular && passed > 0 ? passed - 1 : passed};
}

// Each attempt still owed gets an equal share of the validity that is left (G17).
inline std::int64_t Lifecycle::next_timeout(const Moment& moment, const BeatRules& rules) const noexcept {
  const std::int64_t left = limit() - moment.now;
  if (left <= 0) return rules.beat_timeout;
  const std::int64_t owed = attempt_ < rules.attempts ? rules.attempts - attempt_ : 1;
  const std::int64_t tick = moment.scale.nanoseconds();  // what rounding the deadline up may add
  return std::min(rules.beat_timeout, std::max(left / owed - tick, tick));
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

inline Action Lifecycle::acknowledged(const Moment&, const BeatRules& rules, Instant send_time,
                                      std::optional<Duration> told, Random& random) noexcept {
  Action action;
  action.told = mask_of(EventKind::acknowledged);
  if (jeopardy_ || lapsed_ || grace_) action.told |= mask_of(EventKind::recovered);
  jeopardy_ = lapsed_ = grace_ = false;
  const bool was_retry = attempt_ > 1;
  failures_ = attempt_ = 0;

  // Of a told ttl the margin leaves half, but never more than of the ttl that was asked for.
  const std::int64_t ttl = told ? told->count() : rules.ttl;
  const std::int64_t validity = std::max(ttl - rules.margin, std::min(ttl / 2, rules.ttl - rules.margin));
  validity_.store(add(send_time, validity), std::memory_order_release);

  float pace = 1.0F;
  if (told) {
    const auto configured = static_cast<double>(rules.interval);
    double wanted = configured;
    if (rules.follow_ttl) wanted *= static_cast<double>(ttl) / static_cast<double>(rules.ttl);
    if (ttl < rules.ttl) wanted = std::min(wanted, static_cast<double>(validity / (rules.attempts + 1)));
    wanted = std::max(wanted, static_cast<double>(rules.floor));
    pace = static_cast<float>(wanted / configured);
    // Rounded down: where the floor decides, the interval is the floor, and not a little more.
    if (static_cast<double>(pace) * configured > wanted) pace = std::nextafter(pace, 0.0F);
  }
  schedule_regular(rules, send_time, pace, was_retry, action, random);
  state_ = State::waiting;
  return action;
}

// The next grid point that keeps the floor; an interval that changed gives a new grid with fresh jitter. A regular beat
// is sent a little after its own grid point, since times are rounded up: where the floor is the interval, the next one
// is always a little too near. It is sent as late, not skipped; else every second beat would be.
inline void Lifecycle::schedule_regular(const BeatRules& rules, Instant send_time, float pace, bool was_retry,
                                        Action& action, Random& random) noexcept {
  const Instant earliest = add(send_time, rules.floor);
  if (pace != pace_) {
    pace_ = pace;
    next_send_ = add(earliest, random.below(interval(rules) - rules.floor));
    grid_ = next_send_ - interval(rules);
    return;
  }
  next_send_ = grid_ + interval(rules);
  if (next_send_ >= earliest) return;
  if (!was_retry && earliest - next_send_ <= interval(rules) / 2) {
    next_send_ = earliest;
    return;
  }
  grid_ = next_send_;
  next_send_ += interval(rules);
  ++action.skipped;
}

inline Action Lifecycle::failed(const Moment& moment, const BeatRules& rules, Instant send_time, bool retry,
                                Random& random) noexcept {
  const EventMask missed = mask_of(EventKind::missed);
  if (failures_ < 255) ++failures_;
  if (!retry || (rules.max_failures != 0 && failures_ >= rules.max_failures)) {
    return Action::ending(EndReason::failed, missed);
  }
  if (grace_ && is_over(moment)) return Action::ending(EndReason::stalled, missed);

  Action action;
  action.told = missed;
  if (!jeopardy_ && is_confirmed() && !is_over(moment)) {
    jeopardy_ = true;
    action.told |= mask_of(EventKind::jeopardy);
  }
  const double grown = static_cast<double>(rules.backoff_initial) * std::pow(rules.backoff_multiplier, failures_ - 1);
  auto pause = static_cast<std::int64_t>(std::min(grown, static_cast<double>(rules.backoff_maximum)));
  const std::int64_t left = limit() - moment.now;
  if (left > 0) {  // also when none is owed any more: a session that can still be saved is not left to run out
    const std::int64_t owed = attempt_ < rules.attempts ? rules.attempts - attempt_ : 1;
    const std::int64_t tick = moment.scale.nanoseconds();
    const std::int64_t spare = left - owed * (std::max(rules.floor, tick) + tick);  // beyond what the floor takes
    pause = std::min({pause, left / owed / 2, std::max<std::int64_t>(0, spare)});   // the other half is for the answer
  }
  next_send_ = std::max(add(moment.now, random.below(pause + 1)), add(send_time, rules.floor));
  state_ = State::waiting;
  return action;
}

inline bool Lifecycle::progressed(Instant now) noexcept {
  if (!withheld_ || state_ != State::waiting) return false;
  withheld_ = false;
  next_send_ = std::min(next_send_, now);
  return true;
}

inline Tick Lifecycle::armed(const TickScale& scale, Instant deadline) const noexcept {
  if (state_ == State::ended || state_ == State::ready) return tick_never;
  Tick tick = tick_never;
  if (state_ == State::waiting) tick = scale.up(next_send_);
  if (state_ == State::sending || state_ == State::in_flight) tick = scale.up(deadline);
  if (!lapsed_ && !grace_) tick = std::min(tick, scale.down(limit()));
  return tick;
}

// Moves the phase to the last grid point that is not after now; how many were passed.
inline std::uint32_t Lifecycle::pass_grid_points(const BeatRules& rules, Instant now) noexcept {
  const std::int64_t passed = (now - grid_) / interval(rules);
  if (passed <= 0) return 0;
  grid_ += passed * interval(rules);
  return static_cast<std::uint32_t>(std::min<std::int64_t>(passed, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace heartbeat::detail
