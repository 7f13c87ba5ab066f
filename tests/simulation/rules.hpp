// SPDX-License-Identifier: BSL-1.0
// The model's judgements that need the whole world: what other calls there are, when a beat must be sent, and when a
// heartbeat may be late to end. Included by model.hpp.
#pragma once

#include "model.hpp"

namespace heartbeat::simulation {

// Nothing but its own options and answers decides when it beats.
inline bool Model::is_predictable(const Life& life) const {
  return !plan_.is_limited() && !life.is_gated() && !life.is_pace_unsure && !life.is_unsure && !life.was_stuck &&
         !life.is_stuck();
}

// Beats of the running, beats that a close waits for, and closes.
inline void Model::judge_in_flight(const Life& life, Time now) {
  std::size_t count = 0;
  for (const Life& one : lives_) {
    if (one.beats.empty() || is_shut_down_) continue;
    if (one.ended && (!one.close.is_wanted() || one.close.has_made_way())) continue;
    count += one.has_beat_in_flight(now) ? 1 : 0;
  }
  for (const auto& [id, lives] : closing_) {
    for (const Life* one : lives) {
      if (one->close.calls.empty() || one->close.has_made_way()) continue;
      const model::SentClose& last = one->close.calls.back();
      count += last.fate == model::SentClose::Fate::open && now < last.deadline ? 1 : 0;
    }
  }
  if (count > plan_.registry.max_in_flight) object("F16", &life, now, "more calls in flight than the limit");
}

// A regular beat lies on the grid that the first one began; what was late for a reason is forgiven, and moves nothing.
inline void Model::judge_phase(Life& life, Time now) {
  const bool is_first = life.beats.empty();
  if (!is_predictable(life)) {
    life.phase.reset();
    return;
  }
  if (is_first) {
    const Time latest = life.started + (life.options.first_beat == FirstBeat::now ? Span{0} : life.interval());
    if (now != away_to_ && now > up(latest)) object("G14", &life, now, "the first beat came after the first interval");
    if (now != away_to_) life.phase = now;
    return;
  }
  const SentBeat& last = life.beats.back();
  if (last.fate != SentBeat::Fate::acknowledged || now == away_to_) return;
  const bool is_held_off = now == last.decided || now <= up(last.sent + life.terms.floor);
  if (!life.phase) {
    if (!is_held_off && std::exchange(life.has_new_grid, false)) life.phase = now;
    return;
  }
  const Span off = (now - *life.phase) % life.interval();
  const Span near = 2 * tick() + model::Pace::error(now - *life.phase);
  const bool is_on_grid = off < near || off > life.interval() - near;
  if (!is_on_grid && !is_held_off) object("G7", &life, now, "a regular beat off its grid");
}

// Shorter where the end of validity is near; also a fresh beat behind it waits no longer than others.
inline void Model::judge_timeout(const Life& life, Span timeout, Time now) {
  const Span most{life.options.beat_timeout.value_or(life.options.interval)};
  if (timeout > most) object("G17", &life, now, "a beat may wait longer for its answer than it was allowed to");
}

// Until when the beat after an acknowledged one is sent.
inline Time Model::latest_beat(const Life& life) const {
  const SentBeat& last = life.beats.back();
  const bool was_retry =
      life.beats.size() > 1 && life.beats[life.beats.size() - 2].fate != SentBeat::Fate::acknowledged;
  const Span held_off = was_retry ? life.terms.floor : life.interval() / 2;  // by the floor
  return std::max(last.decided, last.sent + life.interval() + held_off) + 2 * tick();
}

inline void Model::note_timeout(Life& life, Time now) {
  if (!life.beats.empty()) {
    SentBeat& last = life.beats.back();
    if (last.fate == SentBeat::Fate::open && up(last.deadline) <= now) {
      last.fate = SentBeat::Fate::timed_out;
      last.decided = now;
    }
  }
  life.was_stuck = life.was_stuck || life.is_stuck();
}

// It runs: something must be in flight, or come in time.
inline void Model::judge_waiting(Life& life, Time now) {
  note_timeout(life, now);
  if (!may_be_in_grace(life, now)) life.judge_overdue(now);
  judge_failures(life, now);
  if (life.is_cancelled) object("G11", &life, now, "runs though its parent was cancelled");
  if (life.group >= 0 && has_failed(life.group))
    object("F25", &life, now, "runs though another of its group has failed");
  judge_place(life, now);
  if (!is_predictable(life)) return;
  Time latest{};
  if (life.beats.empty()) {
    latest = up(life.started + life.interval());
  } else if (const SentBeat& last = life.beats.back(); last.fate == SentBeat::Fate::open) {
    return;
  } else if (last.fate == SentBeat::Fate::acknowledged) {
    latest = latest_beat(life);
  } else {
    latest = std::max(last.decided + Span{life.options.backoff.maximum}, last.sent + life.terms.floor) + 2 * tick();
  }
  if (now > latest) object("G7", &life, now, "no beat though one is due");
}

// A beat is sent though validity has passed, and nothing else than a gap can have kept the heartbeat from ending.
inline void Model::note_gap(Life& life, Time now) const {
  if (!life.gap_end || life.keeps_beating() || !is_predictable(life) || now < life.limit()) return;
  if (life.told_gap && *life.told_gap >= *life.gap_end) return;
  if (*life.gap_end - down(life.limit()) > Span{plan_.registry.gap_threshold}) life.owes_gap = true;
}

// The sink has heard all there is: of a heartbeat whose last beat was acknowledged, that it is well.
inline void Model::judge_last_word(const Life& life, Time now) {
  if (has_dropped_news_) return;
  if (life.is_unsure || life.was_stuck || life.beats.empty() || life.acknowledged != life.beats.size()) return;
  if (!life.valid_until || now >= down(*life.valid_until)) return;
  if (life.owes_gap) object("G18", &life, now, "the process was away, and that was never told");
  if (life.last_word && *life.last_word != EventKind::recovered) {
    object("G16", &life, now, "valid, and the last that was told of it is trouble");
  }
}

// Every attempt it was owed came.
inline void Model::judge_attempts(const Life& life, Time now) {
  if (!is_predictable(life) || life.acknowledged == 0 || !life.pace.has_room()) return;
  if (away_to_ >= life.beats[life.acknowledged - 1].sent) return;
  if (life.beats.size() - life.acknowledged < life.options.attempts) {
    object("G17", &life, now, "stalled before it had all its attempts");
  }
}

inline void Model::settle(Time now) {
  if (plan_.registry.max_sends_per_second && !has_tokens_for_all()) scarce_at_ = now;
  judge_promptness(now);
  for (Life& life : lives_) {
    if (life.generation == 0) continue;
    if (is_sink_asleep_) {
      if (!life.ended) note_timeout(life, now);
      continue;
    }
    if (!news_waits_for_calls()) {
      if (!life.ended) judge_waiting(life, now);
      if (!life.ended) judge_last_word(life, now);
      life.judge_rest(true, now);
    }
    if (!life.close.is_wanted()) continue;
    const bool has_no_limit = !plan_.is_limited() ||
                              (!plan_.registry.max_sends_per_second && !is_held_for_call(life) && has_place(true, now));
    const bool is_prompt = has_no_limit && !life.is_close_unsure;
    life.close.judge_rest(
        &life,
        {.is_beat_in_flight = is_calling(life) || (life.has_beat() && now <= up(life.beats.back().deadline)),
         .is_prompt = is_prompt,
         .is_stuck = life.unanswered() > life.options.attempts || is_calling(life) || !has_no_limit,
         .away_to = away_to_},
        now);
  }
}

}  // namespace heartbeat::simulation
