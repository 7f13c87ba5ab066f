// SPDX-License-Identifier: BSL-1.0
// TypeDB's calls, as far as typedb.proto has them. Each is served as bytes, since some faults are below the level of
// messages, and takes the same way: through the gate, parsed, handled, answered by its Call. Read next: call.hpp.
#pragma once

#include <chrono>
#include <string>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

#include "typedb_server/call.hpp"
#include "typedb_server/databases.hpp"
#include "typedb_server/fault_plan.hpp"
#include "typedb_server/gate.hpp"
#include "typedb_server/session_table.hpp"

namespace typedb_server {

/// What the server knows and does, apart from any network: it outlives each listening.
struct Backend {
  std::chrono::milliseconds default_idle_timeout;
  Databases databases;
  FaultPlan faults = {};
  Gate gate = {};
  SessionTable sessions = {};
};

namespace detail {

using Protocol = ::typedb::protocol::TypeDB;

using RawService = Protocol::WithRawCallbackMethod_connection_open<
    Protocol::WithRawCallbackMethod_servers_all<Protocol::WithRawCallbackMethod_databases_get<
        Protocol::WithRawCallbackMethod_databases_contains<Protocol::WithRawCallbackMethod_databases_create<
            Protocol::WithRawCallbackMethod_session_open<Protocol::WithRawCallbackMethod_session_close<
                Protocol::WithRawCallbackMethod_session_pulse<Protocol::Service>>>>>>>>;

}  // namespace detail

/// One listening of the server. The backend must outlive it.
class Service final : public detail::RawService {
 public:
  /// `address` is what clients are told to connect to.
  Service(Backend& backend, std::string address);

 private:
  using Bytes = grpc::ByteBuffer;
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* connection_open(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* servers_all(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_get(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_contains(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_create(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_open(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_close(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_pulse(Context* context, const Bytes* request, Bytes* response) override;

  Reply open(const ::typedb::protocol::Session_Open_Req& request, ::typedb::protocol::Session_Open_Res& response);
  Reply close(const ::typedb::protocol::Session_Close_Req& request);
  Reply pulse(const ::typedb::protocol::Session_Pulse_Req& request, ::typedb::protocol::Session_Pulse_Res& response);

  template <class Request, class Response, class Handle>
  Reactor* serve(const Bytes* request, Bytes* response, Handle handle);

  Backend& backend_;
  const std::string address_;
};

}  // namespace typedb_server
