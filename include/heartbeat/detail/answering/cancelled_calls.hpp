// SPDX-License-Identifier: BSL-1.0
// Calls that were given up and whose tokens are to be requested: by whoever comes next, or by an owner who stops one
// heartbeat and must find all of that one's, however many others wait. Hence buckets, by the record's generation: not
// by its address, since a seed replays a run, and not by its key's hash, which may be the same for all. Read next:
// calls.hpp.
//
//    buckets_   [0] --> newest --> oldest --> ... --> newest    a ring through `next`: a bucket is one pointer, and
//               [1]     empty                                    first in, first out
//               ...
//
// The order: the buckets in turn, of each its oldest. So a call waits for no more than `bucket_count` others for each
// one that was in its bucket before it, whatever comes after it.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>

#include <heartbeat/detail/record/beat_slot.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/timing/random.hpp>

namespace heartbeat::detail {

/// Slots by the record `fired`, linked through `next`. Owns none.
/// Threading: none of its own; the caller holds the shard's lock.
class CancelledCalls {
 public:
  static constexpr std::size_t bucket_count = 256;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// REQUIRES: `fired` is set, and the slot is in no list.
  void push(BeatSlot& slot) noexcept {
    BeatSlot*& newest = buckets_[bucket_of(*slot.fired)];
    if (newest == nullptr) {
      slot.next = &slot;
    } else {
      slot.next = newest->next;
      newest->next = &slot;
    }
    newest = &slot;
    ++size_;
  }

  /// The next one. REQUIRES: there is one.
  [[nodiscard]] BeatSlot& pop() noexcept {
    assert(!empty());
    while (buckets_[turn_] == nullptr)
      turn_ = (turn_ + 1) % bucket_count;
    BeatSlot*& newest = buckets_[turn_];
    turn_ = (turn_ + 1) % bucket_count;
    return take_after(*newest, newest);
  }

  /// That record's oldest; null if it has none. Looks at one bucket, all of it.
  [[nodiscard]] BeatSlot* pop_of(const Record& record) noexcept {
    BeatSlot*& newest = buckets_[bucket_of(record)];
    if (newest == nullptr) return nullptr;
    BeatSlot* before = newest;
    do {
      if (before->next->fired == &record) return &take_after(*before, newest);
      before = before->next;
    } while (before != newest);
    return nullptr;
  }

 private:
  [[nodiscard]] static std::size_t bucket_of(const Record& record) noexcept {
    return static_cast<std::size_t>(Random::mix(record.generation) % bucket_count);
  }

  [[nodiscard]] BeatSlot& take_after(BeatSlot& before, BeatSlot*& newest) noexcept {
    BeatSlot& taken = *before.next;
    before.next = taken.next;
    if (&taken == newest) newest = &taken == &before ? nullptr : &before;
    taken.next = nullptr;
    --size_;
    return taken;
  }

  // All of it under the shard's lock.
  std::array<BeatSlot*, bucket_count> buckets_{};  // of each the newest, which leads to the oldest
  std::size_t size_ = 0;
  std::size_t turn_ = 0;  // the bucket that comes next
};

}  // namespace heartbeat::detail
