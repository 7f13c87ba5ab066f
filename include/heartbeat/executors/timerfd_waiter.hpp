// SPDX-License-Identifier: BSL-1.0
// Waiting by a clock of the Linux kernel that has an id, such as CLOCK_BOOTTIME: a timerfd, which fires on time after a
// suspend too, and an eventfd to wake the waiting thread sooner. Read next: clock_waiter.hpp, what a waiter is.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <system_error>
#include <unistd.h>

namespace heartbeat::detail {

/// Owns a file descriptor.
class Descriptor {
 public:
  /// Throws: std::system_error with `errno` if the descriptor is negative.
  Descriptor(int descriptor, const char* made_by) : descriptor_{descriptor} {
    if (descriptor < 0) throw std::system_error{errno, std::generic_category(), made_by};
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(descriptor_); }

  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// A timer of the kernel on the clock with `C::id`: its descriptor is readable from the time it is armed for.
///
/// Throws: std::system_error in its constructor alone, when the process has no descriptor left.
template <class C>
class Timerfd {
 public:
  using time_point = typename C::time_point;

  [[nodiscard]] int get() const noexcept { return timer_.get(); }

  void arm(time_point at) noexcept {
    // A timer that has fired stays readable until it is set again: a time that stands needs no call.
    if (at == armed_) return;
    armed_ = at;
    const auto since_epoch = std::chrono::ceil<std::chrono::nanoseconds>(at.time_since_epoch());
    set(std::max<std::int64_t>(since_epoch.count(), 1));  // zero would disarm
  }

  void disarm() noexcept {
    armed_ = time_point::max();
    set(0);
  }

 private:
  void set(std::int64_t due) noexcept {
    itimerspec setting{};
    setting.it_value.tv_sec = static_cast<decltype(setting.it_value.tv_sec)>(due / 1'000'000'000);
    setting.it_value.tv_nsec = static_cast<decltype(setting.it_value.tv_nsec)>(due % 1'000'000'000);
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
  }

  Descriptor timer_{::timerfd_create(C::id, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"};
  time_point armed_ = time_point::max();  // what the timer is set to
};

/// Waits by the clock with `C::id`.
///
/// Throws: std::system_error in its constructor alone, when the process has no descriptor left.
template <class C>
class TimerfdWaiter {
 public:
  using time_point = typename C::time_point;

  TimerfdWaiter(const C&, std::mutex&) {}

  void wait(std::unique_lock<std::mutex>& lock, time_point at) noexcept {
    timer_.arm(at);
    lock.unlock();
    pollfd watched[] = {{timer_.get(), POLLIN, 0}, {waker_.get(), POLLIN, 0}};
    ::poll(watched, 2, -1);
    lock.lock();
    // Under the lock, so that a wake for this wait is not left over for the next one.
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(waker_.get(), &count, sizeof count);
  }

  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(waker_.get(), &one, sizeof one);
  }

  /// Moves the timer under the waiting thread, which sleeps on.
  void sooner(time_point at) noexcept { timer_.arm(at); }

 private:
  Timerfd<C> timer_;  // guarded by the mutex
  Descriptor waker_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"};
};

}  // namespace heartbeat::detail
