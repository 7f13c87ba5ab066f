// SPDX-License-Identifier: BSL-1.0
// The one allocation of a heartbeat: at once node of the index, entry of a wheel, state, and its own end event. The
// part that knows no key is the engine's; KeyedRecord adds the key. Read next: shard.hpp, which works on it.
//
// Ground rules, field by field: "shard lock" means that it is touched under that lock only.
// Who keeps a record alive: `references` (the index; a list of ends; each handle; each abandoned slot; a blocking call)
// and `busy` (frames in user code). A record is freed outside the lock by whoever took its last reference away, and
// never while it is busy: ended records leave their lists only when no frame is left.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/detail/lifecycle/close_standing.hpp>
#include <heartbeat/detail/lifecycle/lifecycle.hpp>
#include <heartbeat/detail/record/beat_slot.hpp>
#include <heartbeat/detail/record/shared_rules.hpp>
#include <heartbeat/detail/telling/known_standing.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/detail/timing/wheel_chunks.hpp>

namespace heartbeat::detail {

class ParentLink;

/// What few heartbeats need, in an allocation of its own.
struct Side {
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side();  // gives the parent's reference back: never under a lock (parent_link.hpp)

  std::stop_source stop{std::nostopstate};  // shard lock; the heartbeat's own token, once it was asked for
  ParentLink* parent = nullptr;             // constant; holds a reference
  Record* previous_child = nullptr;         // the link's lock
  Record* next_child = nullptr;             // the link's lock
  bool is_child = false;                    // the link's lock: in the link's list
  std::uint32_t end_order = 0;              // the link's lock: its place among the failures of its group, from 1
  std::atomic<Instant> last_progress{0};    // any thread
  std::atomic<std::uint64_t> beats{0};      // written under the shard lock; how many were claimed
  std::atomic<std::uint64_t> acknowledged_beat{0};  // written under the shard lock, after the validity; of `beats`, the
                                                    // last one that was acknowledged
  bool is_grant_in_doubt = false;                   // constant once registered; an old close may hit what was granted
  std::error_code error;  // shard lock; of the last failed beat since the last acknowledgement
  std::string text;       // shard lock; the transport's words on it
};

/// Which of a shard's wheels a linked record is in.
enum class Queue : std::uint8_t { timers, ready, ready_again };

struct Record : WheelHook {
  Record() = default;
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  static constexpr std::uint32_t no_place = (1U << 30) - 1;

  // First what a beat touches, then what only starts and ends do: a beat of a heartbeat that has not been looked at for
  // seconds costs as many cache misses as there are lines to fetch.
  SharedRules* rules = nullptr;  // constant
  BeatSlot* slot = nullptr;      // shard lock; the current call, beat or close
  std::unique_ptr<Side> side;    // shard lock; set once, then constant
  // Its tail is padding, which the next members fill.
  [[no_unique_address]] Lifecycle life;  // shard lock, but for what it says of itself
  std::uint8_t abandoned = 0;            // shard lock; slots abandoned and not yet answered
  CloseStanding close;                   // shard lock; once it has ended
  std::uint8_t batch_class : 2 = 0;      // shard lock; 0: any batch, 1: small batches, 2: alone
  Queue queue : 2 = Queue::timers;       // shard lock
  bool is_calling : 1 = false;           // shard lock; a blocking call is on some thread's stack
  bool is_settled : 1 = false;           // shard lock; its end has been put up for telling, once
  bool is_to_be_fired : 1 = false;       // shard lock; ended, its token is to be requested by the engine
  bool is_behind_call : 1 = false;       // shard lock; held until a blocking call of its key's last heartbeat returns
  std::atomic<std::uint32_t> busy{0};    // changed under the shard's lock, waited on without it
  std::atomic<std::uint32_t> references{0};
  std::uint32_t event_place : 30 = no_place;      // shard lock; its entry in the shard's ring of events
  KnownStanding known : 2 = KnownStanding::fine;  // shard lock; how it stands for the sink, by what it was told
  Record* next_in_bucket = nullptr;               // shard lock; the index's
  Record* next_ended = nullptr;                   // shard lock; link in one of the lists of ended records
  std::uint64_t generation = 0;                   // constant
  std::uint32_t hash = 0;                         // constant; its top bits choose the bucket

  [[nodiscard]] Shard& shard() const noexcept { return *rules->shard; }

  /// The caller has one already, or holds the lock under which the record is alive.
  void add_reference() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  /// True if that was the last one: the record is the caller's, to be freed without the lock.
  [[nodiscard]] bool drop_reference() noexcept { return references.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  /// A frame in user code more. Under the shard's lock, which orders the count; who waits reads it without.
  void enter() noexcept { busy.store(busy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  /// Under the shard's lock.
  [[nodiscard]] bool is_busy() const noexcept { return busy.load(std::memory_order_relaxed) != 0; }

  [[nodiscard]] Instant last_progress() const noexcept {
    return side ? side->last_progress.load(std::memory_order_acquire) : 0;
  }
  /// The parent that was set at its start; null without one.
  [[nodiscard]] ParentLink* parent() const noexcept { return side ? side->parent : nullptr; }
};

/// A record with its key.
template <class Key>
struct KeyedRecord : Record {
  explicit KeyedRecord(Key&& name) : key(std::move(name)) {}

  const Key key;  // constant; compared under the lock, copied and destroyed outside
};

static_assert(sizeof(Record) <= 120 || sizeof(void*) != 8, "160 bytes a heartbeat leave room for no more");

template <class Key>
[[nodiscard]] const Key& key_of(const Record& record) noexcept {
  return static_cast<const KeyedRecord<Key>&>(record).key;
}

}  // namespace heartbeat::detail
