// SPDX-License-Identifier: BSL-1.0
// What each call does. Read next: service.hpp, errors.hpp.
#include "typedb_server/service.hpp"

#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>

#include "typedb_server/errors.hpp"

namespace typedb_server {

namespace protocol = ::typedb::protocol;
using heartbeat::typedb::SessionId;

namespace {

// A tag that never ends is in no message.
grpc::ByteBuffer bytes_of_no_message() {
  const grpc::Slice slice{"\xFF\xFF\xFF"};
  return grpc::ByteBuffer{&slice, 1};
}

grpc::Status parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ByteBuffer copy{bytes};  // of the reference: parsing clears the buffer it reads
  return grpc::GenericDeserialize<grpc::ProtoBufferReader, google::protobuf::Message>(&copy, &message);
}

grpc::Status write(const google::protobuf::Message& message, grpc::ByteBuffer& bytes) {
  bool is_own = false;
  return grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, &bytes, &is_own);
}

void describe_server(protocol::DatabaseReplicas& database, const std::string& name, const std::string& address) {
  database.set_name(name);
  auto& replica = *database.add_replicas();
  replica.set_address(address);
  replica.set_primary(true);
  replica.set_preferred(true);
}

}  // namespace

Service::Service(Backend& backend, std::string address) : backend_{backend}, address_{std::move(address)} {}

template <class Request, class Response, class Handle>
grpc::ServerUnaryReactor* Service::serve(const Bytes* request_bytes, Bytes* response_bytes, Handle handle) {
  const auto call = Call::begin();
  backend_.gate.pass([=] {
    call->answer([&]() -> Reply {
      Request request;
      Response response;
      if (const grpc::Status status = parse(*request_bytes, request); !status.ok()) return {status};
      Reply reply = handle(std::as_const(request), response);
      if (!reply.status.ok()) return reply;
      if (reply.fault.kind == Fault::Kind::garbage) {
        *response_bytes = bytes_of_no_message();
      } else {
        reply.status = write(response, *response_bytes);
      }
      return reply;
    });
  });
  return call.get();
}

grpc::ServerUnaryReactor* Service::connection_open(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::Connection_Open_Req, protocol::Connection_Open_Res>(
      request_bytes, response_bytes, [](const auto& request, auto&) -> Reply {
        if (request.version() != protocol::Version::VERSION) return {errors::unknown_version(request.version())};
        return {};
      });
}

grpc::ServerUnaryReactor* Service::servers_all(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::ServerManager_All_Req, protocol::ServerManager_All_Res>(
      request_bytes, response_bytes, [this](const auto&, auto& response) -> Reply {
        response.add_servers()->set_address(address_);
        return {};
      });
}

grpc::ServerUnaryReactor* Service::databases_get(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::DatabaseManager_Get_Req, protocol::DatabaseManager_Get_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto& response) -> Reply {
        if (!backend_.databases.contains(request.name())) return {errors::unknown_database(request.name())};
        describe_server(*response.mutable_database(), request.name(), address_);
        return {};
      });
}

grpc::ServerUnaryReactor* Service::databases_contains(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::DatabaseManager_Contains_Req, protocol::DatabaseManager_Contains_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto& response) -> Reply {
        response.set_contains(backend_.databases.contains(request.name()));
        return {};
      });
}

grpc::ServerUnaryReactor* Service::databases_create(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::DatabaseManager_Create_Req, protocol::DatabaseManager_Create_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto&) -> Reply {
        if (!backend_.databases.create(request.name())) return {errors::existing_database(request.name())};
        return {};
      });
}

grpc::ServerUnaryReactor* Service::session_open(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::Session_Open_Req, protocol::Session_Open_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto& response) { return open(request, response); });
}

grpc::ServerUnaryReactor* Service::session_close(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::Session_Close_Req, protocol::Session_Close_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto&) { return close(request); });
}

grpc::ServerUnaryReactor* Service::session_pulse(Context*, const Bytes* request_bytes, Bytes* response_bytes) {
  return serve<protocol::Session_Pulse_Req, protocol::Session_Pulse_Res>(
      request_bytes, response_bytes, [this](const auto& request, auto& response) { return pulse(request, response); });
}

Reply Service::open(const protocol::Session_Open_Req& request, protocol::Session_Open_Res& response) {
  const Faults faults = backend_.faults.all();
  if (faults.open.prevents()) return {faults.open.status, faults.open};
  if (!backend_.databases.contains(request.database())) return {errors::unknown_database(request.database())};
  auto idle_timeout = backend_.default_idle_timeout;
  if (request.options().has_session_idle_timeout_millis()) {
    const int millis = request.options().session_idle_timeout_millis();
    if (millis < 1) return {errors::bad_idle_timeout(millis)};
    idle_timeout = std::chrono::milliseconds{millis};
  }
  const SessionId id = backend_.sessions.open(idle_timeout);
  const std::size_t size = faults.short_ids ? 3 : id.bytes.size();
  response.set_session_id(std::string{id.view().substr(0, size)});
  return {{}, faults.open};
}

Reply Service::close(const protocol::Session_Close_Req& request) {
  std::error_code error;
  const SessionId id = SessionId::from_bytes(request.session_id(), error);
  if (error) return {errors::unknown_session("of " + std::to_string(request.session_id().size()) + " bytes")};
  const Fault fault = backend_.faults.of(id).close;
  if (fault.prevents()) return {fault.status, fault};
  if (!backend_.sessions.close(id)) return {errors::unknown_session(to_string(id)), fault};
  return {{}, fault};
}

Reply Service::pulse(const protocol::Session_Pulse_Req& request, protocol::Session_Pulse_Res& response) {
  std::error_code error;
  // Bytes that are no id become the id of zeros, which no session has.
  const SessionId id = SessionId::from_bytes(request.session_id(), error);
  const Fault fault = backend_.faults.of(id).pulse;
  if (fault.prevents()) {
    backend_.sessions.count_disturbed_pulse();
    return {fault.status, fault};
  }
  response.set_alive(backend_.sessions.pulse(id));
  return {{}, fault};
}

}  // namespace typedb_server
