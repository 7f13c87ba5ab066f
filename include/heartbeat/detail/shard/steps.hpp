// SPDX-License-Identifier: BSL-1.0
// What a shard does with its records under its lock while they live: filing, and time passing. The ground rules are in
// shard.hpp. Read next: shard/claims.hpp, how they are sent.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <heartbeat/detail/shard/core.hpp>

namespace heartbeat::detail {

inline Shard::Shard(Core& core, const ShardPolicy& policy, Instant now, std::uint64_t seed, std::size_t place,
                    std::size_t shards)
    : core_{core},
      policy_{policy},
      place_{place},
      shards_{shards},
      timers_{chunks_, policy.scale.down(now)},
      ready_{chunks_, policy.scale.down(now)},
      ready_again_{chunks_, policy.scale.down(now)},
      tokens_{policy.tokens},
      tokens_again_{policy.tokens_again},
      random_{seed},
      last_generation_{place} {
  if (policy.has_sink) events_.set_capacity(policy.event_capacity);
}

// --- start

inline errc Shard::refusal(const Record& record, const Record* found, IfRunning if_running) const noexcept {
  if (found != nullptr && if_running == IfRunning::reuse) return errc{};
  if (is_closed_) return errc::shut_down;
  if (found != nullptr && if_running == IfRunning::refuse) return errc::already_running;
  return has_backlog() && record.rules == nullptr ? errc::event_backlog : errc{};
}

inline void Shard::prepare(Record& record, const BeatRules& rules) {
  if (record.rules != nullptr) return;
  chunks_.reserve(index_.size() + prepared_ + 1);
  record.rules = &rules_.acquire(rules, *this);
  ++prepared_;
}

inline void Shard::unprepare(Record& record) noexcept {
  if (record.rules == nullptr) return;
  std::exchange(record.rules, nullptr)->release();
  --prepared_;
}

inline void Shard::insert(Record& record, const BeatRules& rules, std::optional<Instant> granted, Instant now,
                          Effects& effects) {
  saw(now);
  prepare(record, rules);
  --prepared_;
  pin();
  record.generation = last_generation_ += shards_;
  record.references.store(2, std::memory_order_relaxed);  // the index's and the caller's; published by the lock
  const Record* closing = !policy_.has_close ? nullptr : index_.find(record.hash, [&](const Record& other) {
    return other.is_closing && policy_.same_key(other, record);
  });
  const bool is_held = closing != nullptr || !policy_.sends_beats;
  const Action action = record.life.start(moment(now), rules, granted, is_held, random_);
  index_.insert(record);
  if (record.side && record.side->parent != nullptr) record.side->parent->add_child(record);
  ++counters_.started;
  ++running_;
  perform(record, action, now, effects);
  arm(effects);
}

// --- filing

inline TimingWheel& Shard::wheel_of(const Record& record) noexcept {
  switch (record.queue) {
    case Queue::ready: return ready_;
    case Queue::ready_again: return ready_again_;
    case Queue::timers: break;
  }
  return timers_;
}

inline void Shard::unfile(Record& record) noexcept {
  if (!record.is_linked()) return;
  wheel_of(record).erase(record);
  record.queue = Queue::timers;
}

inline void Shard::refile(Record& record, Instant now, Effects& effects) noexcept {
  saw(now);
  unfile(record);
  if (record.life.state() == State::ready) {
    const Queue queue = record.life.is_again() ? Queue::ready_again : Queue::ready;
    file(queue, record, record.life.ready_until(moment(now), record.rules->rules));
    effects.has_ready = true;
    return;
  }
  const Tick due = record.life.armed(policy_.scale, record.slot == nullptr ? instant_never : record.slot->deadline);
  if (due != tick_never) file(Queue::timers, record, due);
}

inline void Shard::file(Queue queue, Record& record, Tick due) noexcept {
  record.queue = queue;
  wanted_ = std::min(wanted_, wheel_of(record).insert(record, due));
}

inline void Shard::arm(Effects& effects) noexcept {
  // What is due already is due now: an idle wheel may ask for a time long past, which would look like a gap.
  const Tick due = std::max(wanted_, seen_);
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
  std::size_t count = 0;
  bool more = false;
  for (TimingWheel* wheel : {&timers_, &ready_, &ready_again_}) {
    if (more) break;
    const TimingWheel::Expired expired = wheel->expire(tick, std::span{due}.subspan(count));
    count += expired.count;
    more = expired.more || count == due.size();
  }
  constexpr std::size_t ahead = 8;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + ahead < count) {  // the wheel has fetched the first line of each
      const char* record = reinterpret_cast<const char*>(due[i + ahead]);
      HEARTBEAT_PREFETCH(record + 64);
      HEARTBEAT_PREFETCH(record + 128);
    }
    look_at(static_cast<Record&>(*due[i]), now, effects, stalled);
  }
  if (!more) {
    is_gap_ = false;
    wanted_ = std::min({timers_.next(), ready_.next(), ready_again_.next()});
    if (token_at_ != instant_never && token_at_ > now) {
      wanted_ = std::min(wanted_, policy_.scale.up(token_at_));
    } else if (token_at_ != instant_never) {
      effects.has_ready = true;
      token_at_ = instant_never;
    }
  }
  return more;
}

inline void Shard::look_at(Record& record, Instant now, Effects& effects, std::vector<Record*>* stalled) {
  const bool was_ready = record.queue != Queue::timers;
  record.queue = Queue::timers;
  if (record.is_closing) {
    if (record.slot != nullptr) abandon_and_fire(record, effects);
    finish_close(record, counters_.closes_failed, now, effects);
    return;
  }
  CurrentBeat beat;
  if (record.slot != nullptr) beat = {.send_time = record.slot->send_time, .deadline = record.slot->deadline};
  const BeatRules& rules = record.rules->rules;
  if (was_ready && is_short()) ++counters_.starved;
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

}  // namespace heartbeat::detail
