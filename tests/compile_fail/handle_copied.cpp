// SPDX-License-Identifier: BSL-1.0
// A heartbeat has one owner.
#include <utility>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server>;

Registry::Handle give(Registry::Handle& handle) {
#ifdef HEARTBEAT_COMPILE_FAIL
  return handle;  // error: deleted
#else
  return std::move(handle);
#endif
}
