// SPDX-License-Identifier: BSL-1.0
// A channel that fits sessions of seconds: gRPC's own defaults let a server that is back wait for up to two minutes,
// and a dead connection for a quarter of an hour; and all channels of a process that are made alike share one
// connection, with all its pauses. Read next: typedb/channel.hpp and etcd/channel.hpp, which know how long is right.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

namespace heartbeat {

/// How a channel behaves while its server is away. Each is at least 20 ms and at most a day; beyond, it is taken as
/// these.
struct ChannelPace {
  /// The longest pause between two attempts to connect (gRPC pauses for 100 ms at least, and varies its pauses by a
  /// fifth), and how long an attempt may take.
  std::chrono::milliseconds reconnect;
  /// How long a connection on which calls wait is silent before it is pinged. Never without calls: servers end the
  /// connection of whom they take for a nuisance.
  std::chrono::milliseconds ping_after;
  /// How long the answer to a ping, or to anything else that was sent, is waited for before the connection counts as
  /// dead. A server that pauses answers late.
  std::chrono::milliseconds ping_timeout;
};

namespace detail {

[[nodiscard]] inline grpc::ChannelArguments arguments_of(const ChannelPace& pace) {
  const auto millis = [](std::chrono::milliseconds span) {
    return static_cast<int>(std::clamp<std::int64_t>(span.count(), 20, 86'400'000));
  };
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, std::min(millis(pace.reconnect), 100));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, millis(pace.reconnect));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, millis(pace.reconnect));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, millis(pace.ping_after));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, millis(pace.ping_timeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace detail

/// A channel of that pace, with a connection of its own. It does not connect before it is used.
///
/// Blocks: never. Allocates.
[[nodiscard]] inline std::shared_ptr<grpc::Channel> channel_to(
    const std::string& endpoint, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const ChannelPace& pace) {
  return grpc::CreateCustomChannel(endpoint, credentials, detail::arguments_of(pace));
}

}  // namespace heartbeat
