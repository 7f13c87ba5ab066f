// SPDX-License-Identifier: BSL-1.0
// How what may leave is claimed for a call, and what happens around the call itself. Claimed under the lock just before
// the call, record by record, so that a stop that comes in between is seen: it waits until the record is not busy, and
// a record that ended after its claim is passed over. Read next: answering.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include <heartbeat/detail/shard/answering.hpp>
#include <heartbeat/detail/shard/shard.hpp>
#include <heartbeat/detail/shard/waiting.hpp>

namespace heartbeat::detail {

/// A call to be made.
struct Claim {
  Record* record;
  BeatSlot* slot;
  std::uint64_t serial;
  std::int64_t timeout;
  bool is_close;
  std::uint8_t batch_class;
  bool is_again = false;     // as in the slot, which may serve another call before this one has returned
  bool is_blocking = false;  // as well
};

/// Whether the call returns at once, or with the answer.
enum class Calling : std::uint8_t { async, blocking };

/// REQUIRES, for all of it: under the shard's lock.
class Claiming {
 public:
  explicit Claiming(const Hold& hold) noexcept : hold_{hold} {}

  /// Claims what is ready, nearest to valid until first; how many. A blocking call and a close keep a reference to
  /// their record; other calls make it busy.
  [[nodiscard]] std::size_t claim(std::span<Claim> out, Calling calling) const noexcept {
    Departures& departures = hold_.parts.departures;
    Departures::Round round = departures.begin(out.size());
    std::size_t count = 0;
    for (std::size_t looked_at = 0; count < out.size() && looked_at < slice_size; ++looked_at) {
      const Departures::Choice choice = departures.choose(round, hold_.now, hold_.effects.returned);
      if (choice.hook == nullptr) break;
      Record& record = static_cast<Record&>(*choice.hook);
      record.queue = Queue::timers;
      if (!is_hopeless(record) && claim_one(record, out[count], calling)) {
        out[count].is_again = out[count].slot->is_again = choice.is_again;
        ++count;
        departures.sent(round);
      } else {
        departures.not_sent(choice, hold_.now, hold_.effects.returned);
      }
    }
    departures.end(round, hold_.now, hold_.effects.returned);
    if (departures.is_short()) [[unlikely]]
      Waiting{hold_}.tell_shortage();
    if (const Instant token = departures.token_at(); token != instant_never) {
      hold_.parts.timetable.alarm().want(hold_.parts.policy.scale.up(token));
    }
    Filing{hold_}.arm();
    return count;
  }

  /// The transport's asynchronous call has returned.
  void initiated(const Claim& claim, bool threw) const noexcept {
    Record& record = *claim.record;
    if (claim.is_close) {  // its end may have been told already: nobody waits for it to be idle
      hold_.effects.drop(record);
      return;
    }
    record.life.initiated();
    if (threw && record.batch_class < 2 && record.life.failures() != 0) ++record.batch_class;
    Ending{hold_}.leave(record);
  }

  /// The transport's blocking call has returned.
  void returned(const Claim& claim) const noexcept {
    Record& record = *claim.record;
    record.is_calling = false;
    if (claim.is_blocking) hold_.effects.give_back(claim.is_again);
    if (!claim.is_close) record.life.initiated();
    if (record.life.is_ended()) Closing{hold_}.call_over(record);
    hold_.effects.drop(record);
  }

  /// The call was not made: the heartbeat had ended since it was claimed, or there was no memory for the call.
  void withdraw(const Claim& claim) const noexcept {
    claim.record->close.beat_withdrawn();
    const Answering answering{hold_};
    const std::uint64_t late_answers = hold_.parts.counters.late_answers;
    if (claim.slot->serial == claim.serial) {
      answering.current(*claim.slot, BeatResult::failed(std::make_error_code(std::errc::not_enough_memory)));
    } else {
      answering.late(*claim.slot);
    }
    hold_.parts.counters.late_answers = late_answers;  // the transport was never called
    hold_.shard.unpin();                               // no ticket was made
  }

 private:
  // In a shortage, what would likely not be answered in the time that is left gives its place to what can still make
  // it: else each would be served just too late, and all be lost (F16). It waits for the end of its validity.
  [[nodiscard]] bool is_hopeless(Record& record) const noexcept {
    Departures& departures = hold_.parts.departures;
    if (!departures.is_short() || record.life.is_ended() || record.life.is_lapsed()) return false;
    const BeatRules& rules = record.rules->rules;
    const std::int64_t needed = std::min(departures.round_trip().smoothed(), rules.beat_timeout - 1);
    if (record.life.next_timeout(hold_.moment(), rules) > needed) return false;
    Waiting{hold_}.in_vain(record);
    Filing{hold_}.file(Queue::timers, record, record.life.ready_until(hold_.moment(), rules));
    return true;
  }

  [[nodiscard]] bool claim_one(Record& record, Claim& out, Calling calling) const noexcept {
    const bool is_close = record.life.is_ended();
    if (!is_close && record.parent() != nullptr && record.parent()->is_cancelled()) {
      Ending{hold_}.end(record, EndReason::parent_cancelled);
      return false;
    }
    if (const Closing closing{hold_}; is_close && closing.is_too_late(record)) {  // the turn has not come by yet
      closing.due(record);
      return false;
    }
    const BeatRules& rules = record.rules->rules;
    const bool is_stuck = !is_close && (record.is_calling || record.abandoned > rules.attempts);
    BeatSlot* const slot = is_stuck ? nullptr : hold_.parts.calls.take(record, hold_.now);
    if (slot == nullptr) {
      not_sent(record, is_stuck);
      return false;
    }
    if (is_close) {
      slot->deadline = add(hold_.now, rules.beat_timeout);
      if (record.close.is_repeat()) ++hold_.parts.counters.closes_repeated;
      record.close.sent();
      Filing{hold_}.file(Queue::timers, record, hold_.parts.policy.scale.up(slot->deadline));
    } else {
      send(record, *slot);
    }
    record.is_calling = calling == Calling::blocking;
    slot->is_blocking = record.is_calling && (!is_close || hold_.parts.policy.blocks_in_close);
    if (record.is_calling || is_close) {
      record.add_reference();
    } else {
      record.enter();
    }
    hold_.shard.pin();  // for the ticket
    out = {.record = &record,
           .slot = slot,
           .serial = slot->serial,
           .timeout = slot->deadline - hold_.now,
           .is_close = is_close,
           .batch_class = record.batch_class,
           .is_blocking = slot->is_blocking};
    return true;
  }

  void not_sent(Record& record, bool is_stuck) const noexcept {
    if (record.life.is_ended()) return Closing{hold_}.failed(record, false);
    ++hold_.parts.counters.not_sent;
    const Performing performing{hold_};
    performing.note_error(
        record, is_stuck ? make_error_code(errc::transport_stuck) : std::make_error_code(std::errc::not_enough_memory),
        {});
    performing.perform(record, record.life.not_sent(hold_.moment(), record.rules->rules, hold_.parts.random));
  }

  void send(Record& record, BeatSlot& slot) const noexcept {
    ShardParts& parts = hold_.parts;
    const Lifecycle::Claim claimed = record.life.claim(hold_.moment(), record.rules->rules);
    if (record.side) record.side->beats.fetch_add(1, std::memory_order_relaxed);  // only compared with itself
    slot.deadline = claimed.deadline;
    parts.counters.skipped += claimed.skipped;
    parts.counters.lateness.add(claimed.lateness);
    if (parts.departures.is_short()) [[unlikely]]
      Waiting{hold_}.is_over(record, claimed.lateness);
    ++parts.counters.sent;
    ++parts.counters.in_flight;
    Filing{hold_}.refile(record);
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
