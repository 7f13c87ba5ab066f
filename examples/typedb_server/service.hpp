// SPDX-License-Identifier: BSL-1.0
// TypeDB's calls, as far as typedb.proto has them. Each is served as bytes, since some faults are below the level of
// messages, and takes the same way: put on one of the single threads, parsed, answered by Answers, written. Only
// transactions have a way of their own. Read next: call.hpp, transaction_stream.hpp.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

#include "typedb_server/answers.hpp"
#include "typedb_server/backend.hpp"

namespace typedb_server {

namespace detail {

using Protocol = ::typedb::protocol::TypeDB;

using RawDatabasesAndTransactions =
    Protocol::WithRawCallbackMethod_databases_get<Protocol::WithRawCallbackMethod_databases_all<
        Protocol::WithRawCallbackMethod_databases_contains<Protocol::WithRawCallbackMethod_databases_create<
            Protocol::WithRawCallbackMethod_database_schema<Protocol::WithRawCallbackMethod_database_type_schema<
                Protocol::WithRawCallbackMethod_database_rule_schema<Protocol::WithRawCallbackMethod_database_delete<
                    Protocol::WithCallbackMethod_transaction<Protocol::Service>>>>>>>>>;

using RawService = Protocol::WithRawCallbackMethod_connection_open<
    Protocol::WithRawCallbackMethod_servers_all<Protocol::WithRawCallbackMethod_users_all<
        Protocol::WithRawCallbackMethod_session_open<Protocol::WithRawCallbackMethod_session_close<
            Protocol::WithRawCallbackMethod_session_pulse<RawDatabasesAndTransactions>>>>>>;

}  // namespace detail

/// One listening of the server. Backend and answers must outlive it: what is being served when the listening ends goes
/// on with these two alone.
class Service final : public detail::RawService {
 public:
  Service(Backend& backend, Answers& answers) : backend_{backend}, answers_{answers} {}

 private:
  using Bytes = grpc::ByteBuffer;
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* connection_open(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* servers_all(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* users_all(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_get(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_all(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_contains(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* databases_create(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* database_schema(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* database_type_schema(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* database_rule_schema(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* database_delete(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_open(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_close(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* session_pulse(Context* context, const Bytes* request, Bytes* response) override;

  grpc::ServerBidiReactor<protocol::Transaction_Client, protocol::Transaction_Server>* transaction(Context*) override;

  template <class Request, class Response>
  Reactor* serve(const Bytes* request, Bytes* response);

  Backend& backend_;
  Answers& answers_;
};

}  // namespace typedb_server
