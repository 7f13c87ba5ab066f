// SPDX-License-Identifier: BSL-1.0
// How a caller waits for the close of a heartbeat that has ended (F15). Included by engine.hpp.
#pragma once

#include <cstdint>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held; the caller keeps the core and the record.
template <class Engine>
class CloseWait {
 public:
  explicit CloseWait(Engine& engine) noexcept : engine_{engine} {}

  /// Waits until it is over, or for `grace`; in callbacks and on a thread that the executor needs, not at all. True if
  /// nothing of the session is left to be closed. Its repeats end here: whoever was told must not be overtaken by one.
  [[nodiscard]] bool wait(Record& record, Duration grace) const noexcept {
    Shard& home = record.shard();
    if (!home.gate().enter()) {  // shut down: all closes are over
      const MutexLock lock{home.mutex()};
      return is_closed(record);
    }
    const Instant limit = add(engine_.now(), grace.count());
    if (grace.count() > 0 && !CallbackFrame::is_inside() && engine_.parts().shutdown.may_wait()) {
      engine_.parts().shutdown.wait_until(limit, [&] { return is_over(record, limit); });
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

 private:
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
};

}  // namespace heartbeat::detail
