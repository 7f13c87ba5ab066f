// SPDX-License-Identifier: BSL-1.0
// The same for the component `typedb`: headers, generated code and gRPC are there, and link.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>
#include <heartbeat/transports/typedb.hpp>

int main() {
  auto channel = grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials());
  heartbeat::typedb::SessionTransport transport{channel};
  return typedb::protocol::TypeDB::service_full_name() == std::string_view{"typedb.protocol.TypeDB"} ? 0 : 1;
}
