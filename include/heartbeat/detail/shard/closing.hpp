// SPDX-License-Identifier: BSL-1.0
// Calls that are given up, and close calls from the end that asks for one to their own end. The key is free, but the
// record stays in the roster until the server has closed the session, or cannot be reached: a new heartbeat of the key
// is held until then (F15). Read next: ending.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <heartbeat/detail/shard/filing.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Closing {
 public:
  explicit Closing(const Hold& hold) noexcept : hold_{hold} {}

  /// Whether a heartbeat that ends for that reason leaves a session that is to be closed.
  [[nodiscard]] bool is_wanted(const Record& record, EndReason reason) const noexcept {
    if (!hold_.parts.policy.has_close) return false;
    const BeatRules& rules = record.rules->rules;
    if (reason == EndReason::gone) return rules.close_when_gone;
    return reason == EndReason::stalled ? rules.close_when_stalled : rules.close_when_ended;
  }

  /// The record has ended, and its close waits to be sent. False if no closes are sent any more.
  [[nodiscard]] bool begin(Record& record) const noexcept {
    ++hold_.parts.counters.closes_wanted;
    if (!hold_.parts.calls.takes_closes()) {
      ++hold_.parts.counters.closes_skipped;
      return false;
    }
    record.add_reference();  // the roster's goes over to whoever settles the end
    record.is_closing = true;
    hold_.parts.calls.close_begun();
    const Filing filing{hold_};
    filing.file_close(record);
    filing.arm();
    return true;
  }

  /// The close is over, one way or another, and counted as said: whoever was held for it may begin.
  void finish(Record& record, std::uint64_t Statistics::*counter) const noexcept {
    ++(hold_.parts.counters.*counter);
    hold_.parts.calls.close_over();
    hold_.effects.has_closed = true;
    const Filing filing{hold_};
    filing.unfile(record);
    record.is_closing = false;
    hold_.parts.roster.erase(record);
    Record* const held = other_of_key(record, [](const Record& other) { return other.life.state() == State::held; });
    if (held != nullptr && closing_one_of(record) == nullptr) {
      held->life.release_hold();
      filing.refile(*held);
    }
    hold_.effects.drop(record);
  }

  /// A record of the same key whose close is not over; null if there is none.
  [[nodiscard]] Record* closing_one_of(const Record& record) const noexcept {
    return other_of_key(record, [](const Record& other) { return other.is_closing; });
  }

  /// Gives up the closes that wait or are in flight, of the next buckets.
  void give_up(std::uint64_t& cursor) const noexcept {
    std::array<Record*, slice_size / 2> found;
    const std::size_t count =
        hold_.parts.roster.some(cursor, found, [](const Record& record) { return record.is_closing; });
    for (Record* const record : std::span{found}.first(count)) {
      if (record->slot != nullptr) abandon(*record);
      finish(*record, &Statistics::closes_skipped);
    }
  }

  /// The current call is given up, beat or close: what it held goes back, and its token is left for a lane.
  void abandon(Record& record) const noexcept {
    hold_.effects.give_back(*record.slot);
    if (hold_.parts.calls.abandon_and_cancel(record)) hold_.effects.has_news = true;
  }

 private:
  template <class Pred>
  [[nodiscard]] Record* other_of_key(const Record& record, Pred is_meant) const noexcept {
    return hold_.parts.roster.find(record.hash, [&](const Record& other) {
      return is_meant(other) && hold_.parts.policy.same_key(other, record);
    });
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
