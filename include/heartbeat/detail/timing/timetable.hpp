// SPDX-License-Identifier: BSL-1.0
// When something is due in a shard: the wheel of its timers and the alarm that wakes it for them. A hook is filed by
// the tick at which it must be looked at, and given out then; what "due" means is its owner's matter.
// Read next: timing_wheel.hpp, alarm.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <heartbeat/detail/timing/alarm.hpp>
#include <heartbeat/detail/timing/timing_wheel.hpp>
#include <heartbeat/detail/timing/wheel_chunks.hpp>

namespace heartbeat::detail {

/// Threading: none of its own; the caller holds the shard's lock.
/// Invariant: the alarm wants a tick not after the first at which a hook filed here must be looked at.
class Timetable {
 public:
  /// Allocates: the wheel's slots. Throws: std::bad_alloc.
  Timetable(TickScale scale, Instant now) : wheel_{chunks_, scale.down(now)}, alarm_{scale, now} {}
  Timetable(const Timetable&) = delete;
  Timetable& operator=(const Timetable&) = delete;

  [[nodiscard]] Alarm& alarm() noexcept { return alarm_; }
  [[nodiscard]] const TickScale& scale() const noexcept { return alarm_.scale(); }

  /// Where the shard's other wheels take their memory from, too: a hook is in one of them at most.
  [[nodiscard]] WheelChunkPool& chunks() noexcept { return chunks_; }
  /// Makes sure that so many hooks can be filed. Throws std::bad_alloc with nothing changed.
  void reserve(std::size_t hooks) { chunks_.reserve(hooks); }

  /// REQUIRES: linked nowhere, room reserved for it, and `due != tick_never`.
  void file(WheelHook& hook, Tick due) noexcept { alarm_.want(wheel_.insert(hook, due)); }
  /// REQUIRES: filed here.
  void erase(WheelHook& hook) noexcept { wheel_.erase(hook); }

  /// Takes out what must be looked at by `now`, as many as there is room for.
  [[nodiscard]] TimingWheel::Expired expire(Tick now, std::span<WheelHook*> out) noexcept {
    return wheel_.expire(now, out);
  }
  /// The tick at which there is something to expire again; `tick_never` if nothing is filed.
  [[nodiscard]] Tick next() const noexcept { return wheel_.next(); }

 private:
  // All of it under the shard's lock.
  WheelChunkPool chunks_;
  TimingWheel wheel_;
  Alarm alarm_;
};

}  // namespace heartbeat::detail
