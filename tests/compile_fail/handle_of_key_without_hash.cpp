// SPDX-License-Identifier: BSL-1.0
// A handle may be named for any key, and be one only for a key that a registry takes.
#include <functional>

#include <heartbeat/handle.hpp>

struct Session {
  int id = 0;
  friend bool operator==(const Session&, const Session&) = default;
};

#ifndef HEARTBEAT_COMPILE_FAIL
template <>
struct std::hash<Session> {
  std::size_t operator()(const Session& session) const noexcept { return static_cast<std::size_t>(session.id); }
};
#endif

template class heartbeat::HeartbeatHandle<Session>;  // error: have an std::hash
