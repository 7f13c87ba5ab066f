// SPDX-License-Identifier: BSL-1.0
//
// One level of a timing wheel: a ring of slots, each a chain of chunks of which only the first may be partly filled,
// and a bitmap of the occupied slots with a summary word above it, so that the next occupied slot is found in a few
// instructions however far away it is. A level knows no time: what a slot means, timing_wheel.hpp says.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include <heartbeat/detail/timing/wheel_chunks.hpp>

namespace heartbeat::detail {

class WheelLevel {
 public:
  /// What `distance_from()` says of an empty level.
  static constexpr std::size_t no_slot = std::numeric_limits<std::size_t>::max();

  /// `number` is the level's place in its wheel, and is written into its chunks.
  /// REQUIRES: `slots` is a power of two from 64 to 4096.
  /// Allocates: 8 bytes a slot. Throws: std::bad_alloc.
  WheelLevel(std::uint16_t number, std::size_t slots)
      : heads_(std::make_unique<WheelChunk*[]>(slots)), mask_(slots - 1), number_(number) {
    assert(std::has_single_bit(slots) && slots >= 64 && slots <= 64 * words_.size());
  }
  WheelLevel(const WheelLevel&) = delete;
  WheelLevel& operator=(const WheelLevel&) = delete;

  [[nodiscard]] std::size_t slots() const noexcept { return mask_ + 1; }
  /// The slot of a number that counts on past the ring's end.
  [[nodiscard]] std::size_t wrap(std::uint64_t position) const noexcept {
    return static_cast<std::size_t>(position) & mask_;
  }
  [[nodiscard]] bool is_occupied(std::size_t slot) const noexcept { return heads_[slot] != nullptr; }

  /// How many slots after `slot`, around the ring, the next occupied one is: 0 if `slot` itself is, `no_slot` if none.
  [[nodiscard]] std::size_t distance_from(std::size_t slot) const noexcept {
    const std::size_t word = slot / 64;
    const std::uint64_t here = words_[word] >> (slot % 64);
    if (here != 0) return static_cast<std::size_t>(std::countr_zero(here));
    if (summary_ == 0) return no_slot;

    const std::uint64_t later = summary_ & ((~std::uint64_t{0} << 1) << word);
    const auto found = static_cast<std::size_t>(std::countr_zero(later != 0 ? later : summary_));
    const std::size_t target = found * 64 + static_cast<std::size_t>(std::countr_zero(words_[found]));
    return (target - slot) & mask_;
  }

  /// Files a hook. REQUIRES: it is not linked, and room was reserved in the pool.
  void push(std::size_t slot, WheelHook& hook, WheelChunkPool& pool) noexcept {
    WheelChunk* chunk = heads_[slot];
    if (chunk == nullptr || chunk->count == hooks_per_chunk) chunk = add_chunk(slot, pool);
    chunk->entries[chunk->count++] = &hook;
    hook.chunk = chunk;
  }

  /// Takes the hook out that is cheapest to take out. REQUIRES: the slot is occupied.
  [[nodiscard]] WheelHook& pop(std::size_t slot, WheelChunkPool& pool) noexcept {
    WheelChunk* const head = heads_[slot];
    WheelHook& hook = *head->entries[head->count - 1u];
    hook.chunk = nullptr;
    drop_last(slot, pool);
    return hook;
  }

  /// Takes out as many hooks of one chunk as fit, and says how many. It touches none of them, and leaves it to the
  /// caller to unlink them (`chunk = nullptr`): a slot that is emptied is a row of cache misses, which need not wait
  /// for each other if all are asked for before the first is used. REQUIRES: the slot is occupied, `out` is not empty.
  [[nodiscard]] std::size_t take(std::size_t slot, std::span<WheelHook*> out, WheelChunkPool& pool) noexcept {
    WheelChunk* const head = heads_[slot];
    const std::size_t count = std::min<std::size_t>(head->count, out.size());
    const std::size_t left = head->count - count;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = head->entries[left + i];
      HEARTBEAT_PREFETCH(out[i]);
    }
    if (head->next != nullptr) {
      HEARTBEAT_PREFETCH(head->next);
      HEARTBEAT_PREFETCH(&head->next->entries.back());
    }
    head->count = static_cast<std::uint16_t>(left);
    if (left == 0) drop_first_chunk(slot, pool);
    return count;
  }

  /// Takes out a hook of this level, wherever it is; the slot's last one moves into its place.
  void remove(WheelHook& hook, WheelChunkPool& pool) noexcept {
    WheelChunk* const chunk = hook.chunk;
    WheelChunk* const head = heads_[chunk->slot];
    const auto place = std::find(chunk->entries.begin(), chunk->entries.begin() + chunk->count, &hook);
    assert(chunk->level == number_ && place != chunk->entries.begin() + chunk->count);

    WheelHook* const last = head->entries[head->count - 1u];
    *place = last;
    if (chunk != head) last->chunk = chunk;  // not written needlessly: the record is likely not in the cache
    hook.chunk = nullptr;
    drop_last(chunk->slot, pool);
  }

 private:
  WheelChunk* add_chunk(std::size_t slot, WheelChunkPool& pool) noexcept {
    WheelChunk* const chunk = pool.take();
    chunk->next = heads_[slot];
    chunk->slot = static_cast<std::uint32_t>(slot);
    chunk->level = number_;
    chunk->count = 0;
    heads_[slot] = chunk;
    words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    summary_ |= std::uint64_t{1} << (slot / 64);
    return chunk;
  }

  void drop_last(std::size_t slot, WheelChunkPool& pool) noexcept {
    WheelChunk* const head = heads_[slot];
    if (--head->count == 0) drop_first_chunk(slot, pool);
  }

  void drop_first_chunk(std::size_t slot, WheelChunkPool& pool) noexcept {
    WheelChunk* const head = heads_[slot];
    heads_[slot] = head->next;
    pool.give_back(head);
    if (heads_[slot] != nullptr) return;
    words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    if (words_[slot / 64] == 0) summary_ &= ~(std::uint64_t{1} << (slot / 64));
  }

  std::unique_ptr<WheelChunk*[]> heads_;   // the first chunk of each slot, null if the slot is empty
  std::array<std::uint64_t, 64> words_{};  // one bit a slot: occupied
  std::uint64_t summary_ = 0;              // one bit a word: not zero
  std::size_t mask_;
  std::uint16_t number_;
};

}  // namespace heartbeat::detail
