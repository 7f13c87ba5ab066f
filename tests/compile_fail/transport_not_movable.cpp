// SPDX-License-Identifier: BSL-1.0
// A transport is moved into its registry.
#include <span>
#include <system_error>

#include <heartbeat/registry.hpp>

struct Server {
  Server() = default;
  Server(const Server&) = delete;
#ifndef HEARTBEAT_COMPILE_FAIL
  Server(Server&&) = default;
#endif
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion) {}
};

template class heartbeat::HeartbeatRegistry<int, Server>;  // error: the transport must be movable
