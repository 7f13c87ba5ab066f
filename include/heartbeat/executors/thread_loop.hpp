// SPDX-License-Identifier: BSL-1.0
// The loop of the engine's threads: leader and followers. One waiting thread, the leader, waits for the first armed
// timer; the others wait for works alone, so that a post or a due timer wakes one thread, and nothing armed wakes
// nobody. Read next: clock_waiter.hpp, how the leader waits; thread.hpp, which owns the threads.
#pragma once

#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/clock_waiter.hpp>
#include <heartbeat/executors/timer_queue.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat::detail {

/// Works and timers, and the loop of the threads that run them.
///
/// ```
///            +--- work or due timer ---> runs it ---+
///            |                                      |
///   look <---+--------------------------------------+
///    ^ ^     |
///    | |     +--- a timer is armed, no leader ---> leader: waits by the clock ---+
///    | |     |                                                                   |
///    | +-----------------------------------------------------------------------<-+
///    +--- woken ---- follower: waits for a wake <--- nothing, or somebody leads
/// ```
/// Whoever takes something out while timers are armed and nobody leads wakes a follower: it takes the next due timer,
/// or leads. So a leader that leaves to run something never leaves the timers alone while others sleep.
///
/// Stopped, and in a child of fork(), it drops what comes.
/// Threading: any thread. The clock is never read under the mutex.
template <class C>
class ThreadLoop {
 public:
  using time_point = typename C::time_point;

  explicit ThreadLoop(const C& clock) : clock_{clock}, waiter_{clock, mutex_} {}

  void post(Work& work) noexcept {
    if (origin_.is_here()) {
      const std::lock_guard lock{mutex_};
      if (!stopping_) {
        works_.push(work);
        wake_one();
        return;
      }
    }
    work.drop();
  }

  bool wake_by(Timer& timer, time_point at) noexcept {
    const auto due = static_cast<std::int64_t>(at.time_since_epoch().count());
    if (origin_.is_here()) {
      const std::lock_guard lock{mutex_};
      if (!stopping_) {
        const bool sooner = timers_.empty() || due < timers_.first_due();
        const bool was_idle = timers_.arm(timer, due);
        if (sooner) on_sooner(at);
        return was_idle;
      }
    }
    timer.drop();
    return true;
  }

  bool cancel(Timer& timer) noexcept {
    if (!origin_.is_here()) return false;
    const std::lock_guard lock{mutex_};
    return timers_.disarm(timer);
  }

  /// Runs works and timers until `stop`.
  void run_thread() noexcept {
    while (true) {
      const auto now = static_cast<std::int64_t>(clock_.now().time_since_epoch().count());
      std::unique_lock lock{mutex_};
      if (stopping_) return;
      Work* work = take(now);
      if (work == nullptr) {
        wait(lock);
        continue;
      }
      if (!timers_.empty() && !has_leader_ && followers_ > 0) wake_follower();
      lock.unlock();
      work->run();
    }
  }

  /// Has every thread return, and moves to `rest` what will not run.
  void stop(WorkQueue& rest) noexcept {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    works_.move_to(rest);
    while (!timers_.empty())
      rest.push(*timers_.take(0));
    if (is_leader_asleep_) waiter_.wake();
    wakes_ += std::exchange(followers_, 0);
    woken_.notify_all();
  }

 private:
  // Due timers first, because a late one is seen; but never two in a row while works wait.
  Work* take(std::int64_t now) noexcept {
    if (!took_timer_ || works_.empty()) {
      if (Timer* timer = timers_.pop_due(now)) {
        took_timer_ = true;
        return timer;
      }
    }
    took_timer_ = false;
    return works_.pop();
  }

  void wait(std::unique_lock<std::mutex>& lock) {
    if (!timers_.empty() && !has_leader_) {
      has_leader_ = is_leader_asleep_ = true;
      waiter_.wait(lock, first_due());
      has_leader_ = is_leader_asleep_ = false;
    } else {
      ++followers_;
      woken_.wait(lock, [this] { return wakes_ > 0; });
      --wakes_;
    }
  }

  // A work came.
  void wake_one() noexcept {
    if (followers_ > 0) {
      wake_follower();
    } else if (is_leader_asleep_) {
      is_leader_asleep_ = false;
      waiter_.wake();
    }
  }

  // The first timer is due sooner than before, or there was none before. A thread that is awake will see for itself.
  void on_sooner(time_point at) noexcept {
    if (is_leader_asleep_) {
      waiter_.sooner(at);
    } else if (!has_leader_ && followers_ > 0) {
      wake_follower();
    }
  }

  // Counted off at once, so that two wakes are never spent on one follower.
  void wake_follower() noexcept {
    --followers_;
    ++wakes_;
    woken_.notify_one();
  }

  [[nodiscard]] time_point first_due() const noexcept {
    return time_point{typename C::duration{static_cast<typename C::rep>(timers_.first_due())}};
  }

  const Origin origin_;
  const C clock_;
  std::mutex mutex_;  // guards what follows
  WorkQueue works_;
  TimerQueue timers_;
  std::condition_variable woken_;
  std::size_t followers_ = 0;      // that sleep, and have not been woken
  std::size_t wakes_ = 0;          // given, and not yet taken
  bool has_leader_ = false;        // somebody is in waiter_.wait
  bool is_leader_asleep_ = false;  // ... and has not been woken
  bool took_timer_ = false;        // the last thing taken
  bool stopping_ = false;
  typename WaiterFor<C>::type waiter_;  // last: a moving clock calls it until it is gone
};

}  // namespace heartbeat::detail
