// SPDX-License-Identifier: BSL-1.0
// etcd's lease keepalive as a beat, for all leases over one stream, with any generated stub. A program that has etcd's
// own generated code includes this header and names its stub; every other one includes ../etcd.hpp, which brings a stub
// along. Read next: lease_streams.hpp for the stream's life, keep_alive_stream.hpp for its states.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_request.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>
#include <heartbeat/transports/etcd/lease_streams.hpp>
#include <heartbeat/transports/etcd/stub.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>

namespace heartbeat::etcd {

/// A lease that the server has granted.
struct Grant {
  LeaseId id;                  ///< of the new lease
  std::chrono::seconds ttl{};  ///< what the server gives, which may be more than was asked for
};

/// Keeps etcd leases alive: a transport of batches with close, for keys of type LeaseId.
///
/// | etcd answers                               | the beat is                                                          |
/// | ------------------------------------------ | -------------------------------------------------------------------- |
/// | a ttl above zero                           | acknowledged with that ttl                                           |
/// | ttl 0                                      | gone                                                                 |
/// | a ttl below zero                           | acknowledged with it, which the engine takes for failed              |
/// | the end of the stream, or no stream at all | failed, with gRPC's status and its text, worth a retry: the stream's |
/// |                                            | end says nothing about any lease                                     |
/// | nothing, until the stream is given up      | failed, worth a retry                                                |
///
/// All leases share one stream. When it ends, the next endpoint in turn gets the next one. Once all of them in a row
/// have refused one, there is a pause of 100 ms, in which beats fail at once; then each is tried again. A member that
/// has lost its leader ends the stream (`hasleader`), so a minority is left. An answer belongs to the oldest unanswered
/// beat of its lease on that stream: a late one never acknowledges the beat after it (G9).
///
/// A stream is given up, with what was asked on it, when a lease is beaten again that has waited for 300 ms or longer
/// while nothing at all was answered; and when one has so waited twice in a row although others were answered, or was
/// answered too late each time. So a slow endpoint is left, and a timeout below 300 ms costs the others nothing.
///
/// A close revokes the lease, at the next endpoint where one is UNAVAILABLE, once around and within the close's
/// timeout. A lease that etcd does not know is no error.
///
/// Threading: a handle, its copies share the stream; any thread. The last copy's death ends the stream; it waits for
/// nothing. Blocks: `grant` alone, unless `prepare` does. Allocates: one node a beat, beside gRPC's own.
template <class Stub>
class BasicLeaseTransport {
  static_assert(LeaseStub<Stub>,
                "heartbeat: Stub must be generated from etcd's protocol v3 with gRPC's callback API: it needs "
                "async()->LeaseKeepAlive, async()->LeaseRevoke and LeaseGrant; see heartbeat::etcd::LeaseStub");

 public:
  /// On one endpoint's channel; `channel_to` makes one that fits.
  explicit BasicLeaseTransport(std::shared_ptr<grpc::ChannelInterface> channel, PrepareCall prepare = {})
      : BasicLeaseTransport{std::vector{std::move(channel)}, std::move(prepare)} {}

  /// On several endpoints of one cluster, tried in that order. Two channels to one endpoint are two connections only
  /// if they differ in their arguments.
  ///
  /// REQUIRES: at least one.
  explicit BasicLeaseTransport(const std::vector<std::shared_ptr<grpc::ChannelInterface>>& channels,
                               PrepareCall prepare = {})
      : BasicLeaseTransport{stubs_on(channels), std::move(prepare)} {}

  /// On stubs. REQUIRES: at least one.
  explicit BasicLeaseTransport(std::vector<std::shared_ptr<Stub>> stubs, PrepareCall prepare = {})
      : prepare_{leader_required(std::move(prepare))}, streams_{make_streams(std::move(stubs), prepare_)} {}

  /// Asks the server to keep all these leases. See the class for what its answers mean.
  void async_beat_batch(std::span<BeatRequest<LeaseId>> requests) { streams_->ask(requests); }

  /// Revokes the lease: what hangs on it is deleted.
  void async_close(const LeaseId& id, const BeatContext& context, CloseCompletion completion) {
    std::make_shared<Revoke>(streams_->stubs_in_turn(), prepare_, id, context, std::move(completion))->ask_next();
  }

  /// Asks for a lease of that ttl, of each endpoint in turn until one answers. etcd grants at least about 2 s.
  ///
  ///     const auto granted_at = heartbeat::BootClock::now();  // before the call: the ttl runs from within it
  ///     const auto lease = transport.grant(10s);
  ///     auto beat = registry.start(lease.id, {.interval = 3s, .ttl = lease.ttl, .granted_at = granted_at});
  ///
  /// `timeout` is for each endpoint. A lease whose answer was lost lives until its ttl is over.
  ///
  /// Blocks: until the answer. Throws: std::system_error with gRPC's status and the server's words.
  [[nodiscard]] Grant grant(std::chrono::seconds ttl, std::chrono::nanoseconds timeout = std::chrono::seconds{5}) {
    Grant granted;
    const grpc::Status status = ask_for(ttl, timeout, granted);
    if (!status.ok()) throw std::system_error{make_error_code(status), "no etcd lease: " + status.error_message()};
    return granted;
  }

  /// As above, with the error as a value; the lease is {} then.
  [[nodiscard]] Grant grant(std::chrono::seconds ttl, std::error_code& error,
                            std::chrono::nanoseconds timeout = std::chrono::seconds{5}) {
    Grant granted;
    const grpc::Status status = ask_for(ttl, timeout, granted);
    error = status.ok() ? std::error_code{} : make_error_code(status);
    return granted;
  }

 private:
  using Streams = detail::LeaseStreams<Stub>;

  // One close, from endpoint to endpoint. Each call holds it in its stub's place, and so all the stubs.
  // Threading: one call at a time, and nothing is touched after its launch.
  class Revoke : public std::enable_shared_from_this<Revoke> {
   public:
    Revoke(std::vector<std::shared_ptr<Stub>> stubs, PrepareCall prepare, LeaseId id, const BeatContext& context,
           CloseCompletion completion)
        : stubs_{std::move(stubs)},
          prepare_{std::move(prepare)},
          id_{id},
          begin_{BootClock::now()},
          timeout_{context.timeout()},
          token_{context.stop_token()},
          completion_{std::move(completion)} {}

    void ask_next() {
      const auto self = this->shared_from_this();  // the answer may come before LeaseRevoke returns
      auto call = std::make_unique<Call>(self, Answer{this});
      call->request().set_id(id_.value);
      Stub& stub = *stubs_[asked_++];
      Call::launch(std::move(call), time_left(), prepare_, token_,
                   [&stub](auto... arguments) { stub.async()->LeaseRevoke(std::move(arguments)...); });
    }

   private:
    using Rpc = detail::RevokeRpc<Stub>;

    struct Answer {
      Revoke* revoke;
      void operator()(const grpc::Status& status, const typename Rpc::Response&) { revoke->on_answer(status); }
    };
    using Call = UnaryCall<typename Rpc::Request, typename Rpc::Response, Answer>;

    [[nodiscard]] std::chrono::nanoseconds time_left() const { return timeout_ - (BootClock::now() - begin_); }

    void on_answer(const grpc::Status& status) {
      const auto code = status.error_code();
      if (code == grpc::StatusCode::UNAVAILABLE && asked_ != stubs_.size() && time_left().count() > 0) {
        ask_next();
      } else {
        completion_(code == grpc::StatusCode::NOT_FOUND ? std::error_code{} : make_error_code(status));
      }
    }

    const std::vector<std::shared_ptr<Stub>> stubs_;
    const PrepareCall prepare_;
    const LeaseId id_;
    const BootClock::time_point begin_;
    const std::chrono::nanoseconds timeout_;
    const std::stop_token token_;
    CloseCompletion completion_;
    std::size_t asked_ = 0;  // so many of the stubs
  };

  static PrepareCall leader_required(PrepareCall prepare) {
    return [prepare = std::move(prepare)](grpc::ClientContext& context) {
      context.AddMetadata("hasleader", "true");
      if (prepare) prepare(context);
    };
  }

  static std::vector<std::shared_ptr<Stub>> stubs_on(
      const std::vector<std::shared_ptr<grpc::ChannelInterface>>& channels) {
    std::vector<std::shared_ptr<Stub>> stubs;
    for (const auto& channel : channels)
      stubs.push_back(std::make_shared<Stub>(channel));
    return stubs;
  }

  // The streams live on until gRPC is done with them; the transport's last copy tells them to end.
  static std::shared_ptr<Streams> make_streams(std::vector<std::shared_ptr<Stub>> stubs, const PrepareCall& prepare) {
    for (auto& stub : stubs)
      stub = freed_off_grpc_threads(std::move(stub));
    auto streams = std::make_shared<Streams>(std::move(stubs), prepare);
    Streams* const plain = streams.get();
    return {plain, [streams = std::move(streams)](Streams*) { streams->close(); }};
  }

  grpc::Status ask_for(std::chrono::seconds ttl, std::chrono::nanoseconds timeout, Grant& granted) {
    typename detail::GrantRpc<Stub>::Request request;
    request.set_ttl(std::int64_t{ttl.count()});
    grpc::Status status;
    for (const auto& stub : streams_->stubs_in_turn()) {
      grpc::ClientContext context;
      typename detail::GrantRpc<Stub>::Response response;
      status = make_ready(context, timeout, prepare_);
      if (status.ok()) status = stub->LeaseGrant(&context, request, &response);
      if (status.ok() && !response.error().empty()) status = {grpc::StatusCode::UNKNOWN, response.error()};
      if (status.ok()) granted = {LeaseId{response.id()}, std::chrono::seconds{response.ttl()}};
      const auto code = status.error_code();
      if (code != grpc::StatusCode::UNAVAILABLE && code != grpc::StatusCode::DEADLINE_EXCEEDED) break;
    }
    return status;
  }

  PrepareCall prepare_;
  std::shared_ptr<Streams> streams_;
};

}  // namespace heartbeat::etcd
