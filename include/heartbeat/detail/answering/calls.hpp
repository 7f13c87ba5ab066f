// SPDX-License-Identifier: BSL-1.0
// The calls that a shard has made and not heard the last of: those whose answers are waited for, those that were given
// up and may still answer, those whose tokens are to be requested; and how many closes are under way.
// Read next: beat_slot.hpp; cancelled_calls.hpp; shard/answering.hpp, what becomes of the answers.
//
//    take --> current --(answered)----------------------------------> free
//                |
//                +--(abandon)--> abandoned --(late answer)----------> free
//                                    |             ^
//                                    +--> to be cancelled --> its token requested
#pragma once

#include <cstddef>
#include <utility>

#include <heartbeat/detail/answering/cancelled_calls.hpp>
#include <heartbeat/detail/record/beat_slot.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>

namespace heartbeat::detail {

/// A token that is to be requested.
struct Firing {
  std::stop_source source{std::nostopstate};
  Record* record = nullptr;   // with a reference until it was
  bool is_waited_for = true;  // and busy
};

/// Threading: none of its own; the caller holds the shard's lock.
/// Invariants: a record's current slot points back at it; an abandoned one holds a reference to its record, and so does
/// one that is to be cancelled, whose record is busy besides if it had not ended; a slot is free only once its ticket
/// has answered.
class Calls {
 public:
  /// The record's next call; null if there is no memory. REQUIRES: it has none.
  [[nodiscard]] BeatSlot* take(Record& record, Instant now) noexcept {
    BeatSlot* const slot = slots_.take();
    if (slot == nullptr) return nullptr;
    slot->record = &record;
    slot->send_time = now;
    slot->is_close = record.close.is_open();
    return record.slot = slot;
  }

  /// The current call was answered, and is over.
  void answered(BeatSlot& slot) noexcept {
    slot.record->slot = nullptr;
    slots_.give_back(slot);
  }

  /// Nobody waits for the current call's answer any more. The caller requests the token that comes back.
  [[nodiscard]] std::stop_source abandon(Record& record) noexcept {
    BeatSlot& slot = *std::exchange(record.slot, nullptr);
    slots_.expire_serial(slot);
    slot.is_abandoned = true;
    record.add_reference();  // the slot's, until its ticket answers
    ++record.abandoned;
    return std::exchange(slot.stop, std::stop_source{std::nostopstate});
  }

  /// Abandons it, and leaves its token to be requested. True if there is one.
  [[nodiscard]] bool abandon_and_cancel(Record& record) noexcept {
    BeatSlot& slot = *record.slot;
    slot.stop = abandon(record);
    if (!slot.stop.stop_possible()) return false;
    // Its callbacks are the heartbeat's own: who stops waits for them, and the end is told after them. Not so once the
    // heartbeat has ended and a close follows: whoever stopped it is waiting perhaps, on the thread that would come
    // here.
    slot.is_waited_for = !record.close.has_followed();
    if (slot.is_waited_for) record.enter();
    record.add_reference();
    slot.fired = &record;
    cancelled_.push(slot);
    return true;
  }

  /// An abandoned call has answered. Gives the record whose reference it held, for the caller to drop; null if that was
  /// let go before.
  [[nodiscard]] Record* answered_late(BeatSlot& slot) noexcept {
    Record* const record = let_go_of(slot);
    slot.is_answered = true;
    if (slot.fired == nullptr) slots_.give_back(slot);
    return record;
  }

  /// Abandoned calls keep their records no longer; `drop(Record&)` drops the reference of each.
  template <class Drop>
  void let_go(Drop drop) noexcept {
    slots_.for_each([&](BeatSlot& slot) {
      if (Record* record = let_go_of(slot); record != nullptr) drop(*record);
    });
  }

  // --- tokens

  [[nodiscard]] bool has_cancelled() const noexcept { return !cancelled_.empty(); }
  /// The next call whose token is to be requested. REQUIRES: there is one.
  [[nodiscard]] Firing pop_cancelled() noexcept { return firing_of(cancelled_.pop()); }
  /// One of that record's; false if none is left.
  [[nodiscard]] bool pop_cancelled_of(const Record& record, Firing& out) noexcept {
    BeatSlot* const slot = cancelled_.pop_of(record);
    if (slot == nullptr) return false;
    out = firing_of(*slot);
    return true;
  }

  // --- closes

  /// Whether an end is still followed by a close.
  [[nodiscard]] bool takes_closes() const noexcept { return takes_closes_; }
  void take_closes(bool takes) noexcept { takes_closes_ = takes; }
  /// Whether a close that failed is tried again.
  [[nodiscard]] bool repeats_closes() const noexcept { return repeats_closes_; }
  void end_repeats() noexcept { repeats_closes_ = false; }
  void close_begun() noexcept { ++open_closes_; }
  void close_over() noexcept { --open_closes_; }
  [[nodiscard]] std::size_t open_closes() const noexcept { return open_closes_; }

 private:
  [[nodiscard]] static Record* let_go_of(BeatSlot& slot) noexcept {
    Record* const record = std::exchange(slot.record, nullptr);
    if (record != nullptr) --record->abandoned;
    return record;
  }
  [[nodiscard]] Firing firing_of(BeatSlot& slot) noexcept {
    Firing firing{.source = std::exchange(slot.stop, std::stop_source{std::nostopstate}),
                  .record = std::exchange(slot.fired, nullptr),
                  .is_waited_for = slot.is_waited_for};
    if (slot.is_answered) slots_.give_back(slot);
    return firing;
  }

  // All of it under the shard's lock.
  SlotPool slots_;
  CancelledCalls cancelled_;     // their tokens are to be requested
  std::size_t open_closes_ = 0;  // wanted, and not over
  bool takes_closes_ = true;
  bool repeats_closes_ = true;
};

}  // namespace heartbeat::detail
