// SPDX-License-Identifier: BSL-1.0
// A channel that fits leases of seconds: gRPC's own defaults let a server that is back wait for up to two minutes, and
// a dead connection for a quarter of an hour. Read next: transport.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

namespace heartbeat::etcd {

/// A channel to one endpoint, `"127.0.0.1:2379"`. It does not connect before it is used.
///
/// It connects again at the latest after about `patience` (gRPC pauses for 100 ms at least, and varies its pauses by a
/// fifth), gives a connection up that does not come about in that time, and one on which nothing sent is confirmed for
/// so long: choose a small part of the shortest ttl. The pings that find a dead connection without a lease's beats on
/// it are 10 s apart: etcd ends connections that ping each 5 s or faster.
///
/// `patience` is at least 20 ms and at most a day; beyond, it is taken as these. Blocks: never. Allocates.
[[nodiscard]] inline std::shared_ptr<grpc::Channel> channel_to(
    const std::string& endpoint,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials(),
    std::chrono::milliseconds patience = std::chrono::milliseconds{500}) {
  const auto longest = static_cast<int>(std::clamp<std::int64_t>(patience.count(), 20, 86'400'000));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, std::min(longest, 100));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, longest);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, longest);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, longest);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return grpc::CreateCustomChannel(endpoint, credentials, arguments);
}

/// The same to each endpoint of a cluster.
[[nodiscard]] inline std::vector<std::shared_ptr<grpc::ChannelInterface>> channels_to(
    const std::vector<std::string>& endpoints,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials(),
    std::chrono::milliseconds patience = std::chrono::milliseconds{500}) {
  std::vector<std::shared_ptr<grpc::ChannelInterface>> channels;
  for (const std::string& endpoint : endpoints)
    channels.push_back(channel_to(endpoint, credentials, patience));
  return channels;
}

}  // namespace heartbeat::etcd
