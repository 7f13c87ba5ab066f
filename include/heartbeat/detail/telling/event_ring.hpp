// SPDX-License-Identifier: BSL-1.0
// The newest state of each heartbeat that has something new to say, in a ring of fixed size: what finds no room is
// dropped and counted. Read next: news.hpp, which has the ends besides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <heartbeat/detail/lifecycle/action.hpp>
#include <heartbeat/detail/record/record.hpp>

namespace heartbeat::detail {

/// The ring of states. Not thread-safe: under the shard's lock. Each entry holds a reference to its record.
class EventRing {
 public:
  // Without initializers, so that room for many can be made without a write to it.
  struct Entry {
    Record* record;  // null: taken back meanwhile
    Instant at;
    EventMask mask;
  };

  /// Room for so many heartbeats, whose pages the system need not provide before they are used. REQUIRES: empty.
  /// Throws std::bad_alloc.
  void set_capacity(std::size_t capacity) {
    entries_ = std::make_unique_for_overwrite<Entry[]>(capacity);
    capacity_ = capacity;
  }

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// Files news of a heartbeat, joined with what it has waiting. False: no room, dropped.
  [[nodiscard]] bool push(Record& record, EventMask news, Instant at) noexcept {
    if (record.event_place != Record::no_place) {
      Entry& entry = entries_[record.event_place];
      entry.mask = joined(entry.mask, news);
      entry.at = at;
      return true;
    }
    if (count_ == capacity_) return false;
    const std::size_t place = (first_ + count_++) % capacity_;
    entries_[place] = {.record = &record, .at = at, .mask = news};
    record.event_place = static_cast<std::uint32_t>(place);
    record.add_reference();  // under the lock the record is alive
    return true;
  }

  /// The oldest entry; the reference goes over to the caller. An entry without record: it was taken back.
  [[nodiscard]] Entry pop() noexcept {
    const Entry entry = entries_[first_];
    first_ = (first_ + 1) % capacity_;
    --count_;
    if (entry.record != nullptr) entry.record->event_place = Record::no_place;
    return entry;
  }

  /// Takes a record's entry out of turn, its reference with it; an empty one if it has none.
  [[nodiscard]] Entry take_back(Record& record) noexcept {
    if (record.event_place == Record::no_place) return {};
    return std::exchange(entries_[std::exchange(record.event_place, Record::no_place)], Entry{});
  }

 private:
  // The newest state wins: what the sink has not heard of is not taken back before its ears.
  [[nodiscard]] static EventMask joined(EventMask waiting, EventMask news) noexcept {
    constexpr unsigned good = mask_of(EventKind::acknowledged);
    constexpr unsigned bad = mask_of(EventKind::missed);
    constexpr unsigned recovered = mask_of(EventKind::recovered);
    constexpr unsigned troubled =
        mask_of(EventKind::jeopardy) | mask_of(EventKind::lapsed) | mask_of(EventKind::time_gap);
    unsigned mask = waiting;
    if ((news & good) != 0) mask &= ~bad;
    if ((news & bad) != 0) mask &= ~good;
    mask |= news;
    if ((mask & recovered) != 0 && (mask & troubled) != 0) mask &= ~(recovered | troubled);
    return static_cast<EventMask>(mask);
  }

  std::unique_ptr<Entry[]> entries_;  // written from first_ on, count_ of them
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace heartbeat::detail
