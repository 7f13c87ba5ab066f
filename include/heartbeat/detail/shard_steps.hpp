// SPDX-License-Identifier: BSL-1.0
// What a shard does with its records under its lock while they live: filing, time passing, sending. The ground rules
// are in shard.hpp. Read next: shard_answers.hpp, shard_end.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <heartbeat/detail/core.hpp>

namespace heartbeat::detail {

inline Shard::Shard(Core& core, const ShardPolicy& policy, Instant now, std::uint64_t seed, std::size_t place,
                    std::size_t shards)
    : core_{core},
      policy_{policy},
      place_{place},
      shards_{shards},
      timers_{chunks_, policy.scale.down(now)},
      ready_{chunks_, policy.scale.down(now)},
      random_{seed},
      last_generation_{place} {
  if (policy.has_sink) events_.set_capacity(policy.event_capacity);
}

// --- start

inline void Shard::insert(Record& record, const BeatRules& rules, std::optional<Instant> granted, Instant now,
                          Effects& effects) {
  saw(now);
  chunks_.reserve(index_.size() + 1);
  record.rules = &rules_.acquire(rules, *this);
  pin();
  record.generation = last_generation_ += shards_;
  record.references.store(2, std::memory_order_relaxed);  // the index's and the caller's; published by the lock
  const Record* closing = !policy_.has_close ? nullptr : index_.find(record.hash, [&](const Record& other) {
    return other.is_closing && policy_.same_key(other, record);
  });
  const Action action = record.life.start(moment(now), rules, granted, closing != nullptr, random_);
  index_.insert(record);
  if (record.side && record.side->parent != nullptr) record.side->parent->add_child(record);
  ++counters_.started;
  ++running_;
  perform(record, action, now, effects);
  arm(effects);
}

// --- filing

inline void Shard::unfile(Record& record) noexcept {
  if (!record.is_linked()) return;
  (record.in_ready ? ready_ : timers_).erase(record);
  record.in_ready = false;
}

inline void Shard::refile(Record& record, Instant now, Effects& effects) noexcept {
  saw(now);
  unfile(record);
  if (record.life.state() == State::ready) {
    record.in_ready = true;
    ready_.insert(record, record.life.ready_until(moment(now), record.rules->rules));
    effects.has_ready = true;
    return;
  }
  const Tick due = record.life.armed(policy_.scale, record.slot == nullptr ? instant_never : record.slot->deadline);
  if (due != tick_never) timers_.insert(record, due);
}

inline void Shard::arm(Effects& effects) noexcept {
  // What is due already is due now: an idle wheel may answer with a time long past, which would look like a gap.
  const Tick due = std::max(std::min(timers_.next(), ready_.next()), seen_);
  if (due >= armed_) return;
  armed_ = due;
  effects.wake_at = policy_.scale.instant(due);
}

// --- time

inline bool Shard::advance(Instant now, Effects& effects, std::vector<Record*>* stalled) {
  // A wake-up that comes late means that we were away; the distance between two wake-ups means nothing (F21).
  if (armed_ != tick_never && now - policy_.scale.instant(armed_) > policy_.gap_threshold) {
    if (counted_gap_ != armed_) ++counters_.time_gaps;  // a sweep may come before the wake-up
    counted_gap_ = armed_;
    is_gap_ = true;
  }
  saw(now);
  std::array<WheelHook*, slice> due;
  const Tick tick = policy_.scale.down(now);
  TimingWheel::Expired expired = timers_.expire(tick, due);
  if (!expired.more && expired.count == 0) expired = ready_.expire(tick, due);
  for (WheelHook* hook : std::span{due}.first(expired.count)) {
    look_at(static_cast<Record&>(*hook), now, effects, stalled);
  }
  const bool more = expired.more || expired.count != 0;
  if (!more) is_gap_ = false;
  return more;
}

inline void Shard::look_at(Record& record, Instant now, Effects& effects, std::vector<Record*>* stalled) {
  const bool was_ready = record.in_ready;
  record.in_ready = false;
  if (record.is_closing) {
    if (record.slot != nullptr) abandon_and_fire(record, effects);
    finish_close(record, counters_.closes_failed, now, effects);
    return;
  }
  CurrentBeat beat;
  if (record.slot != nullptr) beat = {.send_time = record.slot->send_time, .deadline = record.slot->deadline};
  const BeatRules& rules = record.rules->rules;
  const Action action = was_ready ? record.life.waited_out(moment(now), rules)
                                  : record.life.due(moment(now), rules, beat, last_progress(record), random_);
  if (stalled != nullptr && action.end && action.reason == EndReason::stalled) {
    record.references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
    stalled->push_back(&record);
  }
  perform(record, action, now, effects);
}

inline void Shard::perform(Record& record, const Action& action, Instant now, Effects& effects) noexcept {
  counters_.skipped += action.skipped;
  counters_.withheld += action.withheld;
  if (action.abandon_beat) {
    ++counters_.timed_out;
    --counters_.in_flight;
    note_error(record, make_error_code(errc::beat_timed_out), {});
    abandon_and_fire(record, effects);
  }
  if (action.told != 0) tell(record, action.told, now, effects);
  if (action.end) {
    end(record, action.reason, now, effects);
  } else {
    refile(record, now, effects);
  }
}

inline void Shard::tell(Record& record, EventMask news, Instant now, Effects& effects) noexcept {
  if (!policy_.has_sink) return;
  if (!events_.push(record, news, now)) ++counters_.events_dropped;
  effects.has_news = true;
}

// What the owner gets to hear about the last failure; without memory for it, the end still has its reason.
inline void Shard::note_error(Record& record, std::error_code error, std::string&& text) noexcept {
  if (!record.side) record.side.reset(new (std::nothrow) Side);
  if (!record.side) return;
  record.side->error = error;
  record.side->text = std::move(text);
}

// --- sending

inline std::size_t Shard::claim(Instant now, std::span<Claim> out, Calling calling, Effects& effects) noexcept {
  std::size_t count = 0;
  for (std::size_t looked_at = 0; count < out.size() && looked_at < slice; ++looked_at) {
    WheelHook* hook = ready_.pop_first();
    if (hook == nullptr) break;
    Record& record = static_cast<Record&>(*hook);
    record.in_ready = false;
    if (claim_one(record, now, out[count], calling, effects)) ++count;
  }
  return count;
}

inline bool Shard::claim_one(Record& record, Instant now, Claim& out, Calling calling, Effects& effects) noexcept {
  if (!record.is_closing && record.side && record.side->parent != nullptr && record.side->parent->is_cancelled()) {
    end(record, EndReason::parent_cancelled, now, effects);
    return false;
  }
  const BeatRules& rules = record.rules->rules;
  if (record.is_closing && record.is_calling) {  // sent when the call has returned, given up if it does not
    timers_.insert(record, policy_.scale.up(add(now, rules.beat_timeout)));
    return false;
  }
  const bool is_stuck = record.is_calling || (!record.is_closing && record.abandoned > rules.attempts);
  BeatSlot* slot = is_stuck ? nullptr : slots_.take();
  if (slot == nullptr) {
    if (record.is_closing) {
      finish_close(record, counters_.closes_failed, now, effects);
      return false;
    }
    ++counters_.not_sent;
    note_error(record,
               is_stuck ? make_error_code(errc::transport_stuck) : std::make_error_code(std::errc::not_enough_memory),
               {});
    perform(record, record.life.not_sent(moment(now), rules, random_), now, effects);
    return false;
  }
  slot->record = &record;
  slot->send_time = now;
  slot->is_close = record.is_closing;
  record.slot = slot;
  if (record.is_closing) {
    slot->deadline = add(now, rules.beat_timeout);
    timers_.insert(record, policy_.scale.up(slot->deadline));
  } else {
    const Lifecycle::Claim claimed = record.life.claim(moment(now), rules);
    slot->deadline = claimed.deadline;
    counters_.skipped += claimed.skipped;
    counters_.lateness.add(claimed.lateness);
    ++counters_.sent;
    ++counters_.in_flight;
    refile(record, now, effects);
  }
  record.is_calling = calling == Calling::blocking;
  if (record.is_calling || record.is_closing) {
    record.references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
  } else {
    record.busy.store(record.busy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // under the lock
  }
  pin();  // for the ticket
  out = {&record, slot, slot->serial, slot->deadline - now, slot->is_close, record.batch_class};
  return true;
}

inline void Shard::initiated(const Claim& claim, bool threw, Effects& effects) noexcept {
  Record& record = *claim.record;
  if (claim.is_close) {  // its end may have been told already: nobody waits for it to be idle
    remove_reference(record, effects);
    return;
  }
  record.life.initiated();
  if (threw && record.batch_class < 2 && record.life.failures() != 0) ++record.batch_class;
  leave(record, effects);
}

inline void Shard::withdraw(const Claim& claim, Instant now, Effects& effects) noexcept {
  if (claim.slot->serial == claim.serial) {
    const std::error_code error = std::make_error_code(std::errc::not_enough_memory);
    current_answer(*claim.slot, BeatResult::failed(error), now, effects);
  } else {
    late_answer(*claim.slot, effects);
    --counters_.late_answers;  // the transport was never called
  }
  unpin();  // no ticket was made
}

inline void Shard::returned(const Claim& claim, Instant now, Effects& effects) noexcept {
  Record& record = *claim.record;
  record.is_calling = false;
  if (!claim.is_close) record.life.initiated();
  if (record.is_closing && record.slot == nullptr && !record.in_ready) {
    unfile(record);
    file_close(record, now, effects);
  }
  remove_reference(record, effects);
}

}  // namespace heartbeat::detail
