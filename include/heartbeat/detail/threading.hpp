// SPDX-License-Identifier: BSL-1.0
// The engine's mutex: std::mutex with clang's lock checks on it, and with a short spin before it sleeps. The one place
// that names it, so that it can be exchanged. Read next: shard.hpp, whose lock it is.
#pragma once

#include <mutex>

#include <heartbeat/detail/thread_annotations.hpp>

namespace heartbeat::detail {

// Tells the processor that this thread spins.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/// It is held for less than a microsecond, and falling asleep and being woken costs ten: two threads that start and
/// stop heartbeats of different keys get more done when the one that comes second waits awake.
class HEARTBEAT_CAPABILITY("mutex") Mutex {
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
