// SPDX-License-Identifier: BSL-1.0
// What the executor runs for each shard: its turn, when time passes, and its sends, when something is ready. Neither
// runs for longer than a turn, so that none delays the others of its executor. Included by engine.hpp.
//
// A shard is pinned while its turn is armed or its send is posted: what the executor holds finds the core's memory.
#pragma once

#include <memory>
#include <vector>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/timing/turn.hpp>

namespace heartbeat::detail {

/// Threading: any, inside a gate; turns and sends run on the executor.
template <class Engine>
class Drivers {
 public:
  explicit Drivers(Engine& engine) noexcept : engine_{engine} {}

  /// The next shard's, while the engine is made. Throws std::bad_alloc.
  void add(Shard& shard) { drivers_.push_back(std::make_unique<Driver>(engine_, shard)); }

  /// Asks the executor to wake the shard by then.
  void arm(Shard& shard, Instant at) noexcept {
    shard.pin();
    if (!executor().wake_by(drivers_[shard.place()]->turn, to_time_point<typename Engine::Clock>(at))) shard.unpin();
  }

  /// Something of the shard waits to be sent. A lane looks at all shards, so any of them will do for a blocking call.
  void wake_sender(Shard& shard) noexcept {
    if constexpr (Engine::Policies::form == BeatForm::blocking) {
      engine_.parts().lanes.wake();
    } else {
      drivers_[shard.place()]->send.post();
    }
  }

  /// No turn is run any more.
  void cancel_turns() noexcept {
    for (const std::unique_ptr<Driver>& driver : drivers_) {
      if (executor().cancel(driver->turn)) driver->turn.drop();
    }
  }

 private:
  class Turn final : public Timer {
   public:
    Turn(Engine& engine, Shard& shard) noexcept : engine_{engine}, shard_{shard} {}
    void run() noexcept override {
      if (shard_.gate().enter()) {
        if (take_turn([this] { return wake(); })) engine_.parts().drivers.arm(shard_, engine_.now());
        if (shard_.gate().leave()) engine_.gate_emptied();
      }
      shard_.unpin();  // may free us
    }
    void drop() noexcept override { shard_.unpin(); }

   private:
    [[nodiscard]] bool wake() noexcept {
      bool more = false;
      const Instant at = engine_.now();
      Effects effects;
      {
        const MutexLock lock{shard_.mutex()};
        more = Turning{shard_.hold(at, effects)}.wake();
      }
      engine_.perform(shard_, effects);
      return more;
    }

    Engine& engine_;
    Shard& shard_;
  };

  class Send final : public Work {
   public:
    Send(Engine& engine, Shard& shard) noexcept : engine_{engine}, shard_{shard} {}
    void post() noexcept {
      if (is_posted_.exchange(true)) return;
      shard_.pin();
      engine_.parts().policies->executor.post(*this);
    }
    void run() noexcept override {
      is_posted_.store(false);
      if (shard_.gate().enter()) {
        if (take_turn([this] { return engine_.parts().caller.send_some(shard_); })) post();
        if (shard_.gate().leave()) engine_.gate_emptied();
      }
      shard_.unpin();  // may free us
    }
    void drop() noexcept override { shard_.unpin(); }

   private:
    Engine& engine_;
    Shard& shard_;
    Atomic<bool> is_posted_{false};
  };

  struct Driver {
    Driver(Engine& engine, Shard& shard) noexcept : turn{engine, shard}, send{engine, shard} {}
    Turn turn;
    Send send;
  };

  [[nodiscard]] auto& executor() noexcept { return engine_.parts().policies->executor; }

  Engine& engine_;
  std::vector<std::unique_ptr<Driver>> drivers_;  // constant once made
};

}  // namespace heartbeat::detail
