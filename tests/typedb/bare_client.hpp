// SPDX-License-Identifier: BSL-1.0
// TypeDB's calls as blocking functions over a bare generated stub: the client of those tests that look at the server
// alone, with nothing of the library between. Read next: server.cpp.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

#include "awaited.hpp"

namespace heartbeat::testing {

// How long a schema session's lock is waited for inside the server, and a call that is to arrive there and be given up.
inline constexpr std::chrono::milliseconds at_once{0};
inline constexpr std::chrono::minutes long_wait{10};
inline constexpr std::chrono::seconds long_enough_to_arrive{2};

/// Threading: any thread. Blocks: every call, to its limit.
class BareClient {
 public:
  explicit BareClient(const std::string& address) : stub_{::typedb::protocol::TypeDB::NewStub(channel_to(address))} {}

  /// Calls a method of the stub; one that is not answered within the limit ends with DEADLINE_EXCEEDED.
  template <class Request, class Response>
  grpc::Status call(grpc::Status (::typedb::protocol::TypeDB::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                             Response*),
                    const Request& request, Response& response, std::chrono::milliseconds limit = generous_limit) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limit);
    context.set_wait_for_ready(true);
    return (stub_.get()->*method)(&context, request, &response);
  }

  grpc::Status open(std::string& id, std::chrono::milliseconds idle_timeout = std::chrono::hours{1},
                    const std::string& database = "orders", std::chrono::milliseconds limit = generous_limit) {
    ::typedb::protocol::Session_Open_Req request;
    ::typedb::protocol::Session_Open_Res response;
    request.set_database(database);
    request.mutable_options()->set_session_idle_timeout_millis(static_cast<int>(idle_timeout.count()));
    const grpc::Status status = call(&::typedb::protocol::TypeDB::Stub::session_open, request, response, limit);
    id = response.session_id();
    return status;
  }

  /// Opens a schema session, for whose lock the server is to wait that long.
  grpc::Status open_schema(std::string& id, std::chrono::milliseconds lock_timeout,
                           std::chrono::milliseconds idle_timeout = std::chrono::hours{1},
                           std::chrono::milliseconds limit = generous_limit) {
    ::typedb::protocol::Session_Open_Req request;
    ::typedb::protocol::Session_Open_Res response;
    request.set_database("orders");
    request.set_type(::typedb::protocol::Session_Type_SCHEMA);
    request.mutable_options()->set_session_idle_timeout_millis(static_cast<int>(idle_timeout.count()));
    request.mutable_options()->set_schema_lock_acquire_timeout_millis(static_cast<int>(lock_timeout.count()));
    const grpc::Status status = call(&::typedb::protocol::TypeDB::Stub::session_open, request, response, limit);
    id = response.session_id();
    return status;
  }

  /// The id of a session that was opened; fails the test if it could not be.
  std::string opened(std::chrono::milliseconds idle_timeout = std::chrono::hours{1}) {
    std::string id;
    BOOST_REQUIRE(open(id, idle_timeout).ok());
    return id;
  }

  grpc::Status pulse(const std::string& id, bool& is_alive, std::chrono::milliseconds limit = generous_limit) {
    ::typedb::protocol::Session_Pulse_Req request;
    ::typedb::protocol::Session_Pulse_Res response;
    request.set_session_id(id);
    const grpc::Status status = call(&::typedb::protocol::TypeDB::Stub::session_pulse, request, response, limit);
    is_alive = response.alive();
    return status;
  }

  grpc::StatusCode code_of_pulse(const std::string& id, std::chrono::milliseconds limit = generous_limit) {
    bool is_alive = false;
    return pulse(id, is_alive, limit).error_code();
  }

  bool is_alive(const std::string& id) {
    bool is_alive = false;
    BOOST_REQUIRE(pulse(id, is_alive).ok());
    return is_alive;
  }

  grpc::Status close(const std::string& id, std::chrono::milliseconds limit = generous_limit) {
    ::typedb::protocol::Session_Close_Req request;
    ::typedb::protocol::Session_Close_Res response;
    request.set_session_id(id);
    return call(&::typedb::protocol::TypeDB::Stub::session_close, request, response, limit);
  }

  grpc::Status create(const std::string& database, std::chrono::milliseconds limit = generous_limit) {
    ::typedb::protocol::DatabaseManager_Create_Req request;
    ::typedb::protocol::DatabaseManager_Create_Res response;
    request.set_name(database);
    return call(&::typedb::protocol::TypeDB::Stub::databases_create, request, response, limit);
  }

  bool contains(const std::string& database) {
    ::typedb::protocol::DatabaseManager_Contains_Req request;
    ::typedb::protocol::DatabaseManager_Contains_Res response;
    request.set_name(database);
    BOOST_REQUIRE(call(&::typedb::protocol::TypeDB::Stub::databases_contains, request, response).ok());
    return response.contains();
  }

  grpc::Status remove(const std::string& database) {
    ::typedb::protocol::Database_Delete_Req request;
    ::typedb::protocol::Database_Delete_Res response;
    request.set_name(database);
    return call(&::typedb::protocol::TypeDB::Stub::database_delete, request, response);
  }

  [[nodiscard]] ::typedb::protocol::TypeDB::Stub& stub() { return *stub_; }

 private:
  // With connections of its own: gRPC lends all channels to one address the same one, which a client of a server that
  // was stopped meanwhile may have found dead, and not have tried again yet.
  static std::shared_ptr<grpc::Channel> channel_to(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  std::unique_ptr<::typedb::protocol::TypeDB::Stub> stub_;
};

}  // namespace heartbeat::testing
