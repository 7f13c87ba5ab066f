// SPDX-License-Identifier: BSL-1.0
// A transport must send beats in one of three forms.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
#ifndef HEARTBEAT_COMPILE_FAIL
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) { return heartbeat::BeatResult::acknowledged(); }
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: the transport must have beat(key, context)
