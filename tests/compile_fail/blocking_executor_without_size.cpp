// SPDX-License-Identifier: BSL-1.0
// A pool for blocking work must say how many may block at once.
#include <cstddef>

#include <heartbeat/registry.hpp>

struct Server {
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) { return heartbeat::BeatResult::acknowledged(); }
};

struct Executor {
  void post(heartbeat::Work&) noexcept {}
  bool wake_by(heartbeat::Timer&, heartbeat::BootClock::time_point) noexcept { return true; }
  bool cancel(heartbeat::Timer&) noexcept { return false; }
  void post_blocking(heartbeat::Work&) noexcept {}
#ifndef HEARTBEAT_COMPILE_FAIL
  std::size_t blocking_concurrency() const noexcept { return 1; }
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server, heartbeat::BootClock, Executor>;  // error: blocking_concurrency()
