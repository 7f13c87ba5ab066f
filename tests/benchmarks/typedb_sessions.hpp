// SPDX-License-Identifier: BSL-1.0
// What typedb_pulses.cpp and peers/grpc_loop.cpp share, all of it before the span that is measured: the channel, and
// the opening of the sessions whose pulses they send.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

#include "measured.hpp"

namespace benchmarks {

/// Of pulses, and so a pulse's timeout: often enough that a short span holds many of them.
inline constexpr std::chrono::seconds pulse_interval{1};

inline std::shared_ptr<grpc::Channel> channel_of(const Arguments& arguments) {
  return grpc::CreateChannel(arguments.address, grpc::InsecureChannelCredentials());
}

/// The ids of as many sessions as asked for, just opened. Exits if the server refuses.
inline std::vector<std::string> open_sessions(typedb::protocol::TypeDB::Stub& stub, const Arguments& arguments) {
  std::vector<std::string> ids;
  ids.reserve(arguments.heartbeats);
  typedb::protocol::Session::Open::Req request;
  request.set_database("orders");
  while (ids.size() < arguments.heartbeats) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 10s);
    typedb::protocol::Session::Open::Res response;
    if (const auto status = stub.session_open(&context, request, &response); !status.ok()) {
      std::fprintf(stderr, "no session at '%s': %s\n", arguments.address.c_str(), status.error_message().c_str());
      std::exit(2);
    }
    ids.push_back(response.session_id());
  }
  return ids;
}

}  // namespace benchmarks
