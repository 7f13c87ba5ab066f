// SPDX-License-Identifier: BSL-1.0
// Armed timers in the order in which they are due: a sorted list through the timers' own links, so that arming never
// allocates. A walk costs nothing here: an engine arms one timer per shard, not one per heartbeat. A building block for
// whoever writes an executor. Read next: thread.hpp, which waits for the first of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heartbeat/executor.hpp>

namespace heartbeat {

/// Timers, sorted by when they are due, in the clock's own unit; those due together in the order in which they were
/// armed.
///
/// Threading: none of its own. Allocates: never. Throws: never. Costs: in proportion to the number of armed timers.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  /// True if no timer is armed.
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  /// When the first is due. REQUIRES: not empty.
  [[nodiscard]] std::int64_t first_due() const noexcept { return first_->due; }

  /// How many of the first `limit` timers are due.
  [[nodiscard]] std::size_t count_due(std::int64_t now, std::size_t limit) const noexcept {
    std::size_t count = 0;
    for (const Timer* timer = first_; timer != nullptr && count < limit && timer->due <= now; timer = after(*timer)) {
      ++count;
    }
    return count;
  }

  /// Arms the timer for `due`; if it is armed already, the earlier time wins. True if it was idle.
  bool arm(Timer& timer, std::int64_t due) noexcept {
    const bool was_armed = is_armed(timer);
    if (was_armed && timer.due <= due) return false;
    if (was_armed) disarm(timer);
    timer.due = due;
    insert(timer);
    return !was_armed;
  }

  /// True if the timer was armed; it is idle now.
  bool disarm(Timer& timer) noexcept {
    if (!is_armed(timer)) return false;
    Timer* before = nullptr;
    for (Timer* other = first_; other != &timer; other = after(*other)) {
      before = other;
    }
    unlink(before, timer);
    return true;
  }

  /// Takes the first timer out, now idle, if it is due; null otherwise.
  Timer* pop_due(std::int64_t now) noexcept { return empty() || first_->due > now ? nullptr : take(0); }

  /// Takes the one out that has `index` earlier ones before it. REQUIRES: there are more than `index`.
  Timer* take(std::size_t index) noexcept {
    Timer* before = nullptr;
    Timer* taken = first_;
    for (; index > 0; --index) {
      before = taken;
      taken = after(*taken);
    }
    unlink(before, *taken);
    return taken;
  }

 private:
  static constexpr std::size_t armed = 0;

  static bool is_armed(const Timer& timer) noexcept { return timer.place != Timer::not_armed; }
  static Timer* after(const Timer& timer) noexcept { return static_cast<Timer*>(timer.next); }

  void insert(Timer& timer) noexcept {
    Timer* before = nullptr;
    Timer* next = first_;
    while (next != nullptr && next->due <= timer.due) {
      before = next;
      next = after(*next);
    }
    timer.next = next;
    timer.place = armed;
    if (before == nullptr) {
      first_ = &timer;
    } else {
      before->next = &timer;
    }
  }

  void unlink(Timer* before, Timer& timer) noexcept {
    if (before == nullptr) {
      first_ = after(timer);
    } else {
      before->next = timer.next;
    }
    timer.place = Timer::not_armed;
  }

  Timer* first_ = nullptr;
};

}  // namespace heartbeat
