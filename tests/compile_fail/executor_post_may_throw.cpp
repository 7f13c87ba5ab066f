// SPDX-License-Identifier: BSL-1.0
// Posting must not fail: a registered heartbeat must beat.
#include <cstddef>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

struct Executor {
#ifdef HEARTBEAT_COMPILE_FAIL
  void post(heartbeat::Work&) {}
#else
  void post(heartbeat::Work&) noexcept {}
#endif
  bool wake_by(heartbeat::Timer&, heartbeat::BootClock::time_point) noexcept { return true; }
  bool cancel(heartbeat::Timer&) noexcept { return false; }
};

template class heartbeat::HeartbeatRegistry<int, Server, heartbeat::BootClock, Executor>;  // error: executor.post(work)
