// SPDX-License-Identifier: BSL-1.0
// All closes of an engine that is being shut down: sent as long as there is time, then given up. Included by
// engine.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/shard/last_closes.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held; inside a gate.
template <class Engine>
class Goodbyes {
 public:
  explicit Goodbyes(Engine& engine) noexcept : engine_{engine} {}

  /// Nobody is taken in any more; ends are followed by closes or not, and none is repeated.
  void begin(bool takes_closes) noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      engine_.shard(i).roster().close();
      engine_.shard(i).parts().calls.take_closes(takes_closes);
      engine_.shard(i).parts().calls.end_repeats();
    }
  }

  /// Closes that rest, and if `beats_too` those that wait for a beat, leave now.
  void hasten(bool beats_too) noexcept {
    for_each_slice([&](const Hold& hold, std::uint64_t& cursor) { LastCloses{hold}.hasten(cursor, beats_too); });
  }

  /// Asynchronous closes are begun on this thread, as many as there is a place for. REQUIRES: no heartbeat runs.
  void begin_here() noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      while (engine_.parts().caller.send_some(engine_.shard(i))) {
      }
    }
  }

  /// What is not over is given up, and abandoned calls keep their records no longer.
  void give_up() noexcept {
    for_each_slice([](const Hold& hold, std::uint64_t& cursor) {
      hold.parts.calls.take_closes(false);
      LastCloses{hold}.give_up(cursor);
      if (cursor != KeyIndex<Record>::visit_end) return;
      hold.parts.calls.let_go([&](Record& record) { hold.effects.drop(record); });
    });
  }

  /// Closes that are not over.
  [[nodiscard]] std::uint64_t open() const noexcept {
    return sum_of([](const ShardParts& parts) { return parts.calls.open_closes(); });
  }
  [[nodiscard]] std::uint64_t skipped() const noexcept {
    return sum_of([](const ShardParts& parts) { return parts.counters.closes_skipped; });
  }

 private:
  template <class Fn>
  void for_each_slice(Fn fn) noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      Shard& home = engine_.shard(i);
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
        const Instant at = engine_.now();
        Effects effects;
        {
          const MutexLock lock{home.mutex()};
          fn(home.hold(at, effects), cursor);
        }
        engine_.perform(home, effects);
      }
    }
  }

  template <class Fn>
  [[nodiscard]] std::uint64_t sum_of(Fn fn) const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      sum += fn(engine_.shard(i).parts());
    }
    return sum;
  }

  Engine& engine_;
};

}  // namespace heartbeat::detail
