// SPDX-License-Identifier: BSL-1.0
// An asynchronous beat answers through its completion.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
#ifdef HEARTBEAT_COMPILE_FAIL
  void async_beat(int, const heartbeat::BeatContext&) {}
#else
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion) {}
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: async_beat(key, context, completion)
