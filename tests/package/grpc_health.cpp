// SPDX-License-Identifier: BSL-1.0
// The same for the component `grpc_health`.
#include <string_view>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/transports/protocol/grpc_health.grpc.pb.h>

int main() {
  return grpc::health::v1::Health::service_full_name() == std::string_view{"grpc.health.v1.Health"} ? 0 : 1;
}
