// SPDX-License-Identifier: BSL-1.0
// One part of a registry: a lock, and under it the records of the keys that map here and what is under way for them.
// It calls nobody: what must happen outside the lock is collected in `Effects`, which the engine performs. Read next:
// parts.hpp, what is under the lock, with the ground rules; the steps, which are what can be done with it:
//
//   starting    a record comes in                 claiming    what may leave is claimed, and called
//   turning     time passes                       answering   an answer comes, in time or late
//   ending      the one end                       telling     tokens and events are handed out
//   closing, performing, filing                   what these have in common
//
// One hold of the lock is one `Hold`, which any number of steps may share:
//
//    Effects effects;
//    {
//      const MutexLock lock{shard.mutex()};
//      const Hold hold = shard.hold(now, effects);
//      Ending{hold}.end(record, EndReason::stopped);
//    }
//    core.perform(shard, effects);
//
// The races, and what closes them:
//   stop between collecting and sending: claiming.hpp.
//   a late answer: the slot's serial is compared under the lock.
//   two threads arming: timing/alarm.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <heartbeat/answer_receiver.hpp>
#include <heartbeat/detail/shard/parts.hpp>
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

class Core;

class Shard final : public AnswerReceiver {
 public:
  /// The shard at `place` of `shards` of that core, which share the room. Throws std::bad_alloc.
  Shard(Core& core, const ShardPolicy& policy, EventRoom& event_room, Instant now, std::uint64_t seed,
        std::size_t place, std::size_t shards);

  Mutex& mutex() noexcept HEARTBEAT_RETURN_CAPABILITY(mutex_) { return mutex_; }
  /// Begins what is done in one hold of the lock. `effects` outlives it.
  [[nodiscard]] Hold hold(Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    return {*this, parts_, now, effects};
  }
  /// For steps to which the time is nothing.
  [[nodiscard]] Hold hold(Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) { return hold(0, effects); }
  [[nodiscard]] ShardParts& parts() noexcept HEARTBEAT_REQUIRES(mutex_) { return parts_; }
  [[nodiscard]] Roster<Record>& roster() noexcept HEARTBEAT_REQUIRES(mutex_) { return parts_.roster; }
  /// Adds what it has counted.
  void add_statistics(Statistics& sum) const noexcept HEARTBEAT_REQUIRES(mutex_);
  /// Heartbeats that have not ended.
  [[nodiscard]] std::uint64_t running() const noexcept HEARTBEAT_REQUIRES(mutex_);

  /// Its place among the core's shards.
  [[nodiscard]] std::size_t place() const noexcept { return place_; }
  CallbackGate& gate() noexcept { return gate_; }
  Core& core() noexcept { return core_; }

  /// Keeps the core's memory: records, tickets and posted works count.
  void pin() noexcept;
  void unpin() noexcept;

  // --- AnswerReceiver
  void on_answer(AnswerSlot& slot, std::uint64_t serial, BeatResult&& result) noexcept override
      HEARTBEAT_EXCLUDES(mutex_);
  std::stop_token stop_token_of(AnswerSlot& slot, std::uint64_t serial) override HEARTBEAT_EXCLUDES(mutex_);
  void on_second_answer() noexcept override HEARTBEAT_EXCLUDES(mutex_);
  void release() noexcept override { unpin(); }

 private:
  Core& core_;
  const std::size_t place_;
  CallbackGate gate_;
  std::atomic<std::size_t> pins_{0};

  mutable Mutex mutex_;
  ShardParts parts_ HEARTBEAT_GUARDED_BY(mutex_);
};

}  // namespace heartbeat::detail
