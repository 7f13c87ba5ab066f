// SPDX-License-Identifier: BSL-1.0
// A check of gRPC's health protocol as a beat, over gRPC's asynchronous API with any generated stub. A program that has
// generated code of grpc.health.v1 of its own includes this header and names its stub; every other one includes
// ../grpc_health.hpp, which brings a stub along. Read next: ../grpc_call.hpp, how a call is cancelled and freed.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_rpc.hpp>
#include <heartbeat/transports/grpc_status.hpp>

namespace heartbeat::grpc_health {

namespace detail {

using heartbeat::detail::AsyncStub;
using heartbeat::detail::rpc_of;

template <class Stub>
using CheckRpc = decltype(rpc_of(&AsyncStub<Stub>::Check));

}  // namespace detail

/// A stub that can check, generated with the callback API (the default of gRPC's C++ plugin).
///
/// | expression                                                                        | meaning                     |
/// | --------------------------------------------------------------------------------- | --------------------------- |
/// | `stub.async()->Check(context*, request*, response*, std::function<void(grpc::Status)>)` | asks for one service  |
/// | `request.set_service(name)`, `static_cast<int>(response.status())`                | its messages                |
///
/// The model is `grpc::health::v1::Health::Stub`.
template <class Stub>
concept HealthStub = requires {
  typename detail::CheckRpc<Stub>;
  requires requires(typename detail::CheckRpc<Stub>::Request & request,
                    const typename detail::CheckRpc<Stub>::Response& response, const std::string& name) {
    request.set_service(name);
    static_cast<int>(response.status());
  };
};

/// What a status of the health protocol means for the beat that asked for it. By its number on the wire, because older
/// generated code does not name all of them.
[[nodiscard]] inline BeatResult result_of(int status) {
  switch (status) {
    case 1: return BeatResult::acknowledged();
    case 3: return BeatResult::gone("SERVICE_UNKNOWN");
    default: break;
  }
  const std::string word = status == 0   ? "UNKNOWN"
                           : status == 2 ? "NOT_SERVING"
                                         : "a status that is not in the protocol: " + std::to_string(status);
  return BeatResult::failed(make_error_code(grpc::StatusCode::UNAVAILABLE), "the server says " + word);
}

/// Watches services of gRPC servers: an asynchronous transport for keys of type std::string, the service's name as the
/// server registered it. Empty: the server as a whole.
///
/// | the server answers                            | the beat is                                               |
/// | --------------------------------------------- | --------------------------------------------------------- |
/// | SERVING                                       | acknowledged                                              |
/// | NOT_SERVING, UNKNOWN                          | failed with UNAVAILABLE and that word, worth a retry      |
/// | SERVICE_UNKNOWN, or the error NOT_FOUND       | gone                                                      |
/// | OK, with bytes that cannot be parsed          | failed: gRPC's callback API hands on an UNKNOWN           |
/// | any other error, or nothing in time           | failed, with that status and its text; `is_worth_a_retry` |
///
/// So a service that is down for longer than the ttl ends as stalled; with `OnStall::keep_beating` it is watched on,
/// and `lapsed` and `recovered` tell of it. A server without the health service answers UNIMPLEMENTED: failed, for
/// good.
///
/// There is nothing to close. TLS is the channel's affair, call credentials are `prepare`'s. A beat on a channel that
/// is not connected fails at once; one that finds it connecting waits for that, at most its timeout.
///
/// Threading: a handle, its copies share the stub; any thread. Blocks: never, unless `prepare` does. Allocates: one
/// object a call, beside gRPC's own.
template <class Stub>
class BasicHealthTransport {
  static_assert(HealthStub<Stub>,
                "heartbeat: Stub must be generated from grpc.health.v1 with gRPC's callback API: it needs "
                "async()->Check; see heartbeat::grpc_health::HealthStub");

 public:
  /// A stub of its own on that channel.
  explicit BasicHealthTransport(const std::shared_ptr<grpc::ChannelInterface>& channel, PrepareCall prepare = {})
      : BasicHealthTransport{std::make_shared<Stub>(channel), std::move(prepare)} {}

  /// A stub that is there already.
  explicit BasicHealthTransport(std::shared_ptr<Stub> stub, PrepareCall prepare = {})
      : stub_{freed_off_grpc_threads(std::move(stub))}, prepare_{std::move(prepare)} {}

  /// Asks whether that service is serving.
  void async_beat(const std::string& service, const BeatContext& context, BeatCompletion completion) {
    using Call = UnaryCall<typename Rpc::Request, typename Rpc::Response, Answer>;
    auto call = std::make_unique<Call>(stub_, Answer{std::move(completion)});
    call->request().set_service(service);
    Call::launch(std::move(call), context.timeout(), prepare_, context.stop_token(),
                 [this](auto... arguments) { stub_->async()->Check(std::move(arguments)...); });
  }

  /// The stub, for calls of the user's own on the same channel.
  [[nodiscard]] const std::shared_ptr<Stub>& stub() const noexcept { return stub_; }

 private:
  using Rpc = detail::CheckRpc<Stub>;

  struct Answer {
    BeatCompletion complete;

    void operator()(const grpc::Status& status, const typename Rpc::Response& response) {
      if (status.ok()) {
        complete(result_of(static_cast<int>(response.status())));
      } else if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
        complete(BeatResult::gone(status.error_message()));
      } else {
        const bool retry = is_worth_a_retry(status.error_code());
        complete(BeatResult::failed(make_error_code(status), status.error_message(), retry));
      }
    }
  };

  std::shared_ptr<Stub> stub_;
  PrepareCall prepare_;
};

}  // namespace heartbeat::grpc_health
