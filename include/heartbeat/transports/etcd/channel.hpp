// SPDX-License-Identifier: BSL-1.0
// A channel that fits leases of seconds. Read next: ../grpc_channel.hpp, what is wrong with gRPC's own; transport.hpp.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/transports/grpc_channel.hpp>

namespace heartbeat::etcd {

/// A channel to one endpoint, `"127.0.0.1:2379"`, with a connection of its own. It does not connect before it is used.
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
  return heartbeat::channel_to(
      endpoint, credentials, {.reconnect = patience, .ping_after = std::chrono::seconds{10}, .ping_timeout = patience});
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
