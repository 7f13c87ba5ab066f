// SPDX-License-Identifier: BSL-1.0
// An executor must forget a timer when asked to.
#include <cstddef>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

struct Executor {
  void post(heartbeat::Work&) noexcept {}
  bool wake_by(heartbeat::Timer&, heartbeat::BootClock::time_point) noexcept { return true; }
#ifndef HEARTBEAT_COMPILE_FAIL
  bool cancel(heartbeat::Timer&) noexcept { return false; }
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server, heartbeat::BootClock, Executor>;  // error: executor.cancel(timer)
