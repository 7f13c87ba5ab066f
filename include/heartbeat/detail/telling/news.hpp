// SPDX-License-Identifier: BSL-1.0
// What is to be told of a shard's heartbeats: the newest states, in a ring, as far as there is room; the ends, in a
// list through the records themselves, which can neither overflow nor be dropped; and the stop tokens of what the
// engine ended, which are requested before the end is told. Read next: event_ring.hpp, event_room.hpp,
// linked_queue.hpp; shard/telling.hpp, which hands them out.
//
//    state ---> ring ------------------------------> told, or joined with what comes later, or taken back
//    end -----> token asked for? --yes--> tokens --> requested --+
//                    |                                           v  (no frame of it is left in user code)
//                    +--no--------------------------------> ends --> told: the last that its owner hears of it
#pragma once

#include <utility>

#include <heartbeat/detail/lifecycle/action.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/telling/event_ring.hpp>
#include <heartbeat/detail/telling/event_room.hpp>
#include <heartbeat/detail/telling/linked_queue.hpp>

namespace heartbeat::detail {

/// Records that have ended; each is in one such list at most.
using EndedList = LinkedQueue<Record, &Record::next_ended>;

/// Threading: none of its own; the caller holds the shard's lock.
/// Invariants: what lies in the ring and in the ends holds a reference to its record, and what lies in the tokens is
/// kept by its end to come; without a sink there are neither states nor ends.
class News {
 public:
  /// The room is all shards', and outlives this.
  News(bool has_sink, EventRoom& room) noexcept : has_sink_{has_sink}, room_{room}, events_{room} {}
  News(const News&) = delete;
  News& operator=(const News&) = delete;

  [[nodiscard]] bool has_sink() const noexcept { return has_sink_; }
  /// More ends are untold than a start may add to (F5).
  [[nodiscard]] bool has_backlog() const noexcept { return has_sink_ && room_.has_backlog(); }
  /// Something waits for a lane.
  [[nodiscard]] bool empty() const noexcept { return tokens_.empty() && ends_.empty() && events_.empty(); }

  /// Files news of a heartbeat. False: no room or no memory, dropped. REQUIRES: there is a sink.
  [[nodiscard]] bool push(Record& record, EventMask news, Instant at) noexcept {
    return events_.push(record, news, at);
  }
  /// It is not told of its states any more. REQUIRES: the caller has a reference.
  void discard(Record& record) noexcept {
    if (EventRing::Entry entry = events_.take_back(record); entry.record != nullptr) {
      (void)record.drop_reference();  // never the last
    }
  }

  /// A heartbeat has ended, and will be told so.
  void expect_end() noexcept {
    if (has_sink_) room_.expect_end();
  }
  /// The engine ended it: its token is to be requested.
  void push_token(Record& record) noexcept {
    record.is_to_be_fired = true;
    tokens_.push(record);
  }
  /// The next one whose token is to be requested, with a reference of the caller's and busy for him; null if there is
  /// none.
  [[nodiscard]] Record* pop_token() noexcept {
    Record* const record = tokens_.pop();
    if (record == nullptr) return nullptr;
    record->is_to_be_fired = false;
    record->enter();
    record->add_reference();
    return record;
  }
  /// No frame of it is left: its end can be told. The reference goes over to the list. REQUIRES: there is a sink.
  void push_end(Record& record) noexcept { ends_.push(record); }

  /// One thing to tell; a record with a reference, busy unless it is its end. Null if nothing waits.
  struct Item {
    Record* record = nullptr;
    bool is_end = false;
    EventMask mask = 0;
    Instant at = 0;
  };
  /// Ends first, for they wait for nothing; but before its end a heartbeat's own last state.
  [[nodiscard]] Item pop() noexcept {
    EventRing::Entry entry{};
    if (Record* const ended = ends_.first(); ended != nullptr) {
      entry = events_.take_back(*ended);
      if (entry.record == nullptr) return {.record = ends_.pop(), .is_end = true};
    }
    if (entry.record == nullptr) {
      if (events_.empty()) return {};
      entry = events_.pop();
    }
    entry.record->enter();  // an owner who stops waits for it, also when the end is what comes next
    return {.record = entry.record, .mask = entry.mask, .at = entry.at};
  }
  void told_end() noexcept { room_.told_end(); }

 private:
  // All of it under the shard's lock, but for the first two: one is constant, the other one is shared.
  const bool has_sink_;
  EventRoom& room_;
  EventRing events_;
  EndedList ends_;    // to be told
  EndedList tokens_;  // to be requested
};

}  // namespace heartbeat::detail
