// SPDX-License-Identifier: BSL-1.0
// The messages of a generated stub's methods, found through the methods' signatures and never by name. So a transport
// takes any stub that was generated from its protocol, and a program links one copy of the descriptors.
// Read next: typedb/stub.hpp, which says in a concept what one stub must have.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

namespace heartbeat::detail {

/// The two messages of a method.
template <class RequestType, class ResponseType>
struct Rpc {
  using Request = RequestType;
  using Response = ResponseType;
};

// Picks, of a callback stub's overloads of one unary method, the one that takes a function.
template <class Async, class Request, class Response>
Rpc<Request, Response> rpc_of(void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                              std::function<void(grpc::Status)>));

/// What `stub.async()` points to: the methods of gRPC's callback API.
template <class Stub>
using AsyncStub = std::remove_pointer_t<decltype(std::declval<Stub&>().async())>;

}  // namespace heartbeat::detail
