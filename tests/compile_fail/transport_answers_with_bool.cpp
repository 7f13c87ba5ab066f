// SPDX-License-Identifier: BSL-1.0
// What a blocking beat came to is a BeatResult.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
#ifdef HEARTBEAT_COMPILE_FAIL
  bool beat(int, const heartbeat::BeatContext&) { return true; }
#else
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) { return heartbeat::BeatResult::acknowledged(); }
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: that returns a BeatResult
