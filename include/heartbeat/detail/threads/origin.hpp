// SPDX-License-Identifier: BSL-1.0
// Which process an object was made in. fork() copies a registry whole, but of all threads only the one that called it:
// the child has mutexes that nobody will unlock, threads that nobody can join, and descriptors that are the parent's as
// well. So what was made in the parent does nothing in the child: every call looks here before it takes a lock, and
// what it would have to destroy is left alone (F53). Read next: callback_gate.hpp, which lets nobody in there.
#pragma once

#include <atomic>
#include <memory>
#include <pthread.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace heartbeat::detail {

/// The calling process; 0 before anything was made. It is kept here since the kernel is asked each time otherwise.
/// Default visibility: plugins share it. Relaxed: written before there is a second thread that could read it, in a
/// child; and before the first object is made.
__attribute__((visibility("default"))) inline std::atomic<::pid_t> this_process{0};

// An id rather than a count of forks: a plugin that is loaded later, or shares no symbols, comes to the same.
inline void note_this_process() noexcept {
  this_process.store(::getpid(), std::memory_order_relaxed);
}

/// The calling process, which is noted anew in every child from now on.
///
/// Throws: std::system_error where there is no memory for that.
[[nodiscard]] inline ::pid_t watched_process() {
  static const bool is_watched = [] {
    note_this_process();
    if (const int error = ::pthread_atfork(nullptr, nullptr, note_this_process); error != 0) {
      throw std::system_error{error, std::generic_category(), "pthread_atfork"};
    }
    return true;
  }();
  static_cast<void>(is_watched);
  return this_process.load(std::memory_order_relaxed);
}

/// The process that an object was made in. Children are told apart that fork() has made, and what is built on it; not
/// those of a bare clone(), nor one that has its parent's id in a namespace of its own.
///
/// Threading: any. Blocks, allocates: never.
class Origin {
 public:
  /// The calling process. Throws: std::system_error where there is no memory to watch for forks.
  Origin() = default;

  /// False in a child of the process that it was made in.
  [[nodiscard]] bool is_here() const noexcept { return process_ == this_process.load(std::memory_order_relaxed); }

 private:
  ::pid_t process_ = watched_process();
};

/// Deletes an object in the process that it was made in; elsewhere the copy is left alone.
struct DeleteAtOrigin {
  template <class T>
  void operator()(T* object) const noexcept {
    if (origin.is_here()) delete object;
  }

  Origin origin;
};

/// An object with owners that are never its end in a child. Throws: std::bad_alloc, and what its constructor throws.
template <class T, class... Args>
[[nodiscard]] std::shared_ptr<T> make_shared_at_origin(Args&&... args) {
  return std::shared_ptr<T>{new T(std::forward<Args>(args)...), DeleteAtOrigin{}};
}

}  // namespace heartbeat::detail
