// SPDX-License-Identifier: BSL-1.0
// Each call's way through the server. Read next: service.hpp, answers.hpp.
#include "typedb_server/service.hpp"

#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>

#include "typedb_server/transaction_stream.hpp"

namespace typedb_server {

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

template <class Request, class Response>
Reply reply_to(const grpc::ByteBuffer& request_bytes, Answers& answers) {
  Request request;
  Response response;
  if (const grpc::Status status = parse(request_bytes, request); !status.ok()) return {status};
  Reply reply = answers.to(std::as_const(request), response);
  if (!reply.status.ok()) return reply;
  if (reply.fault.kind == Fault::Kind::garbage) {
    reply.bytes = bytes_of_no_message();
  } else {
    reply.status = write(response, reply.bytes);
  }
  return reply;
}

}  // namespace

template <class Request, class Response>
grpc::ServerUnaryReactor* Service::serve(const Bytes* request, Bytes* response) {
  const auto call = Call::begin(request, response, backend_.given_up);
  backend_.threads.post([call, &answers = answers_] {
    call->answer([&](const Bytes& bytes) { return reply_to<Request, Response>(bytes, answers); });
  });
  return call.get();
}

grpc::ServerUnaryReactor* Service::connection_open(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Connection_Open_Req, protocol::Connection_Open_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::servers_all(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::ServerManager_All_Req, protocol::ServerManager_All_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::users_all(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::UserManager_All_Req, protocol::UserManager_All_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::databases_get(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::DatabaseManager_Get_Req, protocol::DatabaseManager_Get_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::databases_all(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::DatabaseManager_All_Req, protocol::DatabaseManager_All_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::databases_contains(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::DatabaseManager_Contains_Req, protocol::DatabaseManager_Contains_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::databases_create(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::DatabaseManager_Create_Req, protocol::DatabaseManager_Create_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::database_schema(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Database_Schema_Req, protocol::Database_Schema_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::database_type_schema(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Database_TypeSchema_Req, protocol::Database_TypeSchema_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::database_rule_schema(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Database_RuleSchema_Req, protocol::Database_RuleSchema_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::database_delete(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Database_Delete_Req, protocol::Database_Delete_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::session_open(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Session_Open_Req, protocol::Session_Open_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::session_close(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Session_Close_Req, protocol::Session_Close_Res>(request, response);
}

grpc::ServerUnaryReactor* Service::session_pulse(Context*, const Bytes* request, Bytes* response) {
  return serve<protocol::Session_Pulse_Req, protocol::Session_Pulse_Res>(request, response);
}

grpc::ServerBidiReactor<protocol::Transaction_Client, protocol::Transaction_Server>* Service::transaction(Context*) {
  return TransactionStream::begin(backend_).get();
}

}  // namespace typedb_server
