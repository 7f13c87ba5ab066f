// SPDX-License-Identifier: BSL-1.0
// The part of a registry that outlives it: the shards and whatever late answers and late executor work may still touch.
// It holds no object of the user's but keys of records that somebody still refers to. Read next: engine.hpp, which
// derives from it and adds transport, clock, executor and sink.
//
// Ground rules: references are counted by the registry (one) and by each shard that is pinned (one). The last one frees
// everything. A shard is pinned by its records, its tickets in transports' hands, and its works in the executor's
// hands.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <heartbeat/detail/sending/limits.hpp>
#include <heartbeat/detail/shard/ending.hpp>
#include <heartbeat/detail/shard/performing.hpp>
#include <heartbeat/detail/shard/shard.hpp>
#include <heartbeat/detail/telling/event_room.hpp>
#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

class Core {
 public:
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// The time. REQUIRES: inside a gate, no lock held.
  virtual Instant now() noexcept = 0;

  /// Performs what a shard asked for. REQUIRES: inside a gate or a call of the registry's owner; no lock held.
  virtual void perform(Shard& shard, Effects& effects) noexcept = 0;

  /// Frees a record that nobody refers to. Any time, no lock held.
  virtual void free_record(Record& record) noexcept = 0;

  /// Ends a record as stopped; true for exactly one caller. Outside callbacks it returns when no callback of the
  /// heartbeat runs any more, if `wait`. No lock held.
  virtual bool stop(Record& record, bool wait) noexcept = 0;

  /// Waits for the close of a record that has ended, for `grace` at most; in callbacks and on a thread that the
  /// executor needs, not at all. True if nothing of the session is left to be closed. It is not repeated any more. No
  /// lock held.
  virtual bool wait_for_close(Record& record, Duration grace) noexcept = 0;

  /// Ends a record as the engine itself does, for a reason that was found elsewhere: its token fires on a lane. Nothing
  /// if it has ended. The caller has a reference; no lock held.
  void end(Record& record, EndReason reason) noexcept;

  /// News of a running record that was found elsewhere, for the sink. The caller has a reference; no lock held.
  void tell(Record& record, EventMask news, Instant at) noexcept;

  /// The owner of a gated heartbeat shows progress. No lock held.
  virtual void progress(Record& record) noexcept = 0;

  /// A closed gate has become empty.
  virtual void gate_emptied() noexcept = 0;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one already
  void remove_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1 && is_here()) delete this;
  }

  /// False in a child of the process that it was made in, where nothing of it is used (F53): whoever is called there
  /// asks before he takes a lock.
  [[nodiscard]] bool is_here() const noexcept { return origin_.is_here(); }

  /// Whose callbacks its callbacks are: its own, or another engine's that is one with it to the user.
  [[nodiscard]] const void* owner() const noexcept { return owner_; }

  /// Makes its callbacks the other one's, whom it keeps from now on. REQUIRES: once, before anything is started; the
  /// other one belongs to itself.
  void belong_to(Core& other) noexcept {
    other.add_reference();
    owner_ = &other;
  }

  [[nodiscard]] Limits& limits() noexcept { return limits_; }

  [[nodiscard]] std::size_t shard_count() const noexcept { return shards_.size(); }
  [[nodiscard]] Shard& shard(std::size_t place) noexcept { return *shards_[place]; }

  /// Calls `fn(Shard&)` for one shard after the other until it gives true; whether it did. Begins elsewhere each time,
  /// so that a busy shard does not keep the others waiting (G10).
  template <class Fn>
  bool any_shard(Fn fn) noexcept {
    const std::size_t first = next_shard_.fetch_add(1, std::memory_order_relaxed);  // any value is a good one
    for (std::size_t i = 0; i < shard_count(); ++i) {
      if (fn(shard((first + i) % shard_count()))) return true;
    }
    return false;
  }

  /// Where the key with that hash lives.
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) noexcept { return shard(hash & (shard_count() - 1)); }

  /// Frees what is dead; all that may be done of effects once the gates are closed.
  void free_dead(Effects& effects) noexcept {
    while (Record* record = effects.dead.pop())
      free_record(*record);
  }

 protected:
  Core(std::size_t most_calls, std::size_t event_capacity, TokenRate rate = {}, TokenRate rate_again = {}) noexcept
      : event_room_{event_capacity}, limits_{most_calls, rate, rate_again} {}
  virtual ~Core() {
    if (owner_ != this) owner_->remove_reference();
  }

  EventRoom event_room_;                        // all shards'; atomic
  std::vector<std::unique_ptr<Shard>> shards_;  // constant once made

 private:
  const Origin origin_;
  Core* owner_ = this;  // constant once anything is started; kept by a reference, if another
  std::atomic<std::size_t> references_{1};
  std::atomic<std::size_t> next_shard_{0};
  Limits limits_;
};

/// Keeps the core while a call runs callbacks that may destroy the registry.
class CoreReference {
 public:
  explicit CoreReference(Core& core) noexcept : core_{core} { core_.add_reference(); }
  CoreReference(const CoreReference&) = delete;
  CoreReference& operator=(const CoreReference&) = delete;
  ~CoreReference() { core_.remove_reference(); }

 private:
  Core& core_;
};

/// Holds a reference to a record from outside the locks: handles, groups, and whoever looks at one.
class RecordReference {
 public:
  RecordReference() = default;

  /// Takes over a reference that was counted already.
  explicit RecordReference(Record* record) noexcept : record_{record} {}

  RecordReference(RecordReference&& other) noexcept : record_{std::exchange(other.record_, nullptr)} {}
  RecordReference& operator=(RecordReference&& other) noexcept {
    RecordReference old{std::exchange(record_, std::exchange(other.record_, nullptr))};
    return *this;
  }

  ~RecordReference() {
    if (record_ == nullptr || !record_->drop_reference()) return;
    record_->shard().core().free_record(*record_);
  }

  /// One more reference to a record that is alive for the caller.
  [[nodiscard]] static RecordReference to(Record& record) noexcept {
    record.add_reference();
    return RecordReference{&record};
  }

  [[nodiscard]] Record* get() const noexcept { return record_; }
  [[nodiscard]] Record& operator*() const noexcept { return *record_; }
  [[nodiscard]] Record* operator->() const noexcept { return record_; }
  [[nodiscard]] explicit operator bool() const noexcept { return record_ != nullptr; }

 private:
  Record* record_ = nullptr;
};

inline void Core::end(Record& record, EndReason reason) noexcept {
  Shard& home = record.shard();
  if (!home.gate().enter()) return;  // shut down: it has ended
  const Instant at = now();
  Effects effects;
  {
    const MutexLock lock{home.mutex()};
    if (!record.life.is_ended()) Ending{home.hold(at, effects)}.end(record, reason);
  }
  perform(home, effects);
  if (home.gate().leave()) gate_emptied();
}

inline void Core::tell(Record& record, EventMask news, Instant at) noexcept {
  Shard& home = record.shard();
  if (!home.gate().enter()) return;
  Effects effects;
  {
    const MutexLock lock{home.mutex()};
    if (!record.life.is_ended()) Performing{home.hold(at, effects)}.tell(record, news);
  }
  perform(home, effects);
  if (home.gate().leave()) gate_emptied();
}

}  // namespace heartbeat::detail

#include <heartbeat/detail/shard/members.hpp>  // IWYU pragma: export
