// SPDX-License-Identifier: BSL-1.0
// Everything the engine locks or waits with, chosen in one place: the one header that names mutex, condition variable
// and waiting on an atomic; also the atomics that protocols without a lock are made of. The choice is a type, so that a
// program that tests the engine can have its threads take turns. Read next: shard.hpp, whose lock it is;
// tests/interleaving, which chooses otherwise.
//
// To choose otherwise, a program specialises ThreadingOf<void> before it includes any other header of the library:
//
//    namespace heartbeat::detail {
//    template <class> struct ThreadingOf;
//    template <> struct ThreadingOf<void> { using type = MyThreading; };
//    }
//
// All translation units of one program must choose the same, as for any other definition.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/detail/threads/thread_annotations.hpp>

namespace heartbeat::detail {

// Tells the processor that this thread spins.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/// std::mutex with clang's lock checks on it, and with a short spin before it sleeps.
///
/// A shard's is held for less than a microsecond, and falling asleep and being woken costs ten: two threads that start
/// and stop heartbeats of different keys get more done when the one that comes second waits awake.
class HEARTBEAT_CAPABILITY("mutex") SpinningMutex {
 public:
  void lock() HEARTBEAT_ACQUIRE() {
    for (int pauses = 1; pauses <= 64; pauses *= 2) {
      if (mutex_.try_lock()) return;
      for (int i = 0; i < pauses; ++i)
        spin_pause();
    }
    mutex_.lock();
  }
  void unlock() HEARTBEAT_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Wakes threads that wait for a condition, which they look at themselves.
class StandardBell {
 public:
  /// Makes a change that may fulfil a condition. Whoever waits goes on no earlier than this is over, and may destroy
  /// the bell then.
  template <class Change>
  void ring(Change change) {
    const std::lock_guard lock{mutex_};
    change();
    rung_.notify_all();
  }

  template <class Done>
  void wait(Done done) {
    std::unique_lock lock{mutex_};
    rung_.wait(lock, std::move(done));
  }

  /// False if the condition does not hold after `limit`.
  template <class Done>
  bool wait_for(std::chrono::nanoseconds limit, Done done) {
    std::unique_lock lock{mutex_};
    return rung_.wait_for(lock, limit, std::move(done));
  }

 private:
  std::mutex mutex_;  // guards nothing but the sleep
  std::condition_variable rung_;
};

/// The standard library's.
struct StandardThreading {
  using Mutex = SpinningMutex;
  using Bell = StandardBell;
  template <class Fn>
  using StopCallback = std::stop_callback<Fn>;  // its destructor waits for the callback
  template <class T>
  using Atomic = std::atomic<T>;  // whose order with other threads' steps no lock decides

  /// Sleeps while the value is `old`.
  template <class T>
  static void wait(const std::atomic<T>& value, T old) noexcept {
    value.wait(old, std::memory_order_acquire);
  }
  template <class T>
  static void notify_all(std::atomic<T>& value) noexcept {
    value.notify_all();
  }
};

template <class>
struct ThreadingOf {
  using type = StandardThreading;
};

using Threading = ThreadingOf<void>::type;
using Mutex = Threading::Mutex;
using Bell = Threading::Bell;
template <class T>
using Atomic = Threading::Atomic<T>;

/// Holds a mutex for a scope.
class HEARTBEAT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HEARTBEAT_ACQUIRE(mutex) : mutex_{mutex} { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() HEARTBEAT_RELEASE() { mutex_.unlock(); }

 private:
  Mutex& mutex_;
};

}  // namespace heartbeat::detail
