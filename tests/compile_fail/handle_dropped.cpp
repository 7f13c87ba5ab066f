// SPDX-License-Identifier: BSL-1.0
// A handle that nobody keeps stops its heartbeat before it beats once.
#include <utility>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server>;

void start(Registry& registry) {
#ifdef HEARTBEAT_COMPILE_FAIL
  registry.start(7);  // error: a handle that is dropped stops its heartbeat
#else
  registry.start(7).detach();
#endif
}
