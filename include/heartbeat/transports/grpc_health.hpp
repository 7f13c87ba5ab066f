// SPDX-License-Identifier: BSL-1.0
// The health of gRPC servers with the stub that comes along. A program that links generated code of grpc.health.v1 of
// its own includes grpc_health/transport.hpp instead, and names its stub. Read next: grpc_health/transport.hpp.
#pragma once

#include <heartbeat/transports/grpc_health/transport.hpp>
#include <heartbeat/transports/protocol/grpc_health.grpc.pb.h>

namespace heartbeat::grpc_health {

/// Watches services of gRPC servers: `HealthTransport transport{channel};`
using HealthTransport = BasicHealthTransport<::grpc::health::v1::Health::Stub>;

}  // namespace heartbeat::grpc_health
