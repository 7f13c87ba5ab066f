// SPDX-License-Identifier: BSL-1.0
// What a generated TypeDB stub must have. Nothing is found by the names of messages (see ../grpc_rpc.hpp), so the
// official generated code serves as well as ours. Read next: transport.hpp.
#pragma once

#include <concepts>
#include <string>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/grpc_rpc.hpp>

namespace heartbeat::typedb {

namespace detail {

using heartbeat::detail::AsyncStub;
using heartbeat::detail::rpc_of;

template <class Stub>
using PulseRpc = decltype(rpc_of(&AsyncStub<Stub>::session_pulse));
template <class Stub>
using CloseRpc = decltype(rpc_of(&AsyncStub<Stub>::session_close));
template <class Stub>
using OpenRpc = decltype(rpc_of(&AsyncStub<Stub>::session_open));
template <class Stub>
using ConnectRpc = decltype(rpc_of(&AsyncStub<Stub>::connection_open));
template <class Stub>
using ContainsRpc = decltype(rpc_of(&AsyncStub<Stub>::databases_contains));
template <class Stub>
using CreateRpc = decltype(rpc_of(&AsyncStub<Stub>::databases_create));

template <class Message>
concept NamesSession = requires(Message& message, std::string id) {
  message.set_session_id(std::move(id));
};

}  // namespace detail

/// A stub that can pulse and close a session, generated with the callback API (the default of gRPC's C++ plugin).
///
/// | expression                                                        | meaning                                     |
/// | ----------------------------------------------------------------- | ------------------------------------------- |
/// | `stub.async()->session_pulse(context*, request*, response*, std::function<void(grpc::Status)>)` | sends a pulse |
/// | `request.set_session_id(bytes)`, `bool response.alive()`          | its messages                                |
/// | `stub.async()->session_close(…)`, `request.set_session_id(bytes)` | closes a session                            |
///
/// The model is `typedb::protocol::TypeDB::Stub`; a mock derived from its `StubInterface` fits as well.
template <class Stub>
concept SessionStub = requires {
  typename detail::PulseRpc<Stub>;
  typename detail::CloseRpc<Stub>;
  requires detail::NamesSession<typename detail::PulseRpc<Stub>::Request>;
  requires detail::NamesSession<typename detail::CloseRpc<Stub>::Request>;
  requires requires(const typename detail::PulseRpc<Stub>::Response& response) {
    { response.alive() } -> std::convertible_to<bool>;
  };
};

/// A stub that can open sessions too: `connection_open`, `databases_contains` and `databases_create` as blocking calls,
/// and `session_open` through `async()`.
template <class Stub>
concept ConnectionStub = SessionStub<Stub> && requires {
  typename detail::OpenRpc<Stub>;
  typename detail::ConnectRpc<Stub>;
  typename detail::ContainsRpc<Stub>;
  typename detail::CreateRpc<Stub>;
} &&
    requires(Stub& stub, grpc::ClientContext* context, const typename detail::ContainsRpc<Stub>::Request& request,
             typename detail::ContainsRpc<Stub>::Response* response, typename detail::OpenRpc<Stub>::Request& opening) {
  { stub.databases_contains(context, request, response) } -> std::same_as<grpc::Status>;
  opening.mutable_options()->set_schema_lock_acquire_timeout_millis(0);
};

}  // namespace heartbeat::typedb
