// SPDX-License-Identifier: BSL-1.0
// The newest state of each heartbeat that has something new to say, the oldest first. As long as what waits, and no
// longer: it is cut into chunks, which come with the first entry and go with the last. What finds no room, or no
// memory, is dropped. Read next: known_standing.hpp, how news is joined; news.hpp, which has the ends besides.
//
//    table (a power of two)   [  -  |  -  | chunk | chunk | chunk |  -  |  -  |  -  ]   and one chunk to spare
//                                            ^first, the next to be told   ^end, where the next one goes
//
// A place is the chunk's number, which counts on and on, and the entry in it; the table is looked up by the number's
// low bits. So a table that grows moves no entry, and a record can keep its place. What is taken out of turn leaves no
// hole: the last entry takes its place, which is told earlier for it; all others keep their turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/telling/event_room.hpp>
#include <heartbeat/detail/telling/known_standing.hpp>

namespace heartbeat::detail {

/// Not thread-safe: under the shard's lock; the room is other shards' too, and atomic. Each entry holds a reference to
/// its record, and has its place in the room.
class EventRing {
 public:
  struct Entry {
    Record* record;  // null: none
    Instant at;
    EventMask mask;
  };

  /// The room outlives this.
  explicit EventRing(EventRoom& room) noexcept : room_{room} {}
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// Files news of a heartbeat, joined with what it has waiting. False: no room or no memory, dropped.
  [[nodiscard]] bool push(Record& record, EventMask news, Instant at) noexcept {
    if (record.event_place != Record::no_place) {
      Entry& entry = at_place(record.event_place);
      entry.mask = joined(record.known, entry.mask, news);
      entry.at = at;
      return true;
    }
    const EventMask mask = joined(record.known, 0, news);
    if (mask == 0) return true;  // nothing that the sink does not know
    if (!room_.take()) return false;
    if (!has_chunk_at_end()) {
      room_.give_back();
      return false;
    }
    at_place(end_) = {.record = &record, .at = at, .mask = mask};
    record.event_place = end_ & Record::no_place;
    record.add_reference();  // under the lock the record is alive
    end_ = after(end_);
    ++count_;
    return true;
  }

  /// The oldest entry, to be told: from now on the sink knows of it. The reference goes over to the caller. REQUIRES:
  /// not empty.
  [[nodiscard]] Entry pop() noexcept {
    const Entry entry = at_place(first_);
    forget(entry);
    const std::uint32_t old = first_;
    first_ = after(first_);
    if (chunk_of(old) != chunk_of(first_)) put_by(old);
    if (--count_ == 0) reset();
    return entry;
  }

  /// Takes a record's entry out of turn, likewise; an empty one if it has none.
  [[nodiscard]] Entry take_back(Record& record) noexcept {
    if (record.event_place == Record::no_place) return {};
    const std::uint32_t place = record.event_place;
    const Entry entry = at_place(place);
    const std::uint32_t last = before(end_);
    if (place != last) {
      at_place(place) = at_place(last);
      at_place(place).record->event_place = place & Record::no_place;
    }
    forget(entry);
    if (last % chunk_span == 0) put_by(last);
    end_ = last;
    if (--count_ == 0) reset();
    return entry;
  }

 private:
  // One less than a chunk's numbers, so that none of them is `Record::no_place`.
  static constexpr std::uint32_t chunk_span = 256;
  static constexpr std::uint32_t chunk_size = chunk_span - 1;
  static constexpr std::uint32_t least_table = 8;
  static_assert(Record::no_place % chunk_span == chunk_size);

  using Chunk = std::array<Entry, chunk_size>;
  using ChunkPtr = std::unique_ptr<Chunk>;

  [[nodiscard]] static std::uint32_t chunk_of(std::uint32_t place) noexcept { return place / chunk_span; }
  [[nodiscard]] static std::uint32_t after(std::uint32_t place) noexcept {
    return (place + (place % chunk_span == chunk_size - 1 ? 2 : 1)) & Record::no_place;
  }
  [[nodiscard]] static std::uint32_t before(std::uint32_t place) noexcept {
    return (place - (place % chunk_span == 0 ? 2 : 1)) & Record::no_place;
  }

  [[nodiscard]] ChunkPtr& slot_of(std::uint32_t place) noexcept { return table_[chunk_of(place) & (table_size_ - 1)]; }
  [[nodiscard]] Entry& at_place(std::uint32_t place) noexcept { return (*slot_of(place))[place % chunk_span]; }

  void forget(const Entry& entry) noexcept {
    entry.record->event_place = Record::no_place;
    entry.record->known = known_after(entry.record->known, entry.mask);
    room_.give_back();
  }

  // Sees to it that there is a chunk where the next entry goes; false for want of memory.
  [[nodiscard]] bool has_chunk_at_end() noexcept {
    const std::uint32_t chunks = (chunk_of(end_) - chunk_of(first_)) & chunk_of(Record::no_place);
    if (chunks >= table_size_ && !grow(chunks)) return false;
    ChunkPtr& slot = slot_of(end_);
    if (slot == nullptr) slot = spare_ != nullptr ? std::move(spare_) : ChunkPtr{new (std::nothrow) Chunk};
    return slot != nullptr;
  }

  // Doubles the table, which has that many chunks.
  [[nodiscard]] bool grow(std::uint32_t chunks) noexcept {
    const std::uint32_t size = table_size_ == 0 ? least_table : 2 * table_size_;
    std::unique_ptr<ChunkPtr[]> table{new (std::nothrow) ChunkPtr[size]};
    if (table == nullptr) return false;
    for (std::uint32_t i = 0; i < chunks; ++i) {
      const std::uint32_t number = chunk_of(first_) + i;
      table[number & (size - 1)] = std::move(table_[number & (table_size_ - 1)]);
    }
    table_ = std::move(table);
    table_size_ = size;
    return true;
  }

  // Nothing is left in that chunk. One is kept, so that a steady state allocates nothing.
  void put_by(std::uint32_t place) noexcept {
    ChunkPtr chunk = std::move(slot_of(place));
    if (spare_ == nullptr) spare_ = std::move(chunk);
  }

  // Nothing is left. A chunk to begin with is kept besides the spare one: few entries need no other one ever.
  void reset() noexcept {
    ChunkPtr chunk = std::move(slot_of(end_));
    first_ = end_ = 0;
    if (table_size_ > least_table) {
      table_.reset();
      table_size_ = 0;
      if (spare_ == nullptr) spare_ = std::move(chunk);
    } else {
      slot_of(0) = std::move(chunk);
    }
  }

  EventRoom& room_;
  std::unique_ptr<ChunkPtr[]> table_;  // from the first's chunk to the end's
  std::uint32_t table_size_ = 0;       // 0, or a power of two
  std::uint32_t first_ = 0;
  std::uint32_t end_ = 0;
  std::size_t count_ = 0;
  ChunkPtr spare_;
};

}  // namespace heartbeat::detail
