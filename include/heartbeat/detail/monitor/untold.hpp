// SPDX-License-Identifier: BSL-1.0
// What has expired and waits to be reported, the oldest first. Whoever takes a record reports it, or puts it back: so
// each is reported once, by the teller or by one sweep (G3). Read next: watch_shard.hpp.
#pragma once

#include <cstddef>
#include <memory>

#include <heartbeat/detail/telling/event_room.hpp>
#include <heartbeat/detail/telling/linked_queue.hpp>

namespace heartbeat::detail {

/// Owns what waits in it. It allocates nothing, since a record brings its link along: an expiry cannot get lost.
/// Threading: none of its own; the caller holds the shard's lock.
template <class Record>
class Untold {
 public:
  using RecordPtr = std::unique_ptr<Record>;

  /// Counts in `room`, which outlives it, as the other shards' do.
  explicit Untold(EventRoom& room) noexcept : room_{room} {}
  Untold(const Untold&) = delete;
  Untold& operator=(const Untold&) = delete;
  ~Untold() {
    while (take()) {
    }
  }

  /// Takes over what has expired. REQUIRES: it is in no roster any more.
  void push(Record& record) noexcept {
    waiting_.push(record);
    room_.expect_end();
  }

  /// The oldest one, for whoever reports it; null if none waits.
  [[nodiscard]] RecordPtr take() noexcept {
    RecordPtr record{waiting_.pop()};
    if (record != nullptr) room_.told_end();
    return record;
  }

  /// What was taken, and could not be reported.
  void put_back(RecordPtr& record) noexcept {
    waiting_.push_front(*record.release());
    room_.expect_end();
  }

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  /// In all shards together as many wait as may, or more.
  [[nodiscard]] bool has_backlog() const noexcept { return room_.has_backlog(); }

 private:
  EventRoom& room_;  // all shards'; atomic
  LinkedQueue<Record, &Record::next_in_bucket> waiting_;
};

}  // namespace heartbeat::detail
