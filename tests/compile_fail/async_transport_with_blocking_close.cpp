// SPDX-License-Identifier: BSL-1.0
// A close that blocks would hold up the timers, as a beat would.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion) {}
#ifdef HEARTBEAT_COMPILE_FAIL
  std::error_code close(int, const heartbeat::BeatContext&) { return {}; }
#else
  void async_close(int, const heartbeat::BeatContext&, heartbeat::CloseCompletion) {}
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: an asynchronous transport closes with async_close
