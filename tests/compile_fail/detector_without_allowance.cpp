// SPDX-License-Identifier: BSL-1.0
// A detector says for how long a key may be silent.
#include <chrono>

#include <heartbeat/monitor.hpp>

using heartbeat::BootClock;
using heartbeat::ThreadExecutor;

struct Mine {
  struct State {};
  void arrived(State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept {}
#ifndef HEARTBEAT_COMPILE_FAIL
  std::chrono::nanoseconds allowance(const State&, std::chrono::nanoseconds ttl) const noexcept { return ttl; }
#endif
  double suspicion(const State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept { return 0; }
};

template class heartbeat::HeartbeatMonitor<int, BootClock, ThreadExecutor, Mine>;  // error: allowance(const State&
