// SPDX-License-Identifier: BSL-1.0
// An executor must run timers.
#include <cstddef>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

struct Executor {
  void post(heartbeat::Work&) noexcept {}
#ifndef HEARTBEAT_COMPILE_FAIL
  bool wake_by(heartbeat::Timer&, heartbeat::BootClock::time_point) noexcept { return true; }
#endif
  bool cancel(heartbeat::Timer&) noexcept { return false; }
};

template class heartbeat::HeartbeatRegistry<int, Server, heartbeat::BootClock, Executor>;  // error: executor.wake_by(timer, at)
