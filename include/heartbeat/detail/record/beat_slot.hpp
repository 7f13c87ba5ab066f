// SPDX-License-Identifier: BSL-1.0
// What the engine keeps for one call in flight, a beat or a close: pooled, because at any moment few of many heartbeats
// have one. Read next: answer_receiver.hpp, whose other end a transport holds.
//
// Ground rules: everything here is under the shard's lock. A slot is taken for a call and given back when its ticket
// has answered, never earlier; until then an abandoned call's memory stays. The serial tells calls apart: it is raised
// when nobody waits for the answer any more, so that a late one is recognised, and it is never used twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include <heartbeat/answer_receiver.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

struct Record;

struct BeatSlot : AnswerSlot {
  std::uint64_t serial = 0;
  Record* record = nullptr;  // null while free; an abandoned slot holds a reference to it
  Instant send_time = 0;
  Instant deadline = instant_never;
  std::stop_source stop{std::nostopstate};  // the call's own, made on request
  Record* fired = nullptr;                  // in the shard's list: with a reference until the token was requested
  BeatSlot* next = nullptr;                 // in the pool's free list, or in the shard's list of calls to be cancelled
  bool is_abandoned = false;                // nobody waits for the answer; holds a reference to the record
  bool is_answered = false;                 // the ticket has answered: the slot is free once it is not in the list
  bool is_close = false;                    // a close call, not a beat
  bool is_waited_for = false;               // to be cancelled: its record is busy until then
  bool is_again = false;                    // has a permission for repeated attempts and closes besides its credit
  bool is_blocking = false;                 // the credit is a thread's, and goes back when the call has returned
};

/// The slots of one shard. Not thread-safe: under the shard's lock.
class SlotPool {
 public:
  /// A free slot with a new serial, or null if there is no memory.
  [[nodiscard]] BeatSlot* take() noexcept {
    if (free_ == nullptr && !grow()) return nullptr;
    BeatSlot* slot = free_;
    free_ = slot->next;
    *slot = BeatSlot{};
    slot->serial = ++last_serial_;
    return slot;
  }

  void give_back(BeatSlot& slot) noexcept {
    slot.record = nullptr;
    slot.serial = ++last_serial_;
    slot.next = free_;
    free_ = &slot;
  }

  /// Makes the answer to the slot's call a late one.
  void expire_serial(BeatSlot& slot) noexcept { slot.serial = ++last_serial_; }

  /// Calls `fn` for each slot, free ones too.
  template <class Fn>
  void for_each(Fn fn) {
    for (const auto& slab : slabs_) {
      for (BeatSlot& slot : std::span{slab.get(), slab_size})
        fn(slot);
    }
  }

 private:
  static constexpr std::size_t slab_size = 64;

  bool grow() noexcept try {
    slabs_.reserve(slabs_.size() + 1);
    slabs_.push_back(std::make_unique<BeatSlot[]>(slab_size));
    for (std::size_t i = 0; i < slab_size; ++i) {
      slabs_.back()[i].next = free_;
      free_ = &slabs_.back()[i];
    }
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }

  std::vector<std::unique_ptr<BeatSlot[]>> slabs_;
  BeatSlot* free_ = nullptr;
  std::uint64_t last_serial_ = 0;
};

}  // namespace heartbeat::detail
