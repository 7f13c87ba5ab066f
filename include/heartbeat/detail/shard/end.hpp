// SPDX-License-Identifier: BSL-1.0
// The one end of a record, in its two forms: by an owner, who requests the tokens himself, and by the engine. The order
// is always: the state changes and the key is free; the beat's token; the heartbeat's token; when no frame is left in
// user code, the end is told; when nothing refers to it any more, the record is freed. Read next: engine/calls.hpp.
#pragma once

#include <utility>

#include <heartbeat/detail/shard/core.hpp>

namespace heartbeat::detail {

inline bool Shard::wants_close(const Record& record, EndReason reason) const noexcept {
  if (!policy_.has_close) return false;
  const BeatRules& rules = record.rules->rules;
  if (reason == EndReason::gone) return rules.close_when_gone;
  return reason == EndReason::stalled ? rules.close_when_stalled : rules.close_when_ended;
}

inline void Shard::begin_end(Record& record, EndReason reason, Instant now, Effects& effects) noexcept {
  unfile(record);
  record.life.end(reason, now);
  --running_;
  ++counters_.ended[static_cast<std::size_t>(reason)];
  if (policy_.has_sink) ++untold_ends_;
  if (record.side && record.side->parent != nullptr && record.side->parent->child_ended(record, reason)) {
    ParentLink& link = *record.side->parent;
    link.add_reference();
    link.next_cancelled = std::exchange(effects.cancelled, &link);
  }
  if (!wants_close(record, reason)) {
    index_.erase(record);  // its reference goes over to whoever settles the end
    return;
  }
  ++counters_.closes_wanted;
  if (!closes_wanted_) {
    ++counters_.closes_skipped;
    index_.erase(record);
    return;
  }
  // The key is free, but the record stays in the index until the server has closed the session (F15).
  record.references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
  record.is_closing = true;
  ++open_closes_;
  file_close(record, now, effects);
  arm(effects);
}

inline void Shard::file_close(Record& record, Instant now, Effects& effects) noexcept {
  saw(now);
  file(Queue::ready_again, record, policy_.scale.down(add(now, record.rules->rules.ttl)));  // behind the beats
  effects.has_ready = true;
}

inline void Shard::end(Record& record, EndReason reason, Instant now, Effects& effects) noexcept {
  if (record.slot != nullptr) {
    ++counters_.discarded;
    --counters_.in_flight;
    abandon_and_fire(record, effects);
  }
  begin_end(record, reason, now, effects);
  if (record.side && record.side->stop.stop_possible()) {
    record.is_to_be_fired = true;
    fired_records_.push(record);
    effects.has_news = true;
  } else if (record.busy.load(std::memory_order_relaxed) == 0) {  // under the lock
    settle(record, effects);
  }
}

inline Shard::Tokens Shard::end_by_owner(Record& record, EndReason reason, Instant now, Effects& effects) noexcept {
  Tokens tokens;
  if (record.slot != nullptr) {
    ++counters_.discarded;
    --counters_.in_flight;
    tokens.beat = abandon(record, effects);
  }
  begin_end(record, reason, now, effects);
  tokens.heartbeat = take_over_tokens(record).heartbeat;
  return tokens;
}

// Busy for whoever takes tokens over, not for the ender alone: two who stop at once wait for the same callbacks (F33).
inline Shard::Tokens Shard::take_over_tokens(Record& record) noexcept {
  Tokens tokens;
  enter(record);
  discard_news(record);
  if (record.side) tokens.heartbeat = record.side->stop;
  return tokens;
}

inline void Shard::discard_news(Record& record) noexcept {
  if (EventRing::Entry entry = events_.take_back(record); entry.record != nullptr) {
    record.references.fetch_sub(1, std::memory_order_acq_rel);  // never the last: the caller has one
  }
}

inline void Shard::enter(Record& record) noexcept {
  record.busy.store(record.busy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // under the lock
}

inline void Shard::leave(Record& record, Effects& effects) noexcept {
  const std::uint32_t busy = record.busy.load(std::memory_order_relaxed) - 1;  // only changed under the lock
  if (busy == 0 && record.life.is_ended() && !record.is_to_be_fired) {
    // Whoever waits holds a reference, so the record outlives both lines.
    record.references.fetch_add(1, std::memory_order_relaxed);
    record.busy.store(busy, std::memory_order_release);
    Threading::notify_all(record.busy);
    settle(record, effects);
    remove_reference(record, effects);
    return;
  }
  record.busy.store(busy, std::memory_order_release);
  if (record.life.is_ended()) Threading::notify_all(record.busy);
}

// No frame is left, no token to be fired: the end can be told, or the record let go.
inline void Shard::settle(Record& record, Effects& effects) noexcept {
  if (record.is_settled) return;
  record.is_settled = true;
  if (policy_.has_sink) {
    ended_.push(record);
    effects.has_news = true;
  } else {
    remove_reference(record, effects);
  }
}

inline void Shard::remove_reference(Record& record, Effects& effects) noexcept {
  if (record.references.fetch_sub(1, std::memory_order_acq_rel) == 1) effects.dead.push(record);
}

}  // namespace heartbeat::detail
