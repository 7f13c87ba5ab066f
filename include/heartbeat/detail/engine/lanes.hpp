// SPDX-License-Identifier: BSL-1.0
// Lanes: what may block runs in them, on the executor's pool for blocking work if it has one. A lane takes one task
// after the other: tokens to request, events to tell, blocking calls; in this order, so that a dead server's calls do
// not hold the news of it up. Included by engine.hpp.
//
//    idle --(wake)--> posted --> running --(nothing was wanted since it began to look)--> idle
//                       ^           |
//                       +-----------+  many tasks at once: the executor's other works get their turn
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, inside a gate.
/// Guarantees: between a `wake` and the rest of every lane, somebody has looked for tasks.
template <class Engine>
class Lanes {
 public:
  /// As many as the executor's pool runs at once; else one. Throws std::bad_alloc.
  explicit Lanes(Engine& engine) : engine_{engine} {
    std::size_t count = 1;
    if constexpr (has_pool) count = std::max<std::size_t>(1, executor().blocking_concurrency());
    for (std::size_t i = 0; i < count; ++i) {
      lanes_.push_back(std::make_unique<Lane>(*this));
      lanes_.back()->next_idle = std::exchange(idle_, lanes_.back().get());
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return lanes_.size(); }

  /// There is a task.
  void wake() noexcept HEARTBEAT_EXCLUDES(mutex_) {
    Lane* lane = nullptr;
    {
      const MutexLock lock{mutex_};
      ++signals_;
      lane = idle_;
      if (lane != nullptr) idle_ = lane->next_idle;
    }
    if (lane != nullptr) {
      post(*lane);
    } else if constexpr (calls_here) {
      note_wanted(engine_.now());
    }
  }

 private:
  static constexpr bool has_pool = BlockingExecutor<typename Engine::Executor>;
  static constexpr bool calls_here = Engine::Policies::form == BeatForm::blocking;
  static constexpr int tasks_at_once = has_pool ? 64 : 1;

  class Lane final : public Work {
   public:
    explicit Lane(Lanes& lanes) noexcept : lanes_{lanes} {}
    void run() noexcept override { lanes_.run(*this); }
    void drop() noexcept override { lanes_.engine_.shard(0).unpin(); }

    Lane* next_idle = nullptr;          // the lanes' mutex
    Instant posted_at = instant_never;  // its own, from the post to its run: the executor is between them

   private:
    Lanes& lanes_;
  };

  [[nodiscard]] auto& executor() noexcept { return engine_.parts().policies->executor; }

  void post(Lane& lane) noexcept {
    engine_.shard(0).pin();
    if constexpr (calls_here) lane.posted_at = engine_.now();
    if constexpr (has_pool) {
      executor().post_blocking(lane);
    } else {
      executor().post(lane);
    }
  }

  void run(Lane& lane) noexcept {
    Shard& home = engine_.shard(0);
    if (home.gate().enter()) {
      bool is_idle = false;
      Instant posted = had_no_thread_since(lane);
      for (int tasks = 0; !is_idle && tasks < tasks_at_once;) {
        const Wish wish = look();
        if (run_one_task(wish.since, posted)) {
          ++tasks;
        } else {
          is_idle = rests(lane, wish.signals);
        }
      }
      if (!is_idle) post(lane);
      if (home.gate().leave()) engine_.gate_emptied();
    }
    home.unpin();  // may free us
  }

  // Since `wanted` calls had to wait for a lane; since `posted` for this one, once: what comes later has its thread.
  [[nodiscard]] bool run_one_task(Instant wanted, Instant& posted) noexcept {
    auto& parts = engine_.parts();
    if (parts.teller.fire_token() || parts.teller.tell_event()) return true;
    return parts.caller.call_blocking(std::min(wanted, std::exchange(posted, instant_never)));
  }

  // Since when the pool had no thread for the lane; never, if it took no longer than a busy machine takes. An executor
  // that serves several registries may be short of threads though this one has lanes at rest.
  [[nodiscard]] Instant had_no_thread_since(const Lane& lane) noexcept {
    constexpr std::int64_t patience = 100'000'000;
    if constexpr (calls_here) {
      if (engine_.now() - lane.posted_at > patience) return lane.posted_at;
    }
    return instant_never;
  }

  struct Wish {
    std::uint64_t signals;  // so far
    Instant since;          // all lanes are at work, though one was wanted; never, if that is not so
  };
  // A lane begins to look.
  [[nodiscard]] Wish look() noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    return {signals_, wanted_since_};
  }
  // No lane was at rest, and none has come to it meanwhile.
  void note_wanted(Instant now) noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    if (idle_ == nullptr) wanted_since_ = std::min(wanted_since_, now);
  }

  // Only if nothing was wanted since it began to look: no signal is lost between its look and its rest.
  [[nodiscard]] bool rests(Lane& lane, std::uint64_t seen) noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    if (signals_ != seen) return false;
    lane.next_idle = std::exchange(idle_, &lane);
    wanted_since_ = instant_never;
    return true;
  }

  Engine& engine_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // constant once made
  Mutex mutex_;
  Lane* idle_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t signals_ HEARTBEAT_GUARDED_BY(mutex_) = 0;             // how often a lane was wanted
  Instant wanted_since_ HEARTBEAT_GUARDED_BY(mutex_) = instant_never;  // and all were at work, and still are
};

}  // namespace heartbeat::detail
