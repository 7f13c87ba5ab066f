// SPDX-License-Identifier: BSL-1.0
// A close of another type than the library calls would never be called, and nobody would know.
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) { return heartbeat::BeatResult::acknowledged(); }
#ifdef HEARTBEAT_COMPILE_FAIL
  void close(int, const heartbeat::BeatContext&) {}
#else
  std::error_code close(int, const heartbeat::BeatContext&) { return {}; }
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: must return std::error_code
