// SPDX-License-Identifier: BSL-1.0
// The model's judgements about absences (G18): which of them give a heartbeat whose validity ended meanwhile its grace,
// that one fresh beat is sent in it, at once but for the floor, and that what becomes of this beat ends it.
// Included by model.hpp.
//
//    from  due             to                                  the process is away; whatever was due meanwhile runs now
//    |-----|---x-----------|                                   x: valid until, so no lateness is more than to - due
//                          |--floor--beat---answer             acknowledged: valid again; else it ends now
#pragma once

#include <algorithm>

#include "model.hpp"

namespace heartbeat::simulation {

inline void Model::was_away(Time from, Time due, Time to) {
  away_from_ = from;
  away_due_ = due;
  away_to_ = to;
  for (Life& life : lives_)
    note_absence(life);
}

// Its validity may have ended in the last absence, and that may have been long enough.
inline void Model::note_absence(Life& life) const {
  if (life.ended || life.limit() <= away_from_ || away_to_ < down(life.limit())) return;
  const Span gap = gap_of(life);
  const Span least = life.is_pace_unsure ? 2 * tick() : gap - model::Pace::error(2 * gap + life.interval());
  if (away_to_ - away_due_ <= least) return;
  life.gap_end = away_to_;
  const bool is_on_grid = is_predictable(life) && !life.beats.empty() && life.acknowledged == life.beats.size();
  const Time asked = is_on_grid ? std::min(latest_beat(life), down(life.limit())) : down(life.limit());
  life.is_gap_sure = !life.is_pace_unsure && away_to_ - std::max(asked, away_from_) > gap + tick();
}

inline Span Model::gap_of(const Life& life) const {
  return life.pace.gap(Span{plan_.registry.gap_threshold}, life.terms);
}

// What is due then is looked at: after an absence, once that is over.
inline Time Model::seen_at(Time due) const {
  return away_from_ < due && due <= away_to_ ? away_to_ : due;
}

// The floor counts from the last send, where that is known: what was acknowledged is of longer ago than an interval,
// and what has timed out in the absence was sent when we know; of what has failed before, nobody remembers it.
inline Time Model::latest_fresh_beat(const Life& life) const {
  const Time back = *life.gap_end;
  const Time with_floor = up(back + life.terms.floor);
  if (life.is_pace_unsure) return with_floor;
  if (life.acknowledged == life.beats.size()) return life.interval() > life.terms.floor ? back : with_floor;
  const SentBeat& last = life.beats.back();
  const bool has_just_timed_out = last.fate == SentBeat::Fate::timed_out && last.decided == back && !last.is_answered;
  return has_just_timed_out ? up(std::max(back, last.sent + life.terms.floor)) : with_floor;
}

// After a time gap one fresh beat decides, which keeps the floor, and waits for its answer. One that was in flight then
// and still is takes its place.
inline bool Model::may_be_in_grace(const Life& life, Time now) const {
  const bool may_have_been_held = plan_.form == BeatForm::blocking && life.acknowledged == 0 &&
                                  (life.beats.empty() || life.call_returned > Time{0});
  if (may_have_been_held && away_to_ >= life.started) return now <= away_to_ + 2min;  // its patience has begun anew
  if (!life.gap_end) return false;
  if (!life.beats.empty()) {
    const SentBeat& last = life.beats.back();
    if (last.fate == SentBeat::Fate::open) return now <= up(last.deadline);
    if (last.decided > *life.gap_end) return false;
  }
  Time latest = seen_at(latest_fresh_beat(life));
  if (life.is_gated()) latest = seen_at(latest + life.interval() + 2 * tick());  // progress may come until the next one
  if (plan_.is_limited()) latest = seen_at(latest + life.terms.ttl + 2 * tick());  // and a place for it so long
  return now <= latest;
}

// It has stalled: not in its grace.
inline void Model::judge_grace(const Life& life, Time now) {
  if (!life.gap_end || !life.is_gap_sure || life.is_gated() || plan_.form == BeatForm::blocking) return;
  if (life.is_unsure || life.may_have_been_stuck(now)) return;
  if (!life.beats.empty() && life.beats.back().deadline > *life.gap_end) {
    const SentBeat& last = life.beats.back();
    const bool is_waited_for = last.fate == SentBeat::Fate::open && !last.is_being_answered && now < last.deadline;
    if (is_waited_for) object("G18", &life, now, "stalled before its fresh beat was answered");
    return;
  }
  if (!plan_.is_limited()) return object("G18", &life, now, "no fresh beat after a time gap");
  if (now < down(*life.gap_end + life.terms.ttl)) {
    object("G18", &life, now, "its fresh beat has waited for less than a ttl, and was given up");
  }
}

}  // namespace heartbeat::simulation
