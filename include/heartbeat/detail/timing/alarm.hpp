// SPDX-License-Identifier: BSL-1.0
// The one wake-up of a shard: by when it is needed, whether the executor was asked for it already, and how late it
// came. A wake-up that comes much later than it was asked for means that the process was away (G18), and how much that
// is, each heartbeat has its own measure for; the distance between two wake-ups means nothing, since an idle shard asks
// for none (F21). Read next: timetable.hpp.
//
//    want    want, earlier     arm                  (wake-up)        woke
//    --+----------+-------------+----------------------+---------------+--> asked for nothing, until the next arm
//                               asked for the earliest  looks: how late
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// How late a wake-up is, and how late it was when somebody looked at it before. In nanoseconds.
struct Lateness {
  std::int64_t late = 0;
  std::int64_t before = 0;
};

/// Threading: none of its own; the caller holds the shard's lock.
/// Guarantees: the wake-up asked for only moves earlier, and the executor keeps the earliest, so two threads that arm
/// need not agree on an order.
class Alarm {
 public:
  Alarm(TickScale scale, Instant now) noexcept : scale_{scale}, seen_{now} {}

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
  /// seen, too. REQUIRES: `looks` was told of it; if there is more, the caller sees to it.
  void woke(bool is_more) noexcept { armed_ = is_more ? scale_.down(seen_) : tick_never; }

  /// Somebody looks at what is due: the wake-up itself, or a sweep that comes before it. How late the wake-up is that
  /// was asked for.
  [[nodiscard]] Lateness looks(Instant now) noexcept {
    if (armed_ == tick_never) return {};
    const std::int64_t late = std::max<std::int64_t>(0, now - scale_.instant(armed_));
    const std::int64_t before = std::exchange(looked_at_, armed_) == armed_ ? late_ : 0;
    late_ = std::max(late, before);
    return {.late = late_, .before = before};
  }

  /// True for the first who asks about the gap of that wake-up: it counts once.
  [[nodiscard]] bool is_new_gap() noexcept { return std::exchange(counted_, armed_) != armed_; }

 private:
  const TickScale scale_;
  Instant seen_;                 // the latest now
  Tick armed_ = tick_never;      // the wake-up asked for
  Tick wanted_ = tick_never;     // the wake-up needed; too early after an erasure
  Tick counted_ = tick_never;    // the wake-up whose gap was counted
  Tick looked_at_ = tick_never;  // the wake-up that somebody has looked at
  std::int64_t late_ = 0;        // how late that was then
};

}  // namespace heartbeat::detail
