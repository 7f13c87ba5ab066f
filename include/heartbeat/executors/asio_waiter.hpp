// SPDX-License-Identifier: BSL-1.0
// How an Asio executor waits until a clock shows a time; each clock needs its own way, as it does in clock_waiter.hpp.
// A wait may end early, for any reason: whoever waits looks at the clock. Read next: asio_timers.hpp, which waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <functional>
#include <mutex>
#include <utility>

#include <boost/asio/basic_waitable_timer.hpp>
#if defined(__linux__)
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#endif

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/executors/clock_waiter.hpp>

namespace heartbeat::detail {

// A waiter has one wait in flight at most. All have these members, all under the mutex given to the constructor:
//   set(at)              the time to wait for; a wait in flight ends at that time, or at once
//   async_wait(handler)  REQUIRES: a time was set. Throws: std::bad_alloc
//   cancel()             ends a wait in flight now; the context is not kept running for it
// A constructor is the first to use Asio's timers or descriptors on a context, and throws what they throw.

template <class Ex>
using AsioSteadyTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                          boost::asio::wait_traits<std::chrono::steady_clock>, Ex>;

/// For std::chrono::steady_clock: Asio's own timer.
template <class Ex>
class AsioSteadyWaiter {
 public:
  AsioSteadyWaiter(const Ex& executor, const std::chrono::steady_clock&, std::mutex&) : timer_{executor} {}

  void set(std::chrono::steady_clock::time_point at) { timer_.expires_at(at); }
  template <class Handler>
  void async_wait(Handler handler) {
    timer_.async_wait(std::move(handler));
  }
  void cancel() { timer_.cancel(); }

 private:
  AsioSteadyTimer<Ex> timer_;
};

/// For a clock that can go on while Asio's timers stand still, where the system offers nothing better: looks at the
/// clock once a second, as long as something is armed.
template <class C, class Ex>
class AsioCappedWaiter {
 public:
  static constexpr std::chrono::seconds cap{1};

  AsioCappedWaiter(const Ex& executor, const C& clock, std::mutex&) : clock_{clock}, timer_{executor} {}

  void set(typename C::time_point at) {
    const auto now = clock_.now();
    std::chrono::nanoseconds span{0};
    if (now < at) span = at - now < cap ? std::chrono::ceil<std::chrono::nanoseconds>(at - now) : cap;
    timer_.expires_after(span);
  }
  template <class Handler>
  void async_wait(Handler handler) {
    timer_.async_wait(std::move(handler));
  }
  void cancel() { timer_.cancel(); }

 private:
  const C clock_;
  AsioSteadyTimer<Ex> timer_;
};

/// For a clock that tells when it was moved: waits for ever, and a move ends the wait. A move between a reading of the
/// clock and the wait is not seen: who waits looks once more.
template <AnnouncingClock C, class Ex>
class AsioAnnouncedWaiter {
 public:
  AsioAnnouncedWaiter(const Ex& executor, const C& clock, std::mutex& mutex)
      : timer_{executor, std::chrono::steady_clock::time_point::max()},
        clock_{clock},
        subscription_{clock_.subscribe([this, &mutex] {
          const std::lock_guard lock{mutex};
          timer_.cancel();
        })} {}

  void set(typename C::time_point) {}
  template <class Handler>
  void async_wait(Handler handler) {
    timer_.async_wait(std::move(handler));
  }
  void cancel() { timer_.cancel(); }

 private:
  AsioSteadyTimer<Ex> timer_;
  C clock_;
  decltype(std::declval<C&>().subscribe(std::function<void()>{})) subscription_;  // last: it uses the timer
};

#if defined(__linux__)
/// For BootClock: a timerfd, which fires on time after a suspend too, as a descriptor of Asio's.
template <class C, class Ex>
class AsioTimerfdWaiter {
 public:
  AsioTimerfdWaiter(const Ex& executor, const C&, std::mutex&) : descriptor_{executor, timer_.get()} {}
  AsioTimerfdWaiter(const AsioTimerfdWaiter&) = delete;
  AsioTimerfdWaiter& operator=(const AsioTimerfdWaiter&) = delete;
  ~AsioTimerfdWaiter() { descriptor_.release(); }  // the timer closes it

  void set(typename C::time_point at) { timer_.arm(at); }
  template <class Handler>
  void async_wait(Handler handler) {
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read, std::move(handler));
  }
  void cancel() {
    timer_.disarm();
    descriptor_.cancel();
  }

 private:
  Timerfd<C> timer_;
  boost::asio::posix::basic_stream_descriptor<Ex> descriptor_;
};
#endif

template <class C, class Ex>
struct AsioWaiterFor {
  static_assert(!std::same_as<C, C>,
                "BasicAsioExecutor cannot wait by this clock. Use heartbeat::BootClock or std::chrono::steady_clock, "
                "or give the clock a subscribe(waker) (see heartbeat::AnnouncingClock).");
};

template <class Ex>
struct AsioWaiterFor<std::chrono::steady_clock, Ex> {
  using type = AsioSteadyWaiter<Ex>;
};

template <class Ex>
struct AsioWaiterFor<BootClock, Ex> {
#if defined(__linux__)
  using type = AsioTimerfdWaiter<BootClock, Ex>;
#else
  using type = AsioCappedWaiter<BootClock, Ex>;
#endif
};

template <AnnouncingClock C, class Ex>
struct AsioWaiterFor<C, Ex> {
  using type = AsioAnnouncedWaiter<C, Ex>;
};

}  // namespace heartbeat::detail
