// SPDX-License-Identifier: BSL-1.0
// Timers on the threads of an Asio executor: a sorted queue, and one wait of Asio's for the first of them. Nothing
// armed: no wait in flight, and the context may run out of work. Read next: asio_waiter.hpp, how the clocks are waited
// for; asio.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>

#include <heartbeat/detail/threads/origin.hpp>
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
///   idle --(a timer is armed)--> waiting --(due, sooner, cancelled)--> Asio runs the handler: it takes one that is due
///    ^                              ^                                     |
///    |                              +-------(timers are left)-------------+--> then runs the one that it took
///    +--------------------------------------(none is left)----------------+
/// ```
/// Where Asio finds no memory to wait, the handler is posted instead: it runs at once, and waits again.
///
/// The wait is in flight again before the timer runs, so that timers due together run on several threads.
///
/// Threading: any thread. Lives until its last handler is gone, run or not. A clock that tells when it was moved is
/// never read under the mutex, which its waker takes.
template <class Ex, class C>
class AsioTimers : public std::enable_shared_from_this<AsioTimers<Ex, C>> {
 public:
  using time_point = typename C::time_point;

  AsioTimers(const Ex& executor, const C& clock)
      : executor_{executor}, clock_{clock}, waiter_{executor, clock, mutex_} {}

  bool wake_by(Timer& timer, time_point at) noexcept {
    if (!origin_.is_here()) {
      timer.drop();
      return true;
    }
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
    if (!origin_.is_here()) return false;
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
    explicit Handler(std::shared_ptr<AsioTimers> the_timers) noexcept : timers{std::move(the_timers)} {}
    // Copied, never moved: where Asio finds no memory after it took the handler, it frees what it had through the one
    // that it took it from, which must still know its storage.
    Handler(const Handler&) = default;
    Handler& operator=(const Handler&) = delete;

    using allocator_type = AsioStorageAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{std::shared_ptr<AsioStorage>{timers, &timers->storage_}};
    }
    template <class Error>
    void operator()(const Error&) const noexcept {
      timers->on_waited();
    }
    void operator()() const noexcept { timers->on_waited(); }  // posted: the wait is tried again

    std::shared_ptr<AsioTimers> timers;
  };

  void on_waited() noexcept {
    if (!origin_.is_here()) return;  // a timer of the parent's has expired
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

  // Under the mutex. If Asio finds no memory to wait, the handler is posted, and tries again when it runs. If there is
  // none for that either, as can be for executors that hide their type, whoever arms a timer next tries again.
  void wait() noexcept {
    waiter_.set(time_point{typename C::duration{static_cast<typename C::rep>(timers_.first_due())}});
    if (is_waiting_) return;
    const Handler handler{this->shared_from_this()};
    is_waiting_ = is_under_way([&] { waiter_.async_wait(handler); }) ||
                  is_under_way([&] { boost::asio::post(executor_, handler); });
  }

  template <class Start>
  [[nodiscard]] static bool is_under_way(Start start) noexcept {
    try {
      start();
      return true;
    } catch (...) {
      return false;
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

  const Origin origin_;
  const Ex executor_;
  const C clock_;
  AsioStorage storage_;
  std::mutex mutex_;  // guards what follows
  TimerQueue timers_;
  bool is_waiting_ = false;                     // a handler is under way
  typename AsioWaiterFor<C, Ex>::type waiter_;  // last: a moving clock calls it until it is gone
};

}  // namespace heartbeat::detail
