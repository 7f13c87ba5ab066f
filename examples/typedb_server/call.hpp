// SPDX-License-Identifier: BSL-1.0
// One call from its arrival to its one end: answered now, later, or never, which lasts until the client gives up or the
// server goes. What handles the call and what cancels it meet at this object's mutex, so that nobody writes an answer
// into memory that gRPC has taken back. Read next: service.hpp.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include "typedb_server/faults.hpp"

namespace typedb_server {

/// How a call is to be answered.
struct Reply {
  grpc::Status status = {};
  Fault fault = {};
};

/// Threading: any thread.
class Call final : public grpc::ServerUnaryReactor, public std::enable_shared_from_this<Call> {
 public:
  /// It keeps itself alive until gRPC is done with it.
  static std::shared_ptr<Call> begin() {
    auto call = std::make_shared<Call>();
    call->self_ = call;
    return call;
  }

  /// Runs `handle`, which writes the response and returns a Reply, and answers as that says. If the call is over
  /// already, nothing is run, and its request and response must not be touched.
  template <class Handle>
  void answer(Handle handle) {
    const auto alive = shared_from_this();
    const std::scoped_lock lock{mutex_};
    if (is_over_) return;
    const Reply reply = handle();
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
  bool is_over_ = false;  // mutex_
  grpc::Alarm alarm_;
  std::shared_ptr<Call> self_;  // gRPC's share; taken away by OnDone, which is the last that gRPC does
};

}  // namespace typedb_server
