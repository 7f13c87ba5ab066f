// SPDX-License-Identifier: BSL-1.0
// What a generated stub of etcd's lease service must have. Nothing is found by the names of messages (see
// ../grpc_rpc.hpp), so etcd's own generated code serves as well as ours. Read next: keep_alive_ledger.hpp.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/grpc_rpc.hpp>

namespace heartbeat::etcd {

namespace detail {

using heartbeat::detail::AsyncStub;
using heartbeat::detail::Rpc;
using heartbeat::detail::rpc_of;

// The method of a stream of both directions.
template <class Async, class Request, class Response>
Rpc<Request, Response> stream_of(void (Async::*)(grpc::ClientContext*, grpc::ClientBidiReactor<Request, Response>*));

template <class Stub>
using KeepAliveRpc = decltype(stream_of(&AsyncStub<Stub>::LeaseKeepAlive));
template <class Stub>
using GrantRpc = decltype(rpc_of(&AsyncStub<Stub>::LeaseGrant));
template <class Stub>
using RevokeRpc = decltype(rpc_of(&AsyncStub<Stub>::LeaseRevoke));

template <class Message>
concept NamesLease = requires(Message& message, std::int64_t number) {
  message.set_id(number);
};

template <class Message>
concept TellsLease = requires(Message& message, std::int64_t number) {
  { std::as_const(message).id() } -> std::convertible_to<std::int64_t>;
  { std::as_const(message).ttl() } -> std::convertible_to<std::int64_t>;
  message.set_id(number);
};

}  // namespace detail

/// A stub that can keep leases alive, grant and revoke them, generated with the callback API (the default of gRPC's C++
/// plugin).
///
/// | expression                                                                | meaning                             |
/// | ------------------------------------------------------------------------- | ----------------------------------- |
/// | `stub.async()->LeaseKeepAlive(context*, grpc::ClientBidiReactor<…>*)`     | opens the stream of keepalives      |
/// | `request.set_id(n)`, `response.id()`, `response.ttl()`                    | its messages                        |
/// | `stub.async()->LeaseRevoke(…)`, `request.set_id(n)`                       | revokes a lease                     |
/// | `stub.LeaseGrant(context*, request, response*)`                           | asks for a lease, waits             |
/// | `request.set_ttl(n)`, `response.id()`, `response.ttl()`, `response.error()` | its messages                      |
///
/// The model is `etcdserverpb::Lease::Stub`.
template <class Stub>
concept LeaseStub = requires {
  typename detail::KeepAliveRpc<Stub>;
  typename detail::GrantRpc<Stub>;
  typename detail::RevokeRpc<Stub>;
  requires detail::NamesLease<typename detail::KeepAliveRpc<Stub>::Request>;
  requires detail::NamesLease<typename detail::RevokeRpc<Stub>::Request>;
  requires detail::TellsLease<typename detail::KeepAliveRpc<Stub>::Response>;
  requires detail::TellsLease<typename detail::GrantRpc<Stub>::Response>;
}
&&requires(Stub& stub, grpc::ClientContext* context, typename detail::GrantRpc<Stub>::Request& request,
           typename detail::GrantRpc<Stub>::Response* response) {
  request.set_ttl(std::int64_t{1});
  { stub.LeaseGrant(context, request, response) } -> std::same_as<grpc::Status>;
  { response->error() } -> std::convertible_to<std::string>;
};

}  // namespace heartbeat::etcd
