// SPDX-License-Identifier: BSL-1.0
// How a thread waits until a clock shows a time. Each clock needs its own way: a condition variable that waits for a
// deadline of steady_clock sleeps through a suspend that BootClock counts, and knows nothing of a clock moved by hand.
// Read next: timerfd_waiter.hpp, the way of BootClock on Linux; thread.hpp, which waits.
#pragma once

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>

#if defined(__linux__)
#include <heartbeat/executors/timerfd_waiter.hpp>
#endif

namespace heartbeat {

/// A clock that tells when it was moved, such as a manual one.
///
/// | expression               | meaning                                                                              |
/// | ------------------------ | ------------------------------------------------------------------------------------ |
/// | `clock.subscribe(waker)` | an object; while it lives, `waker()` is called after each move, under no lock; when it
/// has died, it is not called and not running any more |
///
/// `waker` is an std::function<void()>. Why: to run threads on a simulated clock.
template <class C>
concept AnnouncingClock = Clock<C> && requires(C& clock, std::function<void()> waker) {
  { clock.subscribe(std::move(waker)) } -> std::move_constructible;
};

namespace detail {

// A waiter serves one waiting thread at a time; `mutex` is the one given to its constructor, and the caller's lock is
// on it. All have these members:
//   wait(lock, at)  unlocks; waits until the clock shows `at`, or for less long; locks again. The waiting thread's own.
//   wake()          makes the wait in progress return; under the lock.
//   sooner(at)      tells the wait in progress that its time has become `at`, which is sooner; under the lock.

/// For std::chrono::steady_clock: the condition variable's own clock.
class SteadyWaiter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  SteadyWaiter(const std::chrono::steady_clock&, std::mutex&) {}

  void wait(std::unique_lock<std::mutex>& lock, time_point at) {
    woken_ = false;
    changed_.wait_until(lock, at, [this] { return woken_; });
  }

  void wake() noexcept {
    woken_ = true;
    changed_.notify_one();
  }

  void sooner(time_point) noexcept { wake(); }

 private:
  std::condition_variable changed_;
  bool woken_ = false;  // guarded by the mutex
};

/// For a clock that can go on while condition variables stand still, where the system offers nothing better: looks at
/// the clock once a second, as long as something is armed.
template <class C>
class CappedWaiter {
 public:
  using time_point = typename C::time_point;
  static constexpr std::chrono::seconds cap{1};

  CappedWaiter(const C& clock, std::mutex&) : clock_{clock} {}

  void wait(std::unique_lock<std::mutex>& lock, time_point at) {
    woken_ = false;
    lock.unlock();
    const time_point now = clock_.now();
    lock.lock();
    if (now >= at) return;
    const auto span = at - now < cap ? std::chrono::ceil<std::chrono::nanoseconds>(at - now) : cap;
    changed_.wait_for(lock, span, [this] { return woken_; });
  }

  void wake() noexcept {
    woken_ = true;
    changed_.notify_one();
  }

  void sooner(time_point) noexcept { wake(); }

 private:
  C clock_;
  std::condition_variable changed_;
  bool woken_ = false;  // guarded by the mutex
};

/// For a clock that tells when it was moved: sleeps in between.
template <AnnouncingClock C>
class AnnouncedWaiter {
 public:
  using time_point = typename C::time_point;

  AnnouncedWaiter(const C& clock, std::mutex& mutex)
      : clock_{clock}, mutex_{mutex}, subscription_{clock_.subscribe([this] { on_move(); })} {}

  void wait(std::unique_lock<std::mutex>& lock, time_point at) {
    woken_ = false;
    // A move after this reading of the clock takes the mutex after us, and sets the flag while we wait or before.
    lock.unlock();
    const time_point now = clock_.now();
    lock.lock();
    if (now < at) changed_.wait(lock, [this] { return woken_; });
  }

  void wake() noexcept {
    woken_ = true;
    changed_.notify_one();
  }

  void sooner(time_point) noexcept { wake(); }

 private:
  void on_move() {
    const std::lock_guard lock{mutex_};
    wake();
  }

  C clock_;
  std::mutex& mutex_;
  std::condition_variable changed_;
  bool woken_ = false;                                                            // guarded by the mutex
  decltype(std::declval<C&>().subscribe(std::function<void()>{})) subscription_;  // last: it calls on_move
};

template <class C>
struct WaiterFor {
  static_assert(
      !std::same_as<C, C>,
      "BasicThreadExecutor cannot wait by this clock. Use heartbeat::BootClock or std::chrono::steady_clock, or "
      "give the clock a subscribe(waker) (see heartbeat::AnnouncingClock).");
};

template <>
struct WaiterFor<std::chrono::steady_clock> {
  using type = SteadyWaiter;
};

template <>
struct WaiterFor<BootClock> {
#if defined(__linux__)
  using type = TimerfdWaiter<BootClock>;
#else
  using type = CappedWaiter<BootClock>;
#endif
};

template <AnnouncingClock C>
struct WaiterFor<C> {
  using type = AnnouncedWaiter<C>;
};

}  // namespace detail

}  // namespace heartbeat
