// SPDX-License-Identifier: BSL-1.0
// What the model of a heartbeat makes of what it is told: each rule once, with the guarantee it belongs to. Included by
// life.hpp.
#pragma once

#include <utility>

#include "life.hpp"

namespace heartbeat::model {

// --- beats

inline bool Life::is_in_flight(Time now) const {
  if (beats.empty()) return false;
  const SentBeat& last = beats[last_open_];
  return last.fate == SentBeat::Fate::open && !last.is_being_answered && now < last.deadline;
}

inline void Life::judge_sending(const Sending& beat) const {
  const Time now = beat.now;
  if ((ended || is_stopped_) && !beat.may_outlast_end) object("G2", now, "a beat after the end");
  if (is_cancelled) object("G11", now, "a beat after the parent was cancelled");
  if (beat.is_prompt && is_gated() && now - last_progress > *terms.progress_within) {
    object("F40", now, "a beat though its owner shows no progress");
  }
  if (beat.timeout <= Span{0}) object("G1", now, "a beat without time for its answer");
  if (beats.empty()) return;
  if (beat.claimed + beat.timeout > now && is_in_flight(now)) object("G1", now, "two beats in flight");
  // Without a floor nothing is known of their order either: of two threads, the one that claimed later may call first.
  const bool has_floor = terms.floor > Span{0};
  if (has_floor && beat.claimed - beats.back().sent < terms.floor) {
    object("G17", now, "two sends closer together than the floor");
  }
}

inline std::size_t Life::sends(const Sending& beat) {
  judge_sending(beat);
  const bool is_over = beat.claimed + beat.timeout <= beat.now;  // it timed out before the call was made
  if (!is_over && !beats.empty() && beats[last_open_].fate == SentBeat::Fate::open) {
    beats[last_open_].fate = SentBeat::Fate::timed_out;  // at this very moment
    beats[last_open_].decided = beat.now;
  }
  beats.push_back({.sent = beat.claimed,
                   .deadline = beat.claimed + beat.timeout,
                   .fate = is_over ? SentBeat::Fate::timed_out : SentBeat::Fate::open});
  if (!is_over) last_open_ = beats.size() - 1;
  return beats.size() - 1;
}

inline Life::Counts Life::answering(std::size_t beat, Time now, const BeatResult& result) {
  SentBeat& mine = beats[beat];
  mine.is_being_answered = true;
  Counts counts = Counts::no;
  const bool is_current = beat + 1 == beats.size() && mine.fate == SentBeat::Fate::open;
  if (!ended && is_current) counts = now < mine.deadline ? Counts::yes : Counts::unsure;
  if (counts != Counts::no) {  // the end it brings may be seen before the answer has returned
    may_be_gone = may_be_gone || result.kind() == BeatResult::Kind::gone;
    may_fail = may_fail || (result.kind() == BeatResult::Kind::failed && !result.retry());
  }
  return counts;
}

inline void Life::answered(std::size_t beat, Time now, const BeatResult& result, Counts counts) {
  SentBeat& mine = beats[beat];
  mine.is_answered = true;
  if (counts == Counts::no) return;
  mine.decided = now;
  const auto ttl = ttl_granted_by(result, terms);
  const auto told = result.ttl() ? ttl : std::nullopt;
  if (counts == Counts::unsure) {
    mine.fate = SentBeat::Fate::unsure;
    is_unsure = true;
    if (ttl) unsure_until = valid_until_of(mine.sent, *ttl, terms);
    unsure_ttl = told;
  } else if (ttl) {
    mine.fate = SentBeat::Fate::acknowledged;
    acknowledge(beat + 1, valid_until_of(mine.sent, *ttl, terms), told);
  } else if (result.kind() == BeatResult::Kind::gone) {
    mine.fate = SentBeat::Fate::gone;
  } else {
    const bool is_final = result.kind() == BeatResult::Kind::failed && !result.retry();
    mine.fate = is_final ? SentBeat::Fate::failed_for_good : SentBeat::Fate::failed;
  }
}

// --- ends

inline void Life::stop_returned(bool did_end, bool has_ended, bool waited, Time now) {
  if (!has_ended) object("G2", now, "stop has returned and the heartbeat runs");
  is_stopped_ = is_stopped_ || waited;
  if (!did_end) return;
  if (std::exchange(stop_said_true_, true)) object("G15", now, "two calls of stop said that they ended it");
  if (ended && ended != EndReason::stopped) object("G3", now, "stop ended it once more");
  ended = EndReason::stopped;
}

inline void Life::swept(Time now) {
  if (std::exchange(was_swept, true)) object("G12", now, "two sweeps returned it");
  if (ended && ended != EndReason::stalled) object("G3", now, "swept, but it had ended otherwise");
  ends(EndReason::stalled, now);
}

inline void Life::asks_for_token() {
  has_token = true;
  was_told_before_token_ = is_end_told;
}

inline void Life::token_fires(bool runs, Time now) {
  if (std::exchange(token_fired, true)) object("G3", now, "its token fired twice");
  if (runs) object("G16", now, "its token fired, and it runs");
  if (is_end_told && !was_told_before_token_) object("G3", now, "its token fired after its end was told");
}

inline void Life::told(bool is_end, EndReason reason, Time at) {
  if (is_end_told) object("G3", at, "told of something after its end");
  if (!is_end) return;
  is_end_told = true;
  ends(reason, at);
  if (ended != reason) object("G3", at, "told another reason than it ended for");
}

inline void Life::begins(Time now) {
  if (is_stopped_) object("G2", now, "a callback runs after stop has returned");
  if (is_end_told) object("G3", now, "its end was told, and was not the last");
}

// Whoever sees it first.
inline void Life::ends(EndReason reason, Time now) {
  if (ended) return;
  observer_->sees_end(*this, reason, now);
  judge_end(reason, now);
  ended = reason;
}

inline void Life::judge_end(EndReason reason, Time now) const {
  switch (reason) {
    case EndReason::stopped:
      if (!may_be_stopped) object("G3", now, "ended as stopped, and nobody had asked for it");
      return;
    case EndReason::shut_down:
      if (!may_be_shut_down) object("G3", now, "ended as shut down, and the registry is open");
      return;
    case EndReason::parent_cancelled:
      if (!may_be_cancelled) object("G11", now, "ended with its parent, which was not cancelled");
      return;
    case EndReason::gone:
      if (!may_be_gone) object("G5", now, "gone, and no answer said so");
      return;
    case EndReason::failed:
      if (!may_fail && !terms.most_failures) object("F26", now, "failed for good, and no answer said so");
      return;
    case EndReason::stalled: break;
  }
  if (terms.keeps_beating) object("G16", now, "stalled though it was to go on");
  if (!is_unsure && now < down(limit())) object("G16", now, "stalled while it was valid");
}

// --- looking

inline void Life::look(const View& view, Time now) {
  if (view.ended) {
    ends(*view.ended, now);
    if (ended != view.ended) object("G3", now, "the reason of its end has changed");
    if (view.is_valid || view.valid_until) object("G16", now, "it has ended, and says that it is valid");
    return;
  }
  if (ended) return object("G3", now, "runs, but must have ended");
  if (is_unsure) {
    const bool counted = unsure_until && view.valid_until == unsure_until;
    beats.back().fate = counted ? SentBeat::Fate::acknowledged : SentBeat::Fate::timed_out;
    if (counted) acknowledge(beats.size(), *unsure_until, unsure_ttl);
    unsure_until.reset();
    is_unsure = false;
  }
  if (view.valid_until != valid_until) object("G9", now, "valid until something it was not granted");
  const bool is_valid = valid_until && now < *valid_until;
  if (view.is_valid != is_valid) object("G16", now, is_valid ? "not valid" : "valid");
  if (beats.empty()) return;
  if (beats.back().fate == SentBeat::Fate::gone) object("G3", now, "gone, and runs");
  if (beats.back().fate == SentBeat::Fate::failed_for_good) object("F26", now, "failed for good, and runs");
}

inline void Life::judge_overdue(Time now) {
  if (ended || keeps_beating() || is_unsure) return;
  if (now >= limit()) object("G16", now, "runs after its validity has ended");
}

inline void Life::judge_rest(bool has_sink, Time now) {
  if (!ended) return;
  if (has_sink && !is_end_told) object("G3", now, "its end was not told");
  if (has_token && !token_fired) object("G16", now, "ended, and its token has not fired");
}

}  // namespace heartbeat::model
