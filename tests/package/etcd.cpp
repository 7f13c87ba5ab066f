// SPDX-License-Identifier: BSL-1.0
// The same for the component `etcd`: generated code and gRPC are there, and link.
#include <string_view>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/transports/protocol/etcd.grpc.pb.h>

int main() {
  return etcdserverpb::Lease::service_full_name() == std::string_view{"etcdserverpb.Lease"} ? 0 : 1;
}
