// SPDX-License-Identifier: BSL-1.0
// Ctrl-C as a stop token. A thread of its own waits for the signals, so that what they set off may lock, allocate and
// print, which nothing in a signal handler may.
#pragma once

#include <csignal>
#include <initializer_list>
#include <pthread.h>
#include <stop_token>
#include <thread>

namespace typedb_sessions {

/// Turns the first SIGINT or SIGTERM into a stop request; a second one kills the program, as if nobody was listening.
///
/// REQUIRES: made before any other thread is, since threads inherit which signals they leave to this one.
class StopSignals {
 public:
  StopSignals() : before_{block()}, thread_{[this] { listen(); }} {}

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  ~StopSignals() {
    ::pthread_kill(thread_.native_handle(), wake_up);
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  static constexpr int wake_up = SIGUSR1;  // the destructor's own

  static sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : signals)
      ::sigaddset(&set, signal);
    return set;
  }

  static sigset_t block() {
    const sigset_t ours = set_of({SIGINT, SIGTERM, wake_up});
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &ours, &before);
    return before;
  }

  void listen() {
    const sigset_t ours = set_of({SIGINT, SIGTERM, wake_up});
    int signal = 0;
    ::sigwait(&ours, &signal);
    if (signal == wake_up) return;
    const sigset_t deadly = set_of({SIGINT, SIGTERM});
    ::pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
    stop_.request_stop();
    const sigset_t last = set_of({wake_up});
    ::sigwait(&last, &signal);
  }

  std::stop_source stop_;
  const sigset_t before_;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace typedb_sessions
