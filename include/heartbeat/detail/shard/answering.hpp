// SPDX-License-Identifier: BSL-1.0
// What becomes of answers: in time, and late. A completion runs nothing: it stores and links, under the lock.
// Read next: claiming.hpp, which makes the calls; telling.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/shard/performing.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Answering {
 public:
  explicit Answering(const Hold& hold) noexcept : hold_{hold} {}

  /// The slot's ticket has answered, to the call of that serial: it is the current one, or nobody waits for it.
  void answer(BeatSlot& slot, std::uint64_t serial, BeatResult&& result) const noexcept {
    if (slot.serial != serial) return late(slot);
    current(slot, std::move(result));
    Filing{hold_}.arm();
  }

  void late(BeatSlot& slot) const noexcept {
    ++hold_.parts.counters.late_answers;
    if (Record* const record = hold_.parts.calls.answered_late(slot); record != nullptr) hold_.effects.drop(*record);
  }

  void current(BeatSlot& slot, BeatResult&& result) const noexcept {
    Record& record = *slot.record;
    const CurrentBeat beat{.send_time = slot.send_time, .deadline = slot.deadline};
    const bool is_close = slot.is_close;
    hold_.effects.give_back(slot);
    hold_.parts.calls.answered(slot);
    if (is_close) [[unlikely]]
      return Closing{hold_}.answered(record, result.kind() == BeatResult::Kind::acknowledged);
    if (record.life.is_ended()) [[unlikely]] {  // its close has waited for the answer, whatever it says
      ++hold_.parts.counters.late_answers;
      return Closing{hold_}.beat_over(record);
    }
    const std::optional<Instant> valid_until = record.life.valid_until();
    Filing{hold_}.unfile(record);
    const Action action = record.life.answered(hold_.moment(), record.rules->rules, beat, result.kind(), result.ttl(),
                                               result.retry(), hold_.parts.random);
    --hold_.parts.counters.in_flight;
    if ((action.told & mask_of(EventKind::acknowledged)) != 0) {
      note_acknowledged(record, beat, valid_until);
    } else if (result.kind() == BeatResult::Kind::gone) {
      ++hold_.parts.counters.gone;
      note_gone(record, std::move(result).text());
    } else {
      ++hold_.parts.counters.failed;
      const bool is_bad_ttl = result.kind() == BeatResult::Kind::acknowledged;
      Performing{hold_}.note_error(record, is_bad_ttl ? make_error_code(errc::bad_ttl) : result.error(),
                                   std::move(result).text());
    }
    Performing{hold_}.perform(record, action);
  }

 private:
  // The server has answered: the error of an older beat has nothing to do with it.
  void note_gone(Record& record, std::string&& text) const noexcept {
    if (record.side || !text.empty()) Performing{hold_}.note_error(record, {}, std::move(text));
  }

  void note_acknowledged(Record& record, const CurrentBeat& beat, std::optional<Instant> valid_until) const noexcept {
    Statistics& counters = hold_.parts.counters;
    ++counters.acknowledged;
    hold_.parts.round_trip.add(hold_.now - beat.send_time);
    record.batch_class = 0;
    if (valid_until) {
      counters.least_slack = std::min(counters.least_slack, std::chrono::nanoseconds{*valid_until - hold_.now});
    }
    if (record.side) {
      const std::uint64_t number = record.side->beats.load(std::memory_order_relaxed);  // no other is in flight
      record.side->acknowledged_beat.store(number, std::memory_order_release);          // who sees it sees the validity
      if (record.side->error) Performing{hold_}.note_error(record, {}, {});
    }
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
