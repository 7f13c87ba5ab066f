// SPDX-License-Identifier: BSL-1.0
// A batch is a span of requests.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
#ifdef HEARTBEAT_COMPILE_FAIL
  void async_beat_batch(std::span<const int>) {}
#else
  void async_beat_batch(std::span<heartbeat::BeatRequest<int>>) {}
#endif
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: async_beat_batch(requests)
