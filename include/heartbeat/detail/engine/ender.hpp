// SPDX-License-Identifier: BSL-1.0
// How owners end heartbeats: one, or all of them. The ender requests the tokens himself, and waits, where he may, until
// no callback of the heartbeat runs any more (G15). Included by engine.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held; the caller keeps the core.
template <class Engine>
class Ender {
 public:
  explicit Ender(Engine& engine) noexcept : engine_{engine} {}

  /// Ends it for that reason; true for exactly one caller. No close follows if none `may`.
  bool end(Record& record, EndReason reason, bool may_close = true) const noexcept {
    Shard& home = record.shard();
    if (!home.gate().enter()) {  // shut down: everything has ended, but news of it may still wait to be told
      const MutexLock lock{home.mutex()};
      home.parts().news.discard(record);
      return false;
    }
    const Instant ended_at = engine_.now();
    Effects effects;
    Tokens tokens;
    bool did_end = false;
    bool has_tokens = false;
    bool was_busy = false;
    {
      const MutexLock lock{home.mutex()};
      const Hold hold = home.hold(ended_at, effects);
      const Ending ending{hold};
      did_end = !record.life.is_ended();
      was_busy = record.is_busy();
      tokens = did_end ? ending.end_by_owner(record, reason, may_close) : ending.take_over_tokens(record);
      has_tokens = tokens.beat.stop_possible() || tokens.heartbeat.stop_possible();
      if (!has_tokens) ending.leave(record);
    }
    engine_.perform(home, effects);
    if (was_busy) engine_.parts().teller.fire_calls_of(record);
    if (has_tokens) request(home, record, tokens);
    if (home.gate().leave()) engine_.gate_emptied();
    return did_end;
  }

  /// Ends it as stopped; outside callbacks, if `wait`, it returns when no callback of the heartbeat runs any more. In
  /// anybody's callback it does not wait, other than a destructor: callback_gate.hpp says why.
  bool stop(Record& record, bool wait) const noexcept {
    const bool did_end = end(record, EndReason::stopped);
    if (wait) wait_for_callbacks(record);
    return did_end;
  }

  /// As a stop that waits, for a heartbeat of the same key that comes next: a close would be its session's (F15).
  void replace(Record& record) const noexcept {
    end(record, EndReason::stopped, false);
    wait_for_callbacks(record);
  }

  /// Ends every running heartbeat on the caller's thread; how many.
  std::size_t end_all(EndReason reason) const noexcept {
    return end_each(reason, [](RecordReference&&) {});
  }

  /// Ends every running heartbeat as stopped; how many. Then waits for the callbacks of those that it has met, as
  /// `stop`: one that runs for long keeps none of the others from being stopped, unless there are very many of them.
  std::size_t stop_all() const noexcept {
    std::array<RecordReference, slice_size> busy;  // not a vector: a stop must not need memory
    std::size_t count = 0;
    const auto wait = [&] {
      for (; count != 0; busy[count] = {})
        wait_for_callbacks(*busy[--count]);
    };
    const CoreReference kept{engine_};  // until the references are gone
    const std::size_t ended = end_each(EndReason::stopped, [&](RecordReference&& record) {
      if (is_quiet(*record)) return;
      if (count == busy.size()) wait();
      busy[count++] = std::move(record);
    });
    wait();
    return ended;
  }

  /// Of a record that an owner has ended, or was told has ended, no callback runs or will run.
  [[nodiscard]] static bool is_quiet(const Record& record) noexcept {
    return record.busy.load(std::memory_order_acquire) == 0;
  }

 private:
  // `then` is called with each one that was met running, when it has ended.
  template <class Then>
  std::size_t end_each(EndReason reason, Then then) const noexcept {
    if (!engine_.is_here()) return 0;
    const CoreReference kept{engine_};  // what a token calls may destroy the registry
    std::size_t count = 0;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      Shard& home = engine_.shard(i);
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
        std::array<Record*, slice_size> some;  // not a vector: a destructor must not need memory
        std::size_t found = 0;
        {
          const MutexLock lock{home.mutex()};
          found = home.roster().some(cursor, some, [](const Record& record) { return !record.life.is_ended(); });
          for (Record* const record : std::span{some}.first(found))
            record->add_reference();
        }
        for (Record* const record : std::span{some}.first(found)) {
          RecordReference mine{record};
          if (end(*mine, reason)) ++count;
          then(std::move(mine));
        }
      }
    }
    return count;
  }

  // But for those of a callback that we are called from, of whichever registry.
  static void wait_for_callbacks(Record& record) noexcept {
    if (CallbackFrame::is_inside()) return;
    for (auto busy = record.busy.load(std::memory_order_acquire); busy != 0;
         busy = record.busy.load(std::memory_order_acquire)) {
      Threading::wait(record.busy, busy);
    }
  }

  void request(Shard& home, Record& record, Tokens& tokens) const noexcept {
    {
      const CallbackFrame frame{engine_.owner()};
      tokens.beat.request_stop();
      tokens.heartbeat.request_stop();
    }
    Effects effects;
    {
      const MutexLock lock{home.mutex()};
      Ending{home.hold(effects)}.leave(record);
    }
    engine_.perform(home, effects);
  }

  Engine& engine_;
};

}  // namespace heartbeat::detail
