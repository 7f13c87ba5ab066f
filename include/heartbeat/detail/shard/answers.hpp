// SPDX-License-Identifier: BSL-1.0
// What a shard does about calls in flight: answers, in time and late, calls given up, closes; and what it hands out to
// be done without the lock: tokens to request, events to tell. A completion runs nothing: it stores and links, under
// the lock. Read next: engine.hpp.
#pragma once

#include <array>
#include <chrono>
#include <utility>

#include <heartbeat/detail/shard/core.hpp>

namespace heartbeat::detail {

// --- answers

inline void Shard::on_answer(AnswerSlot& answered, std::uint64_t serial, BeatResult&& result) noexcept {
  BeatSlot& slot = static_cast<BeatSlot&>(answered);
  Effects effects;
  if (!gate_.enter()) {  // shut down: only memory is left to be tidied up
    {
      const MutexLock lock{mutex_};
      late_answer(slot, effects);
    }
    core_.free_dead(effects);
    return;
  }
  const Instant now = core_.now();
  {
    const MutexLock lock{mutex_};
    if (slot.serial == serial) {
      current_answer(slot, std::move(result), now, effects);
      arm(effects);
    } else {
      late_answer(slot, effects);
    }
  }
  core_.perform(*this, effects);
  if (gate_.leave()) core_.gate_emptied();
}

inline void Shard::late_answer(BeatSlot& slot, Effects& effects) noexcept {
  ++counters_.late_answers;
  if (Record* record = std::exchange(slot.record, nullptr); record != nullptr) {
    --record->abandoned;
    remove_reference(*record, effects);
  }
  slot.is_answered = true;
  if (slot.fired == nullptr) slots_.give_back(slot);
}

inline void Shard::current_answer(BeatSlot& slot, BeatResult&& result, Instant now, Effects& effects) noexcept {
  Record& record = *slot.record;
  const CurrentBeat beat{.send_time = slot.send_time, .deadline = slot.deadline};
  const bool is_close = slot.is_close;
  give_back_credit(slot, effects);
  record.slot = nullptr;
  slots_.give_back(slot);
  if (is_close) {
    const bool is_done = result.kind() == BeatResult::Kind::acknowledged;
    finish_close(record, is_done ? counters_.closes_done : counters_.closes_failed, now, effects);
    return;
  }
  const std::optional<Instant> valid_until = record.life.valid_until();
  unfile(record);
  const Action action = record.life.answered(moment(now), record.rules->rules, beat, result.kind(), result.ttl(),
                                             result.retry(), random_);
  --counters_.in_flight;
  if ((action.told & mask_of(EventKind::acknowledged)) != 0) {
    ++counters_.acknowledged;
    const std::int64_t took = now - beat.send_time;
    round_trip_ = round_trip_ == 0 ? took : round_trip_ + (took - round_trip_) / 8;
    record.batch_class = 0;
    if (valid_until) {
      const std::chrono::nanoseconds slack{*valid_until - now};
      counters_.least_slack = std::min(counters_.least_slack, slack);
    }
    if (record.side) {
      const std::uint64_t number = record.side->beats.load(std::memory_order_relaxed);  // no other is in flight
      record.side->acknowledged_beat.store(number, std::memory_order_release);          // who sees it sees the validity
      if (record.side->error) note_error(record, {}, {});
    }
  } else if (result.kind() == BeatResult::Kind::gone) {
    ++counters_.gone;
  } else {
    ++counters_.failed;
    const bool is_bad_ttl = result.kind() == BeatResult::Kind::acknowledged;
    note_error(record, is_bad_ttl ? make_error_code(errc::bad_ttl) : result.error(), std::move(result).text());
  }
  perform(record, action, now, effects);
}

inline std::stop_token Shard::stop_token_of(AnswerSlot& answered, std::uint64_t serial) {
  BeatSlot& slot = static_cast<BeatSlot&>(answered);
  std::stop_source made;
  {
    const MutexLock lock{mutex_};
    if (slot.serial == serial) {
      if (!slot.stop.stop_possible()) slot.stop = std::move(made);
      return slot.stop.get_token();
    }
  }
  made.request_stop();
  return made.get_token();
}

inline void Shard::on_second_answer() noexcept {
  const MutexLock lock{mutex_};
  ++counters_.second_answers;
}

// In flight is what somebody waits for: a call that was given up holds no credit (F10).
inline void Shard::give_back_credit(const BeatSlot& slot, Effects& effects) noexcept {
  ++effects.credits;
  if (slot.is_again) ++effects.again;
}

// Nobody waits for the current call's answer any more. The caller requests the token that comes back.
inline std::stop_source Shard::abandon(Record& record, Effects& effects) noexcept {
  BeatSlot& slot = *std::exchange(record.slot, nullptr);
  give_back_credit(slot, effects);
  slots_.expire_serial(slot);
  slot.is_abandoned = true;
  record.references.fetch_add(1, std::memory_order_relaxed);  // the slot's, until its ticket answers
  ++record.abandoned;
  return std::exchange(slot.stop, std::stop_source{std::nostopstate});
}

inline void Shard::abandon_and_fire(Record& record, Effects& effects) noexcept {
  BeatSlot& slot = *record.slot;
  slot.stop = abandon(record, effects);
  if (!slot.stop.stop_possible()) return;
  enter(record);  // its callbacks are the heartbeat's own: who stops waits for them, and the end is told after them
  record.references.fetch_add(1, std::memory_order_relaxed);
  slot.fired = &record;
  slot.next = std::exchange(fired_slots_, &slot);
  effects.has_news = true;
}

// --- closes

inline void Shard::finish_close(Record& record, std::uint64_t& counter, Instant now, Effects& effects) noexcept {
  ++counter;
  --open_closes_;
  effects.has_closed = true;
  unfile(record);
  record.is_closing = false;
  index_.erase(record);
  const auto of_this_key = [&](auto is_meant) {
    return [&, is_meant](const Record& other) { return is_meant(other) && policy_.same_key(other, record); };
  };
  const auto is_held = of_this_key([](const Record& other) { return other.life.state() == State::held; });
  const auto is_closing = of_this_key([](const Record& other) { return other.is_closing; });
  Record* held = index_.find(record.hash, is_held);
  if (held != nullptr && index_.find(record.hash, is_closing) == nullptr) {
    held->life.release_hold();
    refile(*held, now, effects);
  }
  remove_reference(record, effects);
}

inline void Shard::give_up(std::uint64_t& cursor, Instant now, Effects& effects) noexcept {
  std::array<Record*, slice> found;
  std::size_t count = 0;
  for (std::size_t buckets = 0; cursor != KeyIndex<Record>::visit_end && buckets < slice && count < slice / 2;
       ++buckets) {
    cursor = index_.visit(cursor, [&](Record& record) {
      if (record.is_closing && count < slice) found[count++] = &record;
    });
  }
  for (Record* record : std::span{found}.first(count)) {
    if (record->slot != nullptr) abandon_and_fire(*record, effects);
    finish_close(*record, counters_.closes_skipped, now, effects);
  }
}

inline void Shard::let_go(Effects& effects) noexcept {
  slots_.for_each([&](BeatSlot& slot) {
    if (Record* record = std::exchange(slot.record, nullptr); record != nullptr) {
      --record->abandoned;
      remove_reference(*record, effects);
    }
  });
}

// --- tokens and events

inline bool Shard::take_token(Firing& out) noexcept {
  if (fired_slots_ != nullptr) {
    take_call(fired_slots_, out);
    return true;
  }
  Record* record = fired_records_.pop();
  if (record == nullptr) return false;
  record->is_to_be_fired = false;
  enter(*record);
  record->references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
  out = {.source = record->side->stop, .record = record};
  return true;
}

inline bool Shard::take_token_of(Record& record, Firing& out) noexcept {
  if (record.busy.load(std::memory_order_relaxed) == 0) return false;  // under the lock
  // What is further down is left to the lanes: the lock is not held for longer than for a slice.
  std::size_t looked_at = 0;
  for (BeatSlot** link = &fired_slots_; *link != nullptr && looked_at < slice; link = &(*link)->next, ++looked_at) {
    if ((*link)->fired != &record) continue;
    take_call(*link, out);
    return true;
  }
  return false;
}

inline void Shard::take_call(BeatSlot*& link, Firing& out) noexcept {
  BeatSlot& slot = *link;
  link = slot.next;
  out = {.source = std::exchange(slot.stop, std::stop_source{std::nostopstate}),
         .record = std::exchange(slot.fired, nullptr)};
  if (slot.is_answered) slots_.give_back(slot);
}

inline void Shard::fired(Firing& firing, Effects& effects) noexcept {
  leave(*firing.record, effects);
  remove_reference(*firing.record, effects);
}

inline bool Shard::take_event(Delivery& out) noexcept {
  EventRing::Entry entry{};
  if (Record* ended = ended_.first(); ended != nullptr) {
    entry = events_.take_back(*ended);
    if (entry.record == nullptr) out.record = ended_.pop();
  } else {
    while (entry.record == nullptr) {
      if (events_.empty()) return false;
      entry = events_.pop();
    }
  }
  out.is_end = entry.record == nullptr;
  out.mask = entry.mask;
  out.at = entry.at;
  if (!out.is_end) {  // an owner who stops waits for it, also when the end is what comes next
    out.record = entry.record;
    enter(*out.record);
  }
  out.failures = out.record->life.failures();
  out.error = {};
  out.text.clear();
  if (const Side* side = out.record->side.get(); side != nullptr && side->error) {
    out.error = side->error;
    try {
      out.text = side->text;
    } catch (const std::bad_alloc&) {
      out.text.clear();  // the code says the same, less well
    }
  }
  return true;
}

inline void Shard::delivered(Delivery& delivery, std::uint64_t told, std::uint64_t threw, Effects& effects) noexcept {
  counters_.events_told += told;
  counters_.sink_threw += threw;
  if (delivery.is_end) {
    --untold_ends_;
  } else {
    leave(*delivery.record, effects);
  }
  remove_reference(*delivery.record, effects);
}

inline void Shard::add_statistics(Statistics& sum) const noexcept {
  const Statistics& mine = counters_;
  sum.running += running_;
  for (std::size_t i = 0; i < sum.ended.size(); ++i)
    sum.ended[i] += mine.ended[i];
  sum.lateness.add(mine.lateness);
  sum.least_slack = std::min(sum.least_slack, mine.least_slack);
  static constexpr std::uint64_t Statistics::*plain[] = {
      &Statistics::started,        &Statistics::sent,           &Statistics::acknowledged,   &Statistics::gone,
      &Statistics::failed,         &Statistics::timed_out,      &Statistics::discarded,      &Statistics::in_flight,
      &Statistics::not_sent,       &Statistics::starved,        &Statistics::skipped,        &Statistics::withheld,
      &Statistics::time_gaps,      &Statistics::closes_wanted,  &Statistics::closes_done,    &Statistics::closes_failed,
      &Statistics::closes_skipped, &Statistics::late_answers,   &Statistics::second_answers, &Statistics::threw,
      &Statistics::events_told,    &Statistics::events_dropped, &Statistics::sink_threw};
  for (const auto counter : plain)
    sum.*counter += mine.*counter;
}

}  // namespace heartbeat::detail
