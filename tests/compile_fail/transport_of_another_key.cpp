// SPDX-License-Identifier: BSL-1.0
// A transport must take the registry's keys.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
#ifdef HEARTBEAT_COMPILE_FAIL
  heartbeat::BeatResult beat(const char*, const heartbeat::BeatContext&) {
#else
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) {
#endif
    return heartbeat::BeatResult::acknowledged();
  }
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: the transport must have beat(key, context)
