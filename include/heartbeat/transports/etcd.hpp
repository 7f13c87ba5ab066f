// SPDX-License-Identifier: BSL-1.0
// etcd leases with the stub that comes along. The parts are in etcd/ and take any stub: a program that links etcd's own
// generated code includes etcd/transport.hpp instead, and names its own. Read next: etcd/transport.hpp.
#pragma once

#include <heartbeat/transports/etcd/channel.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>
#include <heartbeat/transports/etcd/transport.hpp>
#include <heartbeat/transports/protocol/etcd.grpc.pb.h>

namespace heartbeat::etcd {

/// Keeps etcd leases alive: `LeaseTransport transport{channel_to("127.0.0.1:2379")};`
using LeaseTransport = BasicLeaseTransport<::etcdserverpb::Lease::Stub>;

}  // namespace heartbeat::etcd
