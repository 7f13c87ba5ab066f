// SPDX-License-Identifier: BSL-1.0
// How a thread of the library is made: with a name of its own, and with all signals blocked but those that a thread
// must take itself. A signal sent to the process goes to any thread that does not block it; the program that waits for
// it, or has a handler, means its own threads. Read next: blocking_pool.hpp, thread.hpp, who make some.
#pragma once

#include <cstddef>
#include <thread>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace heartbeat::detail {

#if defined(__unix__) || defined(__APPLE__)

/// What a thread of the library blocks, besides what its creator does:
///
/// | signals | blocked | why |
/// | --- | --- | --- |
/// | TERM, INT, HUP, QUIT, USR1, USR2, ALRM, CHLD, … | yes | sent to the process: the program waits or has a handler |
/// | PIPE, XFSZ | yes | a callback's write fails, with EPIPE or EFBIG, instead of ending the program |
/// | TSTP, TTIN, TTOU | yes | they stop the process as a whole, on whichever thread of the program's takes them |
/// | real-time ones | yes | timers and asynchronous I/O of the program's; those the C library keeps are left out by it |
/// | SEGV, BUS, FPE, ILL, TRAP, SYS, EMT | no | this thread did it: blocked, they end the program past its handler |
/// | ABRT | no | abort() on this thread, or a watchdog that wants a core: all threads are as good |
/// | PROF | no | a profiler aims it at the thread that computes: blocked, our share would be missing |
///
/// KILL, STOP and the effect of CONT cannot be blocked.
[[nodiscard]] inline sigset_t signals_of_the_program() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
    sigdelset(&signals, own);
#if defined(SIGEMT)
  sigdelset(&signals, SIGEMT);
#endif
  return signals;
}

/// Blocks them on this thread while it lives. A thread that is made meanwhile inherits that, so that there is no moment
/// at which it could take one.
class ProgramSignalsBlocked {
 public:
  ProgramSignalsBlocked() noexcept {
    const sigset_t signals = signals_of_the_program();
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ProgramSignalsBlocked(const ProgramSignalsBlocked&) = delete;
  ProgramSignalsBlocked& operator=(const ProgramSignalsBlocked&) = delete;
  ~ProgramSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

#else

/// Nothing: there are no such signals.
struct ProgramSignalsBlocked {
  ProgramSignalsBlocked() noexcept {}
};

#endif

/// The calling thread's name, for debuggers and `top -H`. Where it cannot be set, it has none.
inline void name_this_thread([[maybe_unused]] const char* name) noexcept {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#endif
}

/// A thread of that name that runs `body()`, and blocks the signals above.
///
/// REQUIRES: `name` is a literal: the thread reads it later.
/// Throws: std::system_error, if it cannot be made; the caller's signals are then as they were.
template <std::size_t size, class Body>
[[nodiscard]] std::thread library_thread(const char (&name)[size], Body body) {
  static_assert(size <= 16, "Linux keeps 15 characters, and refuses longer names");
  const ProgramSignalsBlocked meanwhile;
  return std::thread{[&name, body = std::move(body)]() mutable {
    name_this_thread(name);
    body();
  }};
}

}  // namespace heartbeat::detail
