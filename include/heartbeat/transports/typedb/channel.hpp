// SPDX-License-Identifier: BSL-1.0
// A channel that fits TypeDB's sessions: after an outage they are reopened when the server is back, and not when gRPC's
// pauses are over. Read next: ../grpc_channel.hpp, what is wrong with gRPC's own; session_manager.hpp, its user.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/duration.hpp>
#include <heartbeat/transports/grpc_channel.hpp>
#include <heartbeat/transports/typedb/session_options.hpp>

namespace heartbeat::typedb {

/// How such a channel behaves, for sessions of which the shortest has that idle timeout: it connects again at the
/// latest after about a thirtieth of it, at most a second; it pings a connection on which calls wait when it was silent
/// for a sixth of it, 1 to 10 s, and gives it up when nothing is answered for a third of it, at least a second: a
/// server that pauses is no dead connection.
[[nodiscard]] inline ChannelPace channel_pace(Duration shortest_idle_timeout = default_idle_timeout) {
  using std::chrono::milliseconds;
  const auto idle = std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds{shortest_idle_timeout});
  return {.reconnect = std::clamp(idle / 30, milliseconds{200}, milliseconds{1'000}),
          .ping_after = std::clamp(idle / 6, milliseconds{1'000}, milliseconds{10'000}),
          .ping_timeout = std::max(idle / 3, milliseconds{1'000})};
}

/// A channel to one server, `"localhost:1729"`, with a connection of its own. It does not connect before it is used.
///
/// Blocks: never. Allocates.
[[nodiscard]] inline std::shared_ptr<grpc::Channel> channel_to(
    const std::string& server,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials(),
    Duration shortest_idle_timeout = default_idle_timeout) {
  return heartbeat::channel_to(server, credentials, channel_pace(shortest_idle_timeout));
}

}  // namespace heartbeat::typedb
