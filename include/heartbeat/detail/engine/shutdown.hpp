// SPDX-License-Identifier: BSL-1.0
// The end of an engine: everything ended, closes sent as long as there is time, gates closed, ends told, policies
// destroyed by whoever comes last. The drawing is in threads/farewell.hpp. Included by engine.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held.
template <class Engine>
class Shutdown {
 public:
  Shutdown(Engine& engine, std::size_t gates) noexcept : engine_{engine}, open_gates_{gates} {}

  /// True if nobody is inside any more.
  bool shutdown(Duration grace) noexcept {
    const CoreReference mine{engine_};  // the sink may destroy the registry while we are here
    const bool may_wait = !CallbackFrame::is_inside(engine_.owner()) && grace > Duration{};
    std::chrono::nanoseconds left{grace};
    if (CallbackGate& gate = engine_.shard(0).gate(); gate.enter()) {  // else another shutdown is that far already
      left = end_everything(grace, may_wait);
      if (gate.leave()) gate_emptied();
    }
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      if (engine_.shard(i).gate().close()) gate_emptied();  // from here on the policies may be gone
    }
    if (may_wait) farewell_.wait_until_quiet(left);
    return farewell_.is_quiet();
  }

  /// The owner lets go of the engine, which frees itself.
  void release() noexcept {
    shutdown({});
    if (farewell_.owner_lets_go(engine_.owner())) destroy_policies();
  }

  /// A closed gate has become empty.
  void gate_emptied() noexcept {
    if (open_gates_.fetch_sub(1, std::memory_order_acq_rel) == 1) become_quiet();
  }

  /// A close is over: whoever waits for all of them looks again.
  void close_over() noexcept { farewell_.ring(); }

 private:
  // Everything of a shutdown that needs the policies; what is left of the grace. REQUIRES: inside a gate, so that the
  // policies stay, also when a stop callback that runs here destroys the registry.
  [[nodiscard]] std::chrono::nanoseconds end_everything(Duration grace, bool may_wait) noexcept {
    const Instant limit = add(engine_.now(), grace.count());
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      engine_.shard(i).roster().close();
      engine_.shard(i).parts().calls.take_closes(may_wait);
    }
    Ender<Engine>{engine_}.end_all(EndReason::shut_down);
    if (may_wait && Engine::Policies::has_close) wait_for_closes(grace);
    for (std::size_t i = 0; i < engine_.shard_count(); ++i)
      give_up_closes(engine_.shard(i));
    while (
        engine_.parts().teller.fire_token()) {  // calls that wait for their tokens keep the gates from becoming empty
    }
    return std::chrono::nanoseconds{limit - engine_.now()};
  }

  void give_up_closes(Shard& home) noexcept {
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      const Instant at = engine_.now();
      Effects effects;
      {
        const MutexLock lock{home.mutex()};
        const Hold hold = home.hold(at, effects);
        hold.parts.calls.take_closes(false);
        Closing{hold}.give_up(cursor);
        if (cursor == KeyIndex<Record>::visit_end) {
          hold.parts.calls.let_go([&](Record& record) { effects.drop(record); });
        }
      }
      engine_.free_dead(effects);
    }
  }

  // Waits in real time, or drives an executor that lives in virtual time.
  void wait_for_closes(Duration grace) noexcept {
    const auto done = [this] { return open_closes() == 0; };
    if constexpr (HelpingExecutor<typename Engine::Executor>) {
      const Instant limit = add(engine_.now(), grace.count());
      const CallbackFrame frame{engine_.owner()};  // others' callbacks run here, and whoever ends us there would wait
      engine_.parts().policies->executor.help_until([&] { return done() || engine_.now() >= limit; });
    } else {
      farewell_.wait_for(grace, done);
    }
  }

  [[nodiscard]] std::size_t open_closes() noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      sum += engine_.shard(i).parts().calls.open_closes();
    }
    return sum;
  }

  // All gates are closed and empty: nobody else is inside, and nobody will be.
  void become_quiet() noexcept {
    while (engine_.parts().teller.fire_token() || engine_.parts().teller.tell_event()) {
    }
    if (farewell_.last_one_out()) destroy_policies();
  }

  void destroy_policies() noexcept {
    engine_.parts().drivers.cancel_turns();
    engine_.parts().policies.reset();
    engine_.remove_reference();  // the registry's
  }

  Engine& engine_;
  Atomic<std::size_t> open_gates_;
  Farewell farewell_;  // also rung when a close is over: a shutdown waits
};

}  // namespace heartbeat::detail
