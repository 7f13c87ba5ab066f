// SPDX-License-Identifier: BSL-1.0
// Timers on the threads of an Asio executor: a sorted queue, and one wait of Asio's for the first of them. Nothing
// armed: no wait in flight, nobody is woken, and the context may run out of work. Read next: asio_waiter.hpp, how the
// clocks are waited for; asio.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <heartbeat/executor.hpp>
#include <heartbeat/executors/asio_storage.hpp>
#include <heartbeat/executors/asio_waiter.hpp>
#include <heartbeat/executors/clock_waiter.hpp>
#include <heartbeat/executors/timer_queue.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat::detail {

/// Timers that handlers on `Ex` run, by the clock `C`.
///
/// ```
///   idle --(a timer is armed)--> waiting --(due, sooner, cancelled)--> Asio runs the handler, which takes one due
///   timer
///    ^                              ^                                     |
///    |                              +-------(timers are left)-------------+--> then runs the one that it took
///    +--------------------------------------(none is left)----------------+
/// ```
/// The wait is in flight again before the timer runs, so that timers due together run on several threads.
///
/// Threading: any thread. Lives until its last handler is gone, run or not. The clock is never read under the mutex.
template <class Ex, class C>
class AsioTimers : public std::enable_shared_from_this<AsioTimers<Ex, C>> {
 public:
  using time_point = typename C::time_point;

  AsioTimers(const Ex& executor, const C& clock) : clock_{clock}, waiter_{executor, clock, mutex_} {}

  bool wake_by(Timer& timer, time_point at) noexcept {
    const auto due = static_cast<std::int64_t>(at.time_since_epoch().count());
    bool was_idle = false;
    {
      const std::lock_guard lock{mutex_};
      const bool sooner = timers_.empty() || due < timers_.first_due();
      was_idle = timers_.arm(timer, due);
      if (sooner || !is_waiting_) wait();
    }
    look_again();
    return was_idle;
  }

  bool cancel(Timer& timer) noexcept {
    const std::lock_guard lock{mutex_};
    const bool was_armed = timers_.disarm(timer);
    if (was_armed && timers_.empty()) stop_waiting();
    return was_armed;
  }

  /// Moves to `rest` what will not run. REQUIRES: nothing is armed any more.
  void stop(WorkQueue& rest) noexcept {
    const std::lock_guard lock{mutex_};
    while (!timers_.empty())
      rest.push(*timers_.take(0));
    stop_waiting();
  }

 private:
  struct Handler {
    using allocator_type = AsioStorageAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{std::shared_ptr<AsioStorage>{timers, &timers->storage_}};
    }
    template <class Error>
    void operator()(const Error&) const noexcept {
      timers->on_waited();
    }

    std::shared_ptr<AsioTimers> timers;
  };

  void on_waited() noexcept {
    const auto now = static_cast<std::int64_t>(clock_.now().time_since_epoch().count());
    Timer* due = nullptr;
    {
      const std::lock_guard lock{mutex_};
      is_waiting_ = false;
      due = timers_.pop_due(now);
      if (!timers_.empty()) wait();
    }
    look_again();
    if (due != nullptr) due->run();
  }

  // Under the mutex. If Asio finds no memory, the next one that is armed tries again.
  void wait() noexcept {
    try {
      waiter_.set(time_point{typename C::duration{static_cast<typename C::rep>(timers_.first_due())}});
      if (is_waiting_) return;
      waiter_.async_wait(Handler{this->shared_from_this()});
      is_waiting_ = true;
    } catch (...) {
    }
  }

  // Under the mutex. The handler is still to come: it runs as aborted, and finds nothing.
  void stop_waiting() noexcept {
    if (is_waiting_) waiter_.cancel();
  }

  // A clock moved by hand may have been moved between its reading and the wait.
  void look_again() noexcept {
    if constexpr (AnnouncingClock<C>) {
      const auto now = static_cast<std::int64_t>(clock_.now().time_since_epoch().count());
      const std::lock_guard lock{mutex_};
      if (!timers_.empty() && timers_.first_due() <= now) waiter_.cancel();
    }
  }

  const C clock_;
  AsioStorage storage_;
  std::mutex mutex_;  // guards what follows
  TimerQueue timers_;
  bool is_waiting_ = false;                     // a handler is under way
  typename AsioWaiterFor<C, Ex>::type waiter_;  // last: a moving clock calls it until it is gone
};

}  // namespace heartbeat::detail
