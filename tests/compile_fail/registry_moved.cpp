// SPDX-License-Identifier: BSL-1.0
// Handles, calls in flight and the executor's works refer to a registry: it stays where it is.
#include <utility>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server>;

Registry make() {
#ifdef HEARTBEAT_COMPILE_FAIL
  Registry registry{Server{}};
  return registry;  // error: deleted
#else
  return Registry{Server{}};
#endif
}
