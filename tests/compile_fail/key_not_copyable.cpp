// SPDX-License-Identifier: BSL-1.0
// A key that cannot be copied cannot be given back.
#include <cstddef>
#include <functional>

#include <heartbeat/registry.hpp>

struct SessionName {
  explicit SessionName(int the_value) : value{the_value} {}
  SessionName(SessionName&&) = default;
#ifndef HEARTBEAT_COMPILE_FAIL
  SessionName(const SessionName&) = default;
#endif
  friend bool operator==(const SessionName&, const SessionName&) = default;
  int value;
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
