// SPDX-License-Identifier: BSL-1.0
// The engine's mutex: std::mutex with clang's lock checks on it. The one place that names it, so that it can be
// exchanged. Read next: shard.hpp, whose lock it is.
#pragma once

#include <mutex>

#include <heartbeat/detail/thread_annotations.hpp>

namespace heartbeat::detail {

class HEARTBEAT_CAPABILITY("mutex") Mutex {
 public:
  void lock() HEARTBEAT_ACQUIRE() { mutex_.lock(); }
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
