// SPDX-License-Identifier: BSL-1.0
// TypeDB's pulse as a beat, and its session_close as a close, over gRPC's asynchronous API with any generated stub.
// A program that has TypeDB's official generated code includes this header and names its stub; every other one includes
// ../typedb.hpp, which brings a stub along. Read next: session_manager.hpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/stub.hpp>

namespace heartbeat::typedb {

/// True if an error of the server means that it does not know the session: its text begins with `[SSN01]`.
[[nodiscard]] inline bool is_unknown_session(const grpc::Status& status) {
  return !status.ok() && std::string_view{status.error_message()}.starts_with("[SSN01]");
}

/// Keeps TypeDB sessions alive: an asynchronous transport with close, for keys of type SessionId.
///
/// | the server answers                          | the beat is                                                 |
/// | ------------------------------------------- | ----------------------------------------------------------- |
/// | `alive = true`                              | acknowledged                                                |
/// | `alive = false`, or an error of `[SSN01]`   | gone                                                        |
/// | OK, with bytes that cannot be parsed        | gone: gRPC's callback API hands on an empty message         |
/// | any other error, or nothing in time         | failed, with that status and its text; `is_worth_a_retry`   |
///
/// TypeDB 3 has no sessions: UNIMPLEMENTED, for good.
///
/// A close is done when the server says so, or that it does not know the session. TLS is the channel's affair, call
/// credentials are `prepare`'s. A beat on a channel that is not connected fails at once; one that finds it connecting
/// waits for that, at most its timeout.
///
/// Threading: a handle, its copies share the stub; any thread. Blocks: never, unless `prepare` does. Allocates: one
/// object a call, beside gRPC's own. Costs: tests/benchmarks measures what it adds to a bare gRPC call.
template <class Stub>
class BasicSessionTransport {
  static_assert(SessionStub<Stub>,
                "heartbeat: Stub must be generated from TypeDB's protocol 2.x with gRPC's callback API: it needs "
                "async()->session_pulse and async()->session_close; see heartbeat::typedb::SessionStub");

 public:
  /// A stub of its own on that channel.
  explicit BasicSessionTransport(const std::shared_ptr<grpc::ChannelInterface>& channel, PrepareCall prepare = {})
      : BasicSessionTransport{std::make_shared<Stub>(channel), std::move(prepare)} {}

  /// A stub that is there already.
  explicit BasicSessionTransport(std::shared_ptr<Stub> stub, PrepareCall prepare = {})
      : stub_{freed_off_grpc_threads(std::move(stub))}, prepare_{std::move(prepare)} {}

  /// Sends a pulse.
  void async_beat(const SessionId& id, const BeatContext& context, BeatCompletion completion) {
    call<detail::PulseRpc<Stub>>(id, context, PulseAnswer{std::move(completion)},
                                 [this](auto... arguments) { stub_->async()->session_pulse(std::move(arguments)...); });
  }

  /// Tells the server to close the session.
  void async_close(const SessionId& id, const BeatContext& context, CloseCompletion completion) {
    call<detail::CloseRpc<Stub>>(id, context, CloseAnswer{std::move(completion)},
                                 [this](auto... arguments) { stub_->async()->session_close(std::move(arguments)...); });
  }

  /// The stub, for calls of the user's own on the same channel.
  [[nodiscard]] const std::shared_ptr<Stub>& stub() const noexcept { return stub_; }

 private:
  struct PulseAnswer {
    BeatCompletion complete;

    void operator()(const grpc::Status& status, const typename detail::PulseRpc<Stub>::Response& response) {
      if (status.ok()) {
        complete(response.alive() ? BeatResult::acknowledged() : BeatResult::gone("alive = false"));
      } else if (is_unknown_session(status)) {
        complete(BeatResult::gone(status.error_message()));
      } else {
        const bool retry = is_worth_a_retry(status.error_code());
        complete(BeatResult::failed(make_error_code(status), status.error_message(), retry));
      }
    }
  };

  struct CloseAnswer {
    CloseCompletion complete;

    void operator()(const grpc::Status& status, const typename detail::CloseRpc<Stub>::Response&) {
      complete(is_unknown_session(status) ? std::error_code{} : make_error_code(status));
    }
  };

  template <class Rpc, class Answer, class Start>
  void call(const SessionId& id, const BeatContext& context, Answer answer, Start start) {
    using Call = UnaryCall<typename Rpc::Request, typename Rpc::Response, Answer>;
    auto call = std::make_unique<Call>(stub_, std::move(answer));
    call->request().set_session_id(std::string{id.view()});
    Call::launch(std::move(call), context.timeout(), prepare_, context.stop_token(), start);
  }

  std::shared_ptr<Stub> stub_;
  PrepareCall prepare_;
};

}  // namespace heartbeat::typedb
