// SPDX-License-Identifier: BSL-1.0
// A state machine with the hands of a test on it: told a time and a happening, it shows the action it asks for. No
// thread, no clock. Read next: lifecycle.cpp, the table of states; lifecycle/steps.cpp, the arithmetic.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include <heartbeat/detail/lifecycle/lifecycle.hpp>

namespace heartbeat::detail {

inline constexpr std::int64_t ms = 1'000'000;
inline constexpr std::int64_t s = 1'000 * ms;

// Interval 5 s, ttl 30 s, margin 1 s: without an acknowledgement it is over 29 s after the last send.
inline BeatRules plain_rules() {
  HeartbeatOptions<> options;
  options.first_beat = FirstBeat::now;
  return make_rules(options, std::chrono::milliseconds{1});
}

inline Action tells(std::initializer_list<EventKind> kinds) {
  Action action;
  for (const EventKind kind : kinds)
    action.told = static_cast<EventMask>(action.told | mask_of(kind));
  return action;
}

inline Action sends() {
  Action action;
  action.make_ready = true;
  return action;
}

inline Action ends(EndReason reason, std::initializer_list<EventKind> kinds = {}) {
  return Action::ending(reason, tells(kinds).told);
}

class Subject {
 public:
  explicit Subject(BeatRules the_rules = plain_rules(), std::uint64_t seed = 1) : rules{the_rules}, random{seed} {}

  // Not granted: not valid before its first acknowledgement.
  Action start(Instant now, bool hold = false) { return life.start(at(now), rules, std::nullopt, hold, random); }
  Action start_granted(Instant now, Instant granted, bool hold = false) {
    return life.start(at(now), rules, granted, hold, random);
  }

  void release_hold(Instant now) {
    life.begin_patience(at(now), rules);
    life.release_hold(at(now), rules, random);
  }

  Action due(Instant now) { return life.due(at(now), rules, beat, last_progress, random); }
  Action due_late(Instant now, std::int64_t late) {
    return life.due(late_at(now, late), rules, beat, last_progress, random);
  }
  Action due_after_gap(Instant now) { return due_late(now, 20 * s); }
  Action waited_out(Instant now) { return life.waited_out(at(now), rules); }
  Action waited_out_after_gap(Instant now) { return life.waited_out(late_at(now, 20 * s), rules); }

  Lifecycle::Claim claim(Instant now) {
    const Lifecycle::Claim claimed = life.claim(at(now), rules);
    beat = {.send_time = now, .deadline = claimed.deadline};
    return claimed;
  }

  Action acknowledge(Instant now, std::optional<Duration> ttl = {}) {
    return life.answered(at(now), rules, beat, BeatResult::Kind::acknowledged, ttl, true, random);
  }
  Action answer_gone(Instant now) {
    return life.answered(at(now), rules, beat, BeatResult::Kind::gone, {}, true, random);
  }
  Action fail(Instant now, bool retry = true) {
    return life.answered(at(now), rules, beat, BeatResult::Kind::failed, {}, retry, random);
  }

  // Due, claimed and initiated at `now`. REQUIRES: is due.
  void send(Instant now) {
    if (life.state() == State::waiting) (void)due(now);
    (void)claim(now);
    life.initiated();
  }

  // Started at 0, valid until 29 s, with its first beat due at 0; then brought into that state at 0.
  void bring_to(State state) {
    (void)start_granted(0, 0, state == State::held);
    if (state == State::held || state == State::waiting) return;
    if (state == State::ended) return life.end(EndReason::stopped, 0);
    (void)due(0);
    if (state == State::ready) return;
    (void)claim(0);
    if (state == State::in_flight) life.initiated();
  }

  // Acknowledged at 0; no progress within 2 s of its next beat, which was withheld at 5 s.
  void bring_to_withheld() {
    rules.progress_within = 2 * s;
    bring_to(State::in_flight);
    (void)acknowledge(0);
    (void)due(5 * s);
  }

  [[nodiscard]] Tick armed() const { return life.armed(scale, beat.deadline); }
  [[nodiscard]] Instant armed_at() const { return scale.instant(armed()); }
  [[nodiscard]] Tick ready_until(Instant now) const { return life.ready_until(at(now), rules); }

  BeatRules rules;
  TickScale scale{ms};
  Lifecycle life;
  CurrentBeat beat;
  Instant last_progress = 0;
  Random random;

 private:
  [[nodiscard]] Moment at(Instant now) const { return {.now = now, .scale = scale}; }
  [[nodiscard]] Moment late_at(Instant now, std::int64_t late) const {
    return {.now = now, .scale = scale, .late = late, .gap_threshold = s};
  }
};

}  // namespace heartbeat::detail
