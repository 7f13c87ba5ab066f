// SPDX-License-Identifier: BSL-1.0
//
// What the slots of a timing wheel are made of: chunks of 14 pointers, and the pool that all wheels of a shard share.
// Why not intrusive lists: filing, walking and re-filing a million records of 128 bytes costs 190 ns a record through
// lists and 10 ns through arrays of pointers. In a list each cache miss waits for the one before, in an array the
// misses overlap. Chunks are reserved before hooks are filed, so that filing can never fail.
// Read next: wheel_level.hpp, which keeps the chunks of one level's slots.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include <heartbeat/detail/timing/tick.hpp>

// Asks for a cache line that will be written. A macro, because g++ 12 takes a function that only prefetches for one
// without effect, and leaves its calls out.
#if defined(__GNUC__)
#define HEARTBEAT_PREFETCH(address) __builtin_prefetch((address), 1)
#else
#define HEARTBEAT_PREFETCH(address) static_cast<void>(address)
#endif

namespace heartbeat::detail {

struct WheelHook;

/// Hooks that one chunk holds.
inline constexpr std::size_t hooks_per_chunk = 14;

/// Two cache lines of a slot. Within a slot every chunk is full except the first one.
struct alignas(64) WheelChunk {
  WheelChunk* next;     // of the same slot, or of the pool's free list
  std::uint32_t slot;   // the slot it belongs to ...
  std::uint16_t level;  // ... and that slot's level
  std::uint16_t count;  // entries in use, from the first
  std::array<WheelHook*, hooks_per_chunk> entries;
};
static_assert(sizeof(WheelChunk) == 128 || sizeof(void*) != 8);

/// What a record derives from to be filed in a wheel: in one wheel at a time.
/// The place inside the chunk is not kept: it is found by scanning 14 pointers in two cache lines.
struct WheelHook {
  WheelChunk* chunk = nullptr;
  Tick due = tick_never;

  [[nodiscard]] bool is_linked() const noexcept { return chunk != nullptr; }
};

/// The memory of the wheels of one shard.
///
/// Threading: none of its own; the caller holds the shard's lock.
/// Guarantees: while no more hooks are linked than were reserved, `take()` has a chunk. N hooks in wheels of S slots in
/// all need no more than k + (N - k) / 14 chunks with k = min(N, S): every occupied slot has one chunk that may be
/// partly filled, all others are full.
class WheelChunkPool {
 public:
  WheelChunkPool() = default;
  WheelChunkPool(const WheelChunkPool&) = delete;
  WheelChunkPool& operator=(const WheelChunkPool&) = delete;

  /// Makes sure that `hooks` hooks, counted over all wheels that share the pool, can be linked at once.
  /// Reserving one more for each new heartbeat is O(1) amortised; the memory comes in slabs of at most 64 KiB, or of
  /// what is missing, and is not touched before it is used. What was reserved once stays reserved.
  /// Allocates: yes. Throws: std::bad_alloc, with nothing changed.
  void reserve(std::size_t hooks) {
    if (hooks <= hooks_) return;
    grow_to(chunks_needed(hooks, slots_));
    hooks_ = hooks;
  }

  /// A wheel with `slots` slots announces that it shares the pool; done by the wheel's constructor. A wheel lives as
  /// long as its pool: slots are never given back.
  /// Allocates: yes, if hooks are reserved already. Throws: std::bad_alloc, with nothing changed.
  void add_slots(std::size_t slots) {
    grow_to(chunks_needed(hooks_, slots_ + slots));
    slots_ += slots;
  }

  /// A chunk with unspecified content.
  /// REQUIRES: the hooks linked, this one included, were reserved.
  [[nodiscard]] WheelChunk* take() noexcept {
    ++in_use_;
    if (free_ != nullptr) {
      WheelChunk* const chunk = free_;
      free_ = chunk->next;
      return chunk;
    }
    return take_fresh();
  }

  /// Takes back an emptied chunk. The next `take()` gives it out first: it is still in the cache.
  void give_back(WheelChunk* chunk) noexcept {
    assert(in_use_ > 0);
    --in_use_;
    chunk->next = free_;
    free_ = chunk;
  }

  /// Hooks that may be linked at once.
  [[nodiscard]] std::size_t reserved() const noexcept { return hooks_; }
  /// Chunks there are.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Chunks that slots hold now.
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }

  /// The most chunks that `hooks` hooks in `slots` slots can need.
  [[nodiscard]] static constexpr std::size_t chunks_needed(std::size_t hooks, std::size_t slots) noexcept {
    const std::size_t occupied = std::min(hooks, slots);
    return occupied + (hooks - occupied) / hooks_per_chunk;
  }

 private:
  struct Slab {
    std::unique_ptr<WheelChunk[]> chunks;
    std::size_t count;
  };

  void grow_to(std::size_t chunks) {
    if (chunks <= capacity_) return;
    const std::size_t added = std::max(chunks - capacity_, std::clamp(capacity_ / 4, smallest_slab, largest_slab));
    slabs_.push_back(Slab{std::make_unique_for_overwrite<WheelChunk[]>(added), added});
    capacity_ += added;
  }

  WheelChunk* take_fresh() noexcept {
    while (fresh_slab_ < slabs_.size() && fresh_chunk_ == slabs_[fresh_slab_].count) {
      ++fresh_slab_;
      fresh_chunk_ = 0;
    }
    // A hook was linked that had not been reserved: an error in the caller that would otherwise write through null.
    if (fresh_slab_ == slabs_.size()) std::terminate();
    return &slabs_[fresh_slab_].chunks[fresh_chunk_++];
  }

  static constexpr std::size_t smallest_slab = 8;
  static constexpr std::size_t largest_slab = 512;

  // All of it under the shard's lock.
  WheelChunk* free_ = nullptr;
  std::vector<Slab> slabs_;
  std::size_t fresh_slab_ = 0;   // the slab, and in it the chunk, that has never been given out:
  std::size_t fresh_chunk_ = 0;  // memory that no wheel needed yet is never touched
  std::size_t slots_ = 0;
  std::size_t hooks_ = 0;
  std::size_t capacity_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace heartbeat::detail
