// SPDX-License-Identifier: BSL-1.0
// The wall clock jumps whenever somebody sets it.
#include <chrono>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

#ifdef HEARTBEAT_COMPILE_FAIL
using Clock = std::chrono::system_clock;
#else
using Clock = std::chrono::steady_clock;
#endif

template class heartbeat::HeartbeatRegistry<int, Server, Clock>;  // error: the clock must be steady
