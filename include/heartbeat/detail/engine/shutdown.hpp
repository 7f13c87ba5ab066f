// SPDX-License-Identifier: BSL-1.0
// The end of an engine: everything ended, closes sent as long as there is time, gates closed, ends told, policies
// destroyed by whoever comes last. The drawing of the last part is in threads/farewell.hpp. Included by engine.hpp.
//
//    open --(begin)--> all ended, closes leave --(half the grace: hasten)--> those behind a beat leave too
//                                |                                                |
//                                +--------(all closes over)-----------------------+--(or grace over: finish)--> closed
//
// Where nothing may wait, in a callback or on a thread that the executor needs, the three steps follow at once, and
// asynchronous closes are begun in between on the caller's own thread.
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
  Shutdown(Engine& engine, std::size_t gates, Duration close_grace)
      : engine_{engine}, close_grace_{close_grace}, open_gates_{gates}, goodbyes_{engine} {}

  /// True if nobody is inside any more, and it has left no close unsent for want of time or place.
  bool shutdown(Duration grace) noexcept {
    const CoreReference mine{engine_};  // the sink may destroy the registry while we are here
    std::chrono::nanoseconds left{0};
    bool has_sent_all = true;
    if (CallbackGate& gate = engine_.shard(0).gate(); gate.enter()) {  // else another shutdown is that far already
      const Instant limit = add(engine_.now(), grace.count());
      const std::uint64_t skipped = goodbyes_.skipped();
      const Closes closes = closes_within(grace);
      end_everything(closes, grace);
      if (closes == Closes::awaited) left = std::chrono::nanoseconds{limit - engine_.now()};
      has_sent_all = grace.count() <= 0 || goodbyes_.skipped() == skipped;
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
      skipped = goodbyes_.skipped();
      end_all(has_grace);
      has_begun_.store(true);
      close_over();
    });
    return skipped;
  }
  /// Half of the grace is over: closes do not wait for their beats any longer.
  void hasten() noexcept {
    inside([&] { goodbyes_.hasten(true); });
  }
  /// The grace is over. True if no close was skipped since `begin`.
  bool finish(std::uint64_t skipped) noexcept {
    bool has_sent_all = true;
    inside([&] {
      give_up();
      has_sent_all = goodbyes_.skipped() == skipped;
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

  /// A close is over: perhaps it was the last one.
  void close_over() noexcept {
    if (has_begun_.load() && goodbyes_.open() == 0) closes_over_.request_stop();
  }

 private:
  enum class Closes : std::uint8_t { none, begun_here, awaited };

  [[nodiscard]] Closes closes_within(Duration grace) const noexcept {
    if (grace.count() <= 0) return Closes::none;
    if (!CallbackFrame::is_inside(engine_.owner()) && engine_.parts().close_wait.may_wait()) return Closes::awaited;
    return Engine::Policies::has_async_close ? Closes::begun_here : Closes::none;
  }

  // Everything of a shutdown that needs the policies. REQUIRES: inside a gate, so that the policies stay, also when a
  // stop callback that runs here destroys the registry.
  void end_everything(Closes closes, Duration grace) noexcept {
    const Instant began = engine_.now();
    end_all(closes != Closes::none);
    if (closes == Closes::awaited && Engine::Policies::has_close) {
      const auto done = [this] { return goodbyes_.open() == 0; };
      engine_.parts().close_wait.wait_until(add(began, grace.count() / 2), done);
      if (!done()) goodbyes_.hasten(true);
      engine_.parts().close_wait.wait_until(add(began, grace.count()), done);
    } else if (closes == Closes::begun_here) {
      goodbyes_.hasten(true);
      goodbyes_.begin_here();
    }
    give_up();
  }

  void end_all(bool takes_closes) noexcept {
    goodbyes_.begin(takes_closes);
    Ender<Engine>{engine_}.end_all(EndReason::shut_down);
    goodbyes_.hasten(false);
  }

  void give_up() noexcept {
    goodbyes_.give_up();
    while (engine_.parts().teller.fire_token()) {  // calls that wait for them keep the gates from becoming empty
    }
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
  Goodbyes<Engine> goodbyes_;
  Atomic<bool> has_begun_{false};  // in steps: everything has ended, so that closes only become fewer
  std::stop_source closes_over_;
  std::stop_source quiet_;
  Farewell farewell_;
};

}  // namespace heartbeat::detail
