// SPDX-License-Identifier: BSL-1.0
// The one wake-up of a shard: by when it is needed, whether the executor was asked for it already, and how late it
// came. A wake-up that comes much later than it was asked for means that the process was away (G18); the distance
// between two wake-ups means nothing, since an idle shard asks for none (F21). Read next: timetable.hpp.
//
//    want    want, earlier     arm                  (wake-up)        woke
//    --+----------+-------------+----------------------+---------------+--> asked for nothing, until the next arm
//                               asked for the earliest  gap: how late
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Threading: none of its own; the caller holds the shard's lock.
/// Guarantees: the wake-up asked for only moves earlier, and the executor keeps the earliest, so two threads that arm
/// need not agree on an order.
class Alarm {
 public:
  /// A lateness above `gap_threshold` nanoseconds is a gap.
  Alarm(TickScale scale, std::int64_t gap_threshold, Instant now) noexcept
      : scale_{scale}, gap_threshold_{gap_threshold}, seen_{now} {}

  [[nodiscard]] const TickScale& scale() const noexcept { return scale_; }

  /// Takes note of the time. Gives the latest that was seen: whoever waited long for the lock brings an old one along.
  Instant saw(Instant now) noexcept { return seen_ = std::max(seen_, now); }

  /// Something must be looked at by that tick.
  void want(Tick due) noexcept { wanted_ = std::min(wanted_, due); }

  /// Everything has been looked at: nothing is wanted before that tick.
  void want_only(Tick due) noexcept { wanted_ = due; }

  /// By when the executor must be asked to wake the shard; `instant_never` if it was asked for that already.
  [[nodiscard]] Instant arm() noexcept {
    // What is due already is due now: an idle wheel may ask for a time long past, which would look like a gap.
    const Tick due = std::max(wanted_, scale_.down(seen_));
    if (due >= armed_) return instant_never;
    armed_ = due;
    return scale_.instant(due);
  }

  /// The wake-up that was asked for has come. If there is more to look at, that is due now: so an absence before it is
  /// seen, too. REQUIRES: `gap` was asked about it; if there is more, the caller sees to it.
  void woke(bool is_more) noexcept { armed_ = is_more ? scale_.down(seen_) : tick_never; }

  /// How late the wake-up that was asked for is, if that is a gap; else 0. Also for whoever comes before it does.
  [[nodiscard]] std::int64_t gap(Instant now) const noexcept {
    if (armed_ == tick_never) return 0;
    const std::int64_t late = now - scale_.instant(armed_);
    return late > gap_threshold_ ? late : 0;
  }

  /// True for the first who asks about the gap of that wake-up: it counts once.
  [[nodiscard]] bool is_new_gap() noexcept { return std::exchange(counted_, armed_) != armed_; }

 private:
  const TickScale scale_;
  const std::int64_t gap_threshold_;
  Instant seen_;               // the latest now
  Tick armed_ = tick_never;    // the wake-up asked for
  Tick wanted_ = tick_never;   // the wake-up needed; too early after an erasure
  Tick counted_ = tick_never;  // the wake-up whose gap was counted
};

}  // namespace heartbeat::detail
