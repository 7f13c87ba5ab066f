// SPDX-License-Identifier: BSL-1.0
// One call from its arrival to its one end: answered now, later, or never, which lasts until the client gives up or the
// server goes.
//
//   waiting ──> being served ──> answered
//      │             └──> given up: what it does goes on, for nobody
//      └──> given up: thrown away, before anybody has read it
//
// What serves the call and what cancels it meet at this object's mutex, so that nobody touches request or response when
// gRPC has taken them back; the mutex is not held while it is served, which may take long. Read next: service.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include "typedb_server/faults.hpp"

namespace typedb_server {

/// How a call is to be answered.
struct Reply {
  grpc::Status status = {};
  Fault fault = {};
  grpc::ByteBuffer bytes = {};  ///< of the response
};

/// Threading: any thread.
class Call final : public grpc::ServerUnaryReactor, public std::enable_shared_from_this<Call> {
 public:
  Call(const grpc::ByteBuffer* request, grpc::ByteBuffer* response, std::atomic<std::size_t>& given_up)
      : request_{request}, response_{response}, given_up_{given_up} {}

  /// It keeps itself alive until gRPC is done with it. `given_up` counts the calls that ended without an answer.
  static std::shared_ptr<Call> begin(const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                     std::atomic<std::size_t>& given_up) {
    auto call = std::make_shared<Call>(request, response, given_up);
    call->self_ = call;
    return call;
  }

  /// Has `serve` make a Reply of the request, and answers as that says. If the call is over already, nothing is served.
  template <class Serve>
  void answer(Serve serve) {
    const auto alive = shared_from_this();
    grpc::ByteBuffer request;
    {
      const std::scoped_lock lock{mutex_};
      if (is_over_) return;
      request = *request_;  // shares its bytes
    }
    Reply reply = serve(request);
    const std::scoped_lock lock{mutex_};
    if (is_over_) return;
    response_->Swap(&reply.bytes);
    switch (reply.fault.kind) {
      case Fault::Kind::request_lost:
      case Fault::Kind::answer_lost: break;
      case Fault::Kind::late: answer_after(reply.fault.delay, reply.status); break;
      case Fault::Kind::none:
      case Fault::Kind::failing:
      case Fault::Kind::garbage: end(reply.status);
    }
  }

 private:
  void OnCancel() override {
    {
      const std::scoped_lock lock{mutex_};
      if (!is_over_) ++given_up_;
      end(grpc::Status::CANCELLED);
    }
    alarm_.Cancel();
  }

  void OnDone() override { const auto last = std::move(self_); }

  // mutex_ is held.
  void end(const grpc::Status& status) {
    if (std::exchange(is_over_, true)) return;
    Finish(status);
  }

  // mutex_ is held.
  void answer_after(std::chrono::milliseconds delay, const grpc::Status& status) {
    const gpr_timespec due =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(delay.count(), GPR_TIMESPAN));
    // An alarm keeps its function after the call of it, and this object keeps the alarm: the function lets go by
    // itself.
    alarm_.Set(due, [call = shared_from_this(), status](bool) mutable {
      const auto last = std::move(call);
      const std::scoped_lock lock{last->mutex_};
      last->end(status);
    });
  }

  std::mutex mutex_;
  const grpc::ByteBuffer* const request_;  // mutex_; gRPC's, until it is over
  grpc::ByteBuffer* const response_;       // the same
  std::atomic<std::size_t>& given_up_;
  bool is_over_ = false;  // mutex_
  grpc::Alarm alarm_;
  std::shared_ptr<Call> self_;  // gRPC's share; taken away by OnDone, which is the last that gRPC does
};

}  // namespace typedb_server
