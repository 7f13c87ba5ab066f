// SPDX-License-Identifier: BSL-1.0
// How a shard chooses what is sent, under its lock: nearest to valid until first, as far as there are credits for calls
// in flight and tokens for sends; and what happens around the call itself. The ground rules are in shard.hpp.
// Read next: shard/answers.hpp.
//
// Two queues wait, each in the order of valid until:
//   ready         regular beats, of sessions that are valid or not acknowledged yet
//   ready_again   repeated attempts, beats of sessions whose validity is over, and closes (which come last): together
//                 they get no more than half of the credits and half of the tokens
// What waits is short of credits or tokens from the first claim that had to leave something behind until one that
// leaves nothing.
#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include <heartbeat/detail/shard/core.hpp>

namespace heartbeat::detail {

// Which of the two queues comes next, by whose first is nearer to valid until.
inline Queue Shard::next_queue(bool may_again) const noexcept {
  if (!may_again || ready_again_.empty()) return ready_.empty() ? Queue::timers : Queue::ready;
  if (ready_.empty()) return Queue::ready_again;
  return ready_again_.first() < ready_.first() ? Queue::ready_again : Queue::ready;
}

inline std::size_t Shard::claim(Instant now, std::span<Claim> out, Calling calling, Effects& effects) noexcept {
  const std::size_t usable = ready_.size() + std::min(ready_again_.size(), core_.credits().available_again());
  std::size_t left = core_.credits().take(std::min(out.size(), usable));
  bool may_again = true;
  std::size_t count = 0;
  is_held_up_ = false;
  for (std::size_t looked_at = 0; count < out.size() && looked_at < slice; ++looked_at) {
    const Queue queue = next_queue(may_again);
    if (queue == Queue::timers) break;
    if (left == 0) left = wait_for_credits(out.size() - count);
    const bool is_again = queue == Queue::ready_again;
    const Permission permission = left == 0 ? Permission::no_credit : permit(is_again, now);
    if (permission != Permission::granted) {
      is_held_up_ = true;
      if (left == 0 || !is_again) break;
      may_again = false;
      continue;
    }
    Record& record = static_cast<Record&>(*(is_again ? ready_again_ : ready_).pop_first());
    record.queue = Queue::timers;
    if (!is_hopeless(record, now) && claim_one(record, now, out[count], calling, effects)) {
      out[count].slot->is_again = is_again;
      ++count;
      --left;
    } else {
      effects.again += is_again ? 1 : 0;
    }
  }
  effects.credits += left;
  effects.may_pass_on = effects.may_pass_on || !is_held_up_;
  if (is_held_up_ && short_since_ == instant_never) short_since_ = now;
  if (!has_ready()) short_since_ = instant_never;
  return count;
}

// Asked for again once it is known that we wait, for what was given back in between.
inline std::size_t Shard::wait_for_credits(std::size_t wanted) noexcept {
  Credits& credits = core_.credits();
  if (const std::size_t taken = credits.take(wanted); taken != 0) return taken;
  credits.waiting.add(place_);
  return credits.take(wanted);
}

// A repeated attempt or a close needs a credit of its own kind as well, and every send a token.
inline Shard::Permission Shard::permit(bool is_again, Instant now) noexcept {
  Credits& credits = core_.credits();
  if (is_again && !credits.take_again()) {
    credits.waiting_again.add(place_);
    if (!credits.take_again()) return Permission::no_credit;  // given back before it was known that we wait
  }
  TokenBucket& tokens = is_again ? tokens_again_ : tokens_;
  if (tokens.next_at() <= now && (!is_again || tokens_.next_at() <= now)) {
    (void)tokens.take(now);
    if (is_again) (void)tokens_.take(now);
    return Permission::granted;
  }
  if (is_again) credits.give(0, 1);
  token_at_ = std::min(token_at_, std::max(tokens.next_at(), tokens_.next_at()));
  wanted_ = std::min(wanted_, policy_.scale.up(token_at_));
  return Permission::no_token;
}

// In a shortage, what would likely not be answered in the time that is left gives its place to what can still make it:
// else each would be served just too late, and all be lost (F16). It waits for the end of its validity.
inline bool Shard::is_hopeless(Record& record, Instant now) noexcept {
  if (!is_short() || record.is_closing || record.life.is_lapsed()) return false;
  const BeatRules& rules = record.rules->rules;
  if (record.life.next_timeout(moment(now), rules) > std::min(round_trip_, rules.beat_timeout - 1)) return false;
  ++counters_.starved;
  file(Queue::timers, record, record.life.ready_until(moment(now), rules));
  return true;
}

inline bool Shard::claim_one(Record& record, Instant now, Claim& out, Calling calling, Effects& effects) noexcept {
  if (!record.is_closing && record.side && record.side->parent != nullptr && record.side->parent->is_cancelled()) {
    end(record, EndReason::parent_cancelled, now, effects);
    return false;
  }
  const BeatRules& rules = record.rules->rules;
  if (record.is_closing && record.is_calling) {  // sent when the call has returned, given up if it does not
    file(Queue::timers, record, policy_.scale.up(add(now, rules.beat_timeout)));
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
    file(Queue::timers, record, policy_.scale.up(slot->deadline));
  } else {
    const Lifecycle::Claim claimed = record.life.claim(moment(now), rules);
    if (record.side) record.side->beats.fetch_add(1, std::memory_order_relaxed);  // only compared with itself
    slot->deadline = claimed.deadline;
    counters_.skipped += claimed.skipped;
    counters_.lateness.add(claimed.lateness);
    const std::int64_t waited = is_short() ? std::min(claimed.lateness, now - short_since_) : 0;
    if (waited > policy_.scale.nanoseconds()) starved(record, now, effects);
    ++counters_.sent;
    ++counters_.in_flight;
    refile(record, now, effects);
  }
  record.is_calling = calling == Calling::blocking;
  if (record.is_calling || record.is_closing) {
    record.references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
  } else {
    enter(record);
  }
  pin();  // for the ticket
  out = {&record, slot, slot->serial, slot->deadline - now, slot->is_close, record.batch_class};
  return true;
}

// Told once in each shortage: one that knows is enough, and a shortage must not make work.
inline void Shard::starved(Record& record, Instant now, Effects& effects) noexcept {
  ++counters_.starved;
  if (std::exchange(told_short_since_, short_since_) != short_since_) {
    tell(record, mask_of(EventKind::overloaded), now, effects);
  }
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
  if (record.is_closing && record.slot == nullptr && record.queue == Queue::timers) {
    unfile(record);
    file_close(record, now, effects);
  }
  remove_reference(record, effects);
}

}  // namespace heartbeat::detail
