// SPDX-License-Identifier: BSL-1.0
// A key that cannot be compared names no session.
#include <cstddef>
#include <functional>

#include <heartbeat/registry.hpp>

struct SessionName {
  int value;
#ifndef HEARTBEAT_COMPILE_FAIL
  friend bool operator==(const SessionName&, const SessionName&) = default;
#endif
};

template <>
struct std::hash<SessionName> {
  std::size_t operator()(const SessionName& name) const noexcept { return std::hash<int>{}(name.value); }
};

struct Server {
  heartbeat::BeatResult beat(const SessionName&, const heartbeat::BeatContext&) {
    return heartbeat::BeatResult::acknowledged();
  }
};

template class heartbeat::HeartbeatRegistry<SessionName, Server>;  // error: the key must be copyable, comparable with == and have an std::hash
