// SPDX-License-Identifier: BSL-1.0
// The end of an engine: everything ended, closes sent as long as there is time, gates closed, ends told, policies
// destroyed by whoever comes last. The drawing of the last part is in threads/farewell.hpp. Included by engine.hpp.
//
//    open --(begin)--> all ended, closes leave --(half the grace: hasten)--> those behind a beat leave too
//                                |                                                |
//                                +--------(all closes over, or grace over)--------+--(finish)--> gates closed
//
// Where nothing may wait, in a callback or on a thread that the executor needs, the three steps follow at once, and
// asynchronous closes are begun in between on the caller's own thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held.
template <class Engine>
class Shutdown {
 public:
  Shutdown(Engine& engine, std::size_t gates, Duration close_grace)
      : engine_{engine}, close_grace_{close_grace}, open_gates_{gates} {}

  /// True if nobody is inside any more, and it has left no close unsent for want of time or place.
  bool shutdown(Duration grace) noexcept {
    const CoreReference mine{engine_};  // the sink may destroy the registry while we are here
    std::chrono::nanoseconds left{0};
    bool has_sent_all = true;
    if (CallbackGate& gate = engine_.shard(0).gate(); gate.enter()) {  // else another shutdown is that far already
      const Instant limit = add(engine_.now(), grace.count());
      const std::uint64_t skipped = closes_skipped();
      const Closes closes = closes_within(grace);
      end_everything(closes, grace);
      if (closes == Closes::awaited) left = std::chrono::nanoseconds{limit - engine_.now()};
      has_sent_all = grace.count() <= 0 || closes_skipped() == skipped;
      if (gate.leave()) gate_emptied();
    } else if (!CallbackFrame::is_inside(engine_.owner())) {
      left = grace;
    }
    close_gates();
    if (left.count() > 0) farewell_.wait_until_quiet(left);
    return farewell_.is_quiet() && has_sent_all;
  }

  /// The owner lets go of the engine, which frees itself.
  void release() noexcept {
    shutdown(close_grace_);
    if (farewell_.owner_lets_go(engine_.owner())) destroy_policies();
  }

  // --- the steps, for whoever takes the time between them himself. No effect once the gates are closed.

  /// Ends everything; with no grace, without closes. How many closes were skipped before.
  std::uint64_t begin(bool has_grace) noexcept {
    std::uint64_t skipped = 0;
    inside([&] {
      skipped = closes_skipped();
      end_all(has_grace ? Closes::awaited : Closes::none);
      hasten_closes(false);
      has_begun_.store(true);
      close_over();
    });
    return skipped;
  }
  /// Half of the grace is over: closes do not wait for their beats any longer.
  void hasten() noexcept {
    inside([&] { hasten_closes(true); });
  }
  /// The grace is over. True if no close was skipped since `begin`.
  bool finish(std::uint64_t skipped) noexcept {
    bool has_sent_all = true;
    inside([&] {
      give_up();
      has_sent_all = closes_skipped() == skipped;
    });
    close_gates();
    return has_sent_all;
  }
  /// Fires once, after `begin`, when no close is open any more.
  [[nodiscard]] std::stop_token closes_over_token() const noexcept { return closes_over_.get_token(); }
  /// Fires when nobody is inside any more, after `finish`.
  [[nodiscard]] std::stop_token quiet_token() const noexcept { return quiet_.get_token(); }

  // --- for the engine

  /// A closed gate has become empty.
  void gate_emptied() noexcept {
    if (open_gates_.fetch_sub(1, std::memory_order_acq_rel) == 1) become_quiet();
  }

  /// A close is over, or rests: whoever waits looks again.
  void close_over() noexcept {
    farewell_.ring();
    if (has_begun_.load() && open_closes() == 0) closes_over_.request_stop();
  }

  /// Whether the calling thread may wait for what the engine does.
  [[nodiscard]] bool may_wait() const noexcept { return !needs_this_thread(engine_.parts().policies->executor); }

  /// Waits until `done()`, which is looked at when a close is over or rests; until `limit` at most. In real time, or by
  /// driving an executor that lives in virtual time. REQUIRES: inside a gate, and may wait.
  template <class Done>
  void wait_until(Instant limit, Done done) noexcept {
    if constexpr (HelpingExecutor<typename Engine::Executor>) {
      auto& executor = engine_.parts().policies->executor;
      Limit at_limit;  // else time would jump over it
      executor.wake_by(at_limit, to_time_point<typename Engine::Clock>(limit));
      const CallbackFrame frame{engine_.owner()};  // others' callbacks run here, and whoever ends us there would wait
      executor.help_until([&] { return done() || engine_.now() >= limit; });
      executor.cancel(at_limit);
    } else {
      farewell_.wait_for(std::chrono::nanoseconds{limit - engine_.now()}, std::move(done));
    }
  }

 private:
  enum class Closes : std::uint8_t { none, inline_only, awaited };

  struct Limit final : Timer {
    void run() noexcept override {}
    void drop() noexcept override {}
  };

  [[nodiscard]] Closes closes_within(Duration grace) const noexcept {
    if (grace.count() <= 0) return Closes::none;
    if (!CallbackFrame::is_inside(engine_.owner()) && may_wait()) return Closes::awaited;
    return Engine::Policies::has_async_close ? Closes::inline_only : Closes::none;
  }

  // Everything of a shutdown that needs the policies. REQUIRES: inside a gate, so that the policies stay, also when a
  // stop callback that runs here destroys the registry.
  void end_everything(Closes closes, Duration grace) noexcept {
    const Instant began = engine_.now();
    end_all(closes);
    if (closes == Closes::awaited && Engine::Policies::has_close) {
      const auto done = [this] { return open_closes() == 0; };
      hasten_closes(false);
      wait_until(add(began, grace.count() / 2), done);
      if (!done()) hasten_closes(true);
      wait_until(add(began, grace.count()), done);
    } else if (closes == Closes::inline_only) {
      hasten_closes(true);
      for (std::size_t i = 0; i < engine_.shard_count(); ++i)
        engine_.parts().caller.begin_closes(engine_.shard(i));
    }
    give_up();
  }

  void end_all(Closes closes) noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      engine_.shard(i).roster().close();
      engine_.shard(i).parts().calls.take_closes(closes != Closes::none);
      engine_.shard(i).parts().calls.end_repeats();
    }
    Ender<Engine>{engine_}.end_all(EndReason::shut_down);
  }

  // Closes that rest, and if `beats_too` those that wait for a beat, leave now.
  void hasten_closes(bool beats_too) noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;)
        with_hold(engine_.shard(i), [&](const Hold& hold) { Closing{hold}.hasten(cursor, beats_too); });
    }
  }

  void give_up() noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
        with_hold(engine_.shard(i), [&](const Hold& hold) {
          hold.parts.calls.take_closes(false);
          Closing{hold}.give_up(cursor);
          if (cursor != KeyIndex<Record>::visit_end) return;
          hold.parts.calls.let_go([&](Record& record) { hold.effects.drop(record); });
        });
      }
    }
    while (engine_.parts().teller.fire_token()) {  // calls that wait for them keep the gates from becoming empty
    }
  }

  template <class Fn>
  void with_hold(Shard& home, Fn fn) noexcept {
    const Instant at = engine_.now();
    Effects effects;
    {
      const MutexLock lock{home.mutex()};
      fn(home.hold(at, effects));
    }
    engine_.perform(home, effects);
  }

  template <class Fn>
  void inside(Fn fn) noexcept {
    CallbackGate& gate = engine_.shard(0).gate();
    if (!gate.enter()) return;
    fn();
    if (gate.leave()) gate_emptied();
  }

  void close_gates() noexcept {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      if (engine_.shard(i).gate().close()) gate_emptied();  // from here on the policies may be gone
    }
  }

  template <class Fn>
  [[nodiscard]] std::uint64_t sum_of(Fn fn) noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      sum += fn(engine_.shard(i).parts());
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t open_closes() noexcept {
    return sum_of([](const ShardParts& parts) { return parts.calls.open_closes(); });
  }
  [[nodiscard]] std::uint64_t closes_skipped() noexcept {
    return sum_of([](const ShardParts& parts) { return parts.counters.closes_skipped; });
  }

  // All gates are closed and empty: nobody else is inside, and nobody will be.
  void become_quiet() noexcept {
    while (engine_.parts().teller.fire_token() || engine_.parts().teller.tell_event()) {
    }
    std::stop_source quiet = quiet_;  // the owner may free us as soon as it is quiet
    const bool is_last = farewell_.last_one_out();
    quiet.request_stop();
    if (is_last) destroy_policies();
  }

  void destroy_policies() noexcept {
    engine_.parts().drivers.cancel_turns();
    engine_.parts().policies.reset();
    engine_.remove_reference();  // the registry's
  }

  Engine& engine_;
  const Duration close_grace_;
  Atomic<std::size_t> open_gates_;
  Atomic<bool> has_begun_{false};  // in steps: everything has ended, so that closes only become fewer
  std::stop_source closes_over_;
  std::stop_source quiet_;
  Farewell farewell_;  // also rung when a close is over: who waits for one looks again
};

/// A shutdown in steps, which keeps the engine's memory until it is destroyed. Move-only.
template <class Engine>
class ShutdownSteps {
 public:
  explicit ShutdownSteps(Engine& engine) noexcept : engine_{&engine} { engine.add_reference(); }
  ShutdownSteps(ShutdownSteps&& other) noexcept
      : engine_{std::exchange(other.engine_, nullptr)}, skipped_{other.skipped_} {}
  ShutdownSteps& operator=(ShutdownSteps&&) = delete;
  ~ShutdownSteps() {
    if (engine_ != nullptr) engine_->remove_reference();
  }

  void begin(Duration grace) noexcept {
    has_grace_ = grace.count() > 0;
    skipped_ = engine_->parts().shutdown.begin(has_grace_);
  }
  void hasten() noexcept { engine_->parts().shutdown.hasten(); }
  /// True if no close was left unsent for want of time.
  [[nodiscard]] bool finish() noexcept {
    const bool has_sent_all = engine_->parts().shutdown.finish(skipped_);
    return has_sent_all || !has_grace_;
  }
  [[nodiscard]] std::stop_token closes_over() const noexcept { return engine_->parts().shutdown.closes_over_token(); }
  [[nodiscard]] std::stop_token quiet() const noexcept { return engine_->parts().shutdown.quiet_token(); }

 private:
  Engine* engine_;
  std::uint64_t skipped_ = 0;
  bool has_grace_ = false;
};

}  // namespace heartbeat::detail
