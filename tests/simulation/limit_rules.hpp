// SPDX-License-Identifier: BSL-1.0
// The model's judgements about limits that all shards share: the rate holds over the whole registry, and what has a
// place is sent. Included by model.hpp.
#pragma once

#include <algorithm>

#include "model.hpp"

namespace heartbeat::simulation {

// Of all that was sent, in any time no more than the rate allows in it, and one burst besides: a bucket, as full as it
// may be at first, that must never be empty.
inline void Model::judge_rate(const Life& life, Time now) {
  if (!plan_.registry.max_sends_per_second) return;
  const double rate = *plan_.registry.max_sends_per_second;
  const double most = rate / 10 + static_cast<double>(*plan_.registry.shards) + 2;
  const double earned = rate * std::chrono::duration<double>{now - rated_at_}.count();
  tokens_ = rated_at_ < Time{0} ? most : std::min(most, tokens_ + earned);
  rated_at_ = now;
  tokens_ -= 1;
  if (tokens_ < 0) object("F16", &life, now, "more sends than the rate allows");
}

// Less than what is left of the rate beside repeated attempts and closes, and so nobody has to be lost.
inline bool Model::has_tokens_for_all() const {
  double wanted = 0;
  for (const Life& life : lives_) {
    if (life.generation == 0 || life.ended) continue;
    if (life.is_pace_unsure || life.has_new_grid) return false;
    wanted += 1 / std::chrono::duration<double>{life.interval()}.count();
  }
  return wanted < 0.4 * *plan_.registry.max_sends_per_second;
}

// Stalled, and not for want of an answer.
inline void Model::judge_tokens(const Life& life, Time now) {
  if (!plan_.registry.max_sends_per_second) return;
  if (life.is_gated() || life.beats.empty() || life.beats.size() != life.acknowledged) return;
  const Time since = life.beats.back().sent;
  const Span spare = life.terms.ttl - life.terms.margin - std::max(life.interval(), life.terms.floor);
  if (away_to_ >= since || scarce_at_ + 5s >= since || plan_.is_short_of_calls() || plan_.has_round_trips()) return;
  if (spare * *plan_.registry.max_sends_per_second < 10s) return;
  object("F16", &life, now, "lost for want of tokens, and less is asked for than the rate gives");
}

// Those that hold a credit, as far as anybody can tell, and which of them may be repeated attempts or closes.
inline Model::InFlight Model::in_flight(Time now) const {
  InFlight count;
  for (const Life& life : lives_) {
    if (life.beats.empty()) continue;
    const SentBeat& last = life.beats.back();
    if (last.fate != SentBeat::Fate::open || last.is_answered || up(last.deadline) < now) continue;
    ++count.all;
    count.again += life.beats.size() > life.acknowledged + 1 || is_again(life, last.sent) ? 1 : 0;
  }
  for (const auto& [id, lives] : closing_) {
    for (const Life* life : lives) {
      if (life->close.calls.empty()) continue;
      const model::SentClose& last = life->close.calls.back();
      const bool is_open = last.fate == model::SentClose::Fate::open && !last.is_answered && up(last.deadline) >= now;
      count.all += is_open ? 1 : 0;
      count.again += is_open ? 1 : 0;
    }
  }
  return count;
}

inline bool Model::is_again(const Life& life, Time now) const {
  return life.beats.size() > life.acknowledged || now >= down(life.limit());
}

// When its next beat must have been sent if nothing held it back; never, where that is not known.
inline Time Model::due_by(const Life& life) const {
  if (life.is_gated() || life.is_pace_unsure || life.is_unsure || life.was_stuck || life.is_stuck()) return Time::max();
  if (is_calling(life) || is_held_for_call(life)) return Time::max();
  if (life.beats.empty()) return up(std::max(life.started, life.call_returned) + life.interval()) + 2 * tick();
  const SentBeat& last = life.beats.back();
  if (last.fate == SentBeat::Fate::open) return Time::max();
  const Time after_floor = last.sent + life.terms.floor;
  const Time decided = std::max(last.decided, life.call_returned);  // attempts that its own call kept are lost
  if (last.fate == SentBeat::Fate::acknowledged) {
    return std::max({decided, last.sent + life.interval() + life.interval() / 2, after_floor + life.interval()}) +
           2 * tick();
  }
  const Time lost_at = life.call_returned > last.decided ? life.call_returned : last.sent;  // the last attempt, at most
  return std::max(decided + Span{life.options.backoff.maximum}, lost_at + life.terms.floor) + 2 * tick();
}

// In a shortage, what would not be answered in the time that is left gives its place away: not where answers take none.
inline bool Model::may_be_hopeless(const Life& life, Time now) const {
  return plan_.has_round_trips() || (!life.keeps_beating() && life.limit() - now < 200ms);
}

// For one more call. Tokens are another matter.
inline bool Model::has_place(bool is_repeat, Time now) const {
  if (plan_.form == BeatForm::blocking && !has_free_thread(is_repeat)) return false;
  const std::size_t most = plan_.registry.max_in_flight;
  const InFlight count = in_flight(now);
  return count.all < most && (!is_repeat || count.again < std::max<std::size_t>(1, most / 2));
}

// A beat is due, and there is a place for it.
inline void Model::judge_place(const Life& life, Time now) {
  if (plan_.registry.max_sends_per_second || may_be_hopeless(life, now)) return;
  const Time due = due_by(life);
  if (due == Time::max() || now <= std::max(due, away_to_ + 2 * tick())) return;
  if (!has_place(is_again(life, now), now)) return;
  object("F16", &life, now, "a beat is due and there is a place for it, and it is not sent");
}

}  // namespace heartbeat::simulation
