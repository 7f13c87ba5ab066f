// SPDX-License-Identifier: BSL-1.0
// The model's judgement about the limit of failures: a heartbeat that has one ends as failed at the beat that reaches
// it, and at no other. Included by model.hpp.
#pragma once

#include "model.hpp"

namespace heartbeat::simulation {

// An attempt that could not be sent counts as one that failed, and nobody but the library saw it.
inline bool Model::may_have_unseen_failures(const Life& life, Time now) const {
  if (life.may_have_been_stuck(now) || life.is_unsure) return true;
  return plan_.form == BeatForm::blocking && life.beats.size() > life.acknowledged;
}

// It runs, and whatever was due has been looked at.
inline void Model::judge_failures(const Life& life, Time now) {
  if (!life.terms.most_failures || life.is_unsure) return;
  if (life.failures() >= *life.terms.most_failures) object("F26", &life, now, "failed as often as it may, and runs");
}

// The last beat's failure may be what ends it, and be known only afterwards.
inline void Model::judge_failed(const Life& life, Time now) {
  if (!life.terms.most_failures || life.may_fail || may_have_unseen_failures(life, now)) return;
  const bool is_last_unknown = life.beats.size() > life.acknowledged && life.beats.back().fate == SentBeat::Fate::open;
  const SentBeat* const last = is_last_unknown ? &life.beats.back() : nullptr;
  const bool has_just_failed = last != nullptr && (last->is_being_answered || last->deadline <= now);
  if (life.failures() + (has_just_failed ? 1 : 0) >= *life.terms.most_failures) return;
  object("F26", &life, now, "ended as failed before it had failed so often");
}

}  // namespace heartbeat::simulation
