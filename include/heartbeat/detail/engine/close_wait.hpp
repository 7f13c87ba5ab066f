// SPDX-License-Identifier: BSL-1.0
// How callers wait for closes: for that of one heartbeat that has ended, and for all of them at a shutdown (F15).
// Included by engine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held; the caller keeps the core.
template <class Engine>
class CloseWait {
 public:
  explicit CloseWait(Engine& engine) noexcept : engine_{engine} {}

  /// Waits until the close is over, or for `grace`; in callbacks and on a thread that the executor needs, not at all.
  /// True if nothing of the session is left to be closed. Its repeats end here: whoever was told must not be overtaken
  /// by one.
  [[nodiscard]] bool wait(Record& record, Duration grace) noexcept {
    Shard& home = record.shard();
    if (!home.gate().enter()) {  // shut down: all closes are over
      const MutexLock lock{home.mutex()};
      return is_closed(record);
    }
    const Instant limit = add(engine_.now(), grace.count());
    if (grace.count() > 0 && !CallbackFrame::is_inside() && may_wait()) {
      wait_until(limit, [&] { return is_over(record, limit); });
    }
    const Instant at = engine_.now();
    Effects effects;
    bool is_done = false;
    {
      const MutexLock lock{home.mutex()};
      is_done = is_closed(record);
      Closing{home.hold(at, effects)}.end_repeats(record);
    }
    engine_.perform(home, effects);
    if (home.gate().leave()) engine_.gate_emptied();
    return is_done;
  }

  /// A close is over, or rests: whoever waits looks again.
  void ring() noexcept {
    changed_.ring([] {});
  }

  /// Whether the calling thread may wait for what the engine does. REQUIRES: inside a gate.
  [[nodiscard]] bool may_wait() const noexcept { return !needs_this_thread(executor()); }

  /// Waits until `done()`, which is looked at whenever it rings; until `limit` at most. In real time, or by driving an
  /// executor that lives in virtual time. REQUIRES: inside a gate, and may wait.
  template <class Done>
  void wait_until(Instant limit, Done done) noexcept {
    if constexpr (HelpingExecutor<typename Engine::Executor>) {
      Limit at_limit;  // else time would jump over it
      executor().wake_by(at_limit, to_time_point<typename Engine::Clock>(limit));
      const CallbackFrame frame{engine_.owner()};  // others' callbacks run here, and whoever ends us there would wait
      executor().help_until([&] { return done() || engine_.now() >= limit; });
      executor().cancel(at_limit);
    } else {
      changed_.wait_for(std::chrono::nanoseconds{limit - engine_.now()}, std::move(done));
    }
  }

 private:
  struct Limit final : Timer {
    void run() noexcept override {}
    void drop() noexcept override {}
  };

  [[nodiscard]] auto& executor() const noexcept { return engine_.parts().policies->executor; }

  // Under the shard's lock.
  [[nodiscard]] static bool is_closed(const Record& record) noexcept {
    return record.life.is_ended() && record.close.is_settled();
  }

  // Or nothing happens any more before the limit.
  [[nodiscard]] bool is_over(Record& record, Instant limit) const noexcept {
    const MutexLock lock{record.shard().mutex()};
    if (!record.close.is_open()) return true;
    return record.close.at() == CloseStanding::At::resting && record.due > engine_.parts().scale.up(limit);
  }

  Engine& engine_;
  Bell changed_;
};

}  // namespace heartbeat::detail
