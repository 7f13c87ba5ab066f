// SPDX-License-Identifier: BSL-1.0
// The timers of one shard: filing, taking out and expiring are O(1), and no call touches more hooks than its caller
// allows, however many are due and however far time has jumped. Hierarchical, with slots that are arrays of pointers
// (wheel_chunks.hpp says why, wheel_level.hpp how), and with levels that are moved down ahead of need:
//
//   level   slots   one slot           one turn below        filed here while (c = current tick)
//     0      2048   2^0  ticks, 1 ms     -                    due>>10 <= (c>>10) + 1   within 1 to 2 s
//     1      2048   2^10 ticks, 1.02 s   1024 slots           due>>20 <= (c>>20) + 1   within 17 to 35 min
//     2       512   2^20 ticks, 17 min   1024 slots           due>>28 <= (c>>28) + 1   within 3 to 6 days
//     3       512   2^28 ticks, 3.1 d     256 slots           anything; beyond 511 slots (4.3 years) in the farthest
//   (times are for ticks of 1 ms)
//
// A ring holds two turns of the next level's slot, so that the upper slot S + 1 can be moved down, a slice at a time,
// during the whole of S: when the time of S + 1 comes, its hooks are where they can be found one tick at a time. Hence
// two invariants, at every return: (1) no hook is filed in a slot that lies before current_, and (2) a hook of an
// upper level lies at least one slot of that level after current_. current_ leaves a slot of a level only when the
// slot after it has been moved down, so no hook can be overtaken; it moves from one occupied place to the next, so an
// empty stretch of years costs nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <heartbeat/detail/timing/tick.hpp>
#include <heartbeat/detail/timing/wheel_chunks.hpp>
#include <heartbeat/detail/timing/wheel_level.hpp>

namespace heartbeat::detail {

/// Threading: none of its own; the caller holds the shard's lock.
/// Hooks that are still linked when the wheel dies are left as they are; their chunks belong to the pool.
class TimingWheel {
 public:
  /// What one `expire()` did: `count` hooks were taken out; `more` if work is left for the same now.
  struct Expired {
    std::size_t count;
    bool more;
  };

  /// An empty wheel that stands at `now`, and takes its memory from `pool`, which outlives it.
  /// REQUIRES: 0 <= now.
  /// Allocates: 8 bytes a slot (40 KiB), and chunks if the pool has hooks reserved. Throws: std::bad_alloc.
  TimingWheel(WheelChunkPool& pool, Tick now);
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  /// Files `hook` to be taken out when `due` is reached, at once if that is past, and sets `hook.due`. Gives the tick
  /// by which `expire()` must be called on its account: `due`, or sooner to move it down a level. REQUIRES: `hook` is
  /// linked nowhere, room for it is reserved in the pool, and `due != tick_never`.
  Tick insert(WheelHook& hook, Tick due) noexcept;

  /// Takes `hook` out before its time, also while its slot is being moved down. REQUIRES: it is linked in this wheel.
  void erase(WheelHook& hook) noexcept;

  /// Takes out into `out` the hooks whose due <= now, in order of ticks, and moves on to `now`. Touches at most
  /// `out.size()` hooks, those that it only moves down a level counted too. A `now` before the last one is the last
  /// one. Guarantees: no hook is given out before its due; when `more` is false, none with due <= now is left.
  [[nodiscard]] Expired expire(Tick now, std::span<WheelHook*> out) noexcept;

  /// A tick not after the first at which `expire()` has something to do, be it to move a slot down; `tick_never` if the
  /// wheel is empty. Later than now after an `expire(now)` that left nothing.
  [[nodiscard]] Tick next() const noexcept;

  /// Takes out one hook of the nearest occupied slot, or gives null if there is none. The order is by due, exact up to
  /// the width of the slots: to the tick within the next second, to about a second within the next quarter of an hour;
  /// what was filed beyond the last level's range counts as due at its end.
  [[nodiscard]] WheelHook* pop_first() noexcept;

  /// The begin of the slot from which `pop_first()` takes; `tick_never` if the wheel is empty.
  [[nodiscard]] Tick first() const noexcept { return nearest().begin; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr std::size_t level_count = 4;
  static constexpr std::array<int, level_count> shift{0, 10, 20, 28};  // a slot of level n is 2^shift[n] ticks wide
  struct Nearest {
    std::size_t level;
    Tick begin;
  };
  [[nodiscard]] Nearest nearest() const noexcept;
  /// The number, counted on past the ring's end, of a level's first occupied slot; `tick_never` if it is empty.
  [[nodiscard]] Tick first_slot(std::size_t level) const noexcept;
  /// When something is to be done about a slot. One slot ahead of need: it is moved down as soon as current_ reaches
  /// the slot before it.
  [[nodiscard]] static constexpr Tick begin_of_work(std::size_t level, Tick slot) noexcept {
    return level == 0 ? slot : (slot - 1) << shift[level];
  }
  /// The slot after the current one: what is moved down while current_ stands in the current one.
  [[nodiscard]] std::size_t slot_ahead(std::size_t level) const noexcept;
  Tick file(WheelHook& hook) noexcept;  // gives the tick at which the hook's slot must be looked at
  /// `expire()` without unlinking what it gives out.
  [[nodiscard]] Expired collect(Tick now, std::span<WheelHook*> out) noexcept;
  /// Its two halves: each gives false when it had to stop because all of `out` was used up.
  [[nodiscard]] bool take_due(std::span<WheelHook*> out, std::size_t& count) noexcept;
  [[nodiscard]] bool move_down(std::size_t level, std::size_t& touches_left) noexcept;

  // All of it under the shard's lock.
  WheelChunkPool& pool_;
  std::array<WheelLevel, level_count> levels_{WheelLevel{0, 2048}, WheelLevel{1, 2048}, WheelLevel{2, 512},
                                              WheelLevel{3, 512}};
  std::size_t size_ = 0;
  Tick current_;  // no hook is filed before it; catches up with now_ as expire() gets through
  Tick now_;      // the latest now that expire() was told
};

inline TimingWheel::TimingWheel(WheelChunkPool& pool, Tick now)
    : pool_(pool), current_(std::clamp<Tick>(now, 0, tick_never - 1)), now_(current_) {
  std::size_t slots = 0;
  for (const WheelLevel& level : levels_)
    slots += level.slots();
  pool_.add_slots(slots);
}

inline Tick TimingWheel::insert(WheelHook& hook, Tick due) noexcept {
  assert(!hook.is_linked());
  assert(due != tick_never);
  hook.due = due;
  ++size_;
  return file(hook);
}

inline void TimingWheel::erase(WheelHook& hook) noexcept {
  assert(hook.is_linked());
  levels_[hook.chunk->level].remove(hook, pool_);
  --size_;
}

inline TimingWheel::Expired TimingWheel::expire(Tick now, std::span<WheelHook*> out) noexcept {
  const Expired expired = collect(now, out);
  for (WheelHook* hook : out.first(expired.count))
    hook->chunk = nullptr;  // only now, when all of them have been asked for
  return expired;
}

inline TimingWheel::Expired TimingWheel::collect(Tick now, std::span<WheelHook*> out) noexcept {
  now_ = std::max(now_, std::min(now, tick_never - 1));
  std::size_t count = 0;
  std::size_t moved = 0;
  for (;;) {
    // What is due goes first: a big slot on its way down must not delay the beats of this second.
    if (!take_due(out.first(out.size() - moved), count)) return {count, true};
    std::size_t touches_left = out.size() - moved - count;
    const std::size_t touches_before = touches_left;
    const bool all_moved = move_down(1, touches_left) && move_down(2, touches_left) && move_down(3, touches_left);
    moved += touches_before - touches_left;
    if (!all_moved) return {count, true};

    const Tick next_work = next();
    if (next_work > now_) {
      current_ = now_;
      return {count, false};
    }
    current_ = next_work;
  }
}

inline Tick TimingWheel::next() const noexcept {
  if (empty()) return tick_never;
  Tick earliest = first_slot(0);
  for (std::size_t level = 1; level < level_count; ++level) {
    if (const Tick slot = first_slot(level); slot != tick_never)
      earliest = std::min(earliest, begin_of_work(level, slot));
  }
  return earliest;
}

inline TimingWheel::Nearest TimingWheel::nearest() const noexcept {
  Nearest found{level_count, tick_never};
  for (std::size_t level = 0; level < level_count; ++level) {
    const Tick slot = first_slot(level);
    if (slot != tick_never && slot << shift[level] < found.begin) found = {level, slot << shift[level]};
  }
  return found;
}

inline WheelHook* TimingWheel::pop_first() noexcept {
  const Nearest found = nearest();
  if (found.level == level_count) return nullptr;
  WheelLevel& level = levels_[found.level];
  --size_;
  return &level.pop(level.wrap(static_cast<std::uint64_t>(found.begin >> shift[found.level])), pool_);
}

inline Tick TimingWheel::first_slot(std::size_t level) const noexcept {
  const Tick here = current_ >> shift[level];
  const std::size_t distance = levels_[level].distance_from(levels_[level].wrap(static_cast<std::uint64_t>(here)));
  return distance == WheelLevel::no_slot ? tick_never : here + static_cast<Tick>(distance);
}

inline std::size_t TimingWheel::slot_ahead(std::size_t level) const noexcept {
  return levels_[level].wrap(static_cast<std::uint64_t>((current_ >> shift[level]) + 1));
}

inline Tick TimingWheel::file(WheelHook& hook) noexcept {
  const Tick due = std::max(hook.due, current_);
  std::size_t level = 0;
  while (level + 1 < level_count && (due >> shift[level + 1]) > (current_ >> shift[level + 1]) + 1)
    ++level;

  Tick slot = due >> shift[level];
  // Only the top level's ring can be too short. A hook that is due beyond it waits in the farthest slot, and is filed
  // anew when that slot is moved down.
  if (level == level_count - 1) {
    slot = std::min(slot, (current_ >> shift[level]) + static_cast<Tick>(levels_[level].slots()) - 1);
  }
  levels_[level].push(levels_[level].wrap(static_cast<std::uint64_t>(slot)), hook, pool_);
  return begin_of_work(level, slot);
}

inline bool TimingWheel::take_due(std::span<WheelHook*> out, std::size_t& count) noexcept {
  // Not past the end of the current slot of level 1: the slot after it may not be moved down yet.
  const Tick last = std::min(now_, current_ | ((Tick{1} << shift[1]) - 1));
  for (Tick tick = first_slot(0); tick <= last; tick = first_slot(0)) {
    current_ = tick;
    const std::size_t slot = levels_[0].wrap(static_cast<std::uint64_t>(tick));
    while (levels_[0].is_occupied(slot)) {
      if (count == out.size()) return false;
      const std::size_t taken = levels_[0].take(slot, out.subspan(count), pool_);
      count += taken;
      size_ -= taken;
    }
  }
  return true;
}

inline bool TimingWheel::move_down(std::size_t level, std::size_t& touches_left) noexcept {
  const std::size_t slot = slot_ahead(level);
  std::array<WheelHook*, 64> taken;
  while (levels_[level].is_occupied(slot)) {
    if (touches_left == 0) return false;
    const std::span<WheelHook*> room = std::span{taken}.first(std::min(taken.size(), touches_left));
    std::size_t count = 0;
    while (count < room.size() && levels_[level].is_occupied(slot))
      count += levels_[level].take(slot, room.subspan(count), pool_);
    touches_left -= count;
    for (WheelHook* hook : room.first(count)) {
      hook->chunk = nullptr;
      file(*hook);
    }
  }
  return true;
}

}  // namespace heartbeat::detail
