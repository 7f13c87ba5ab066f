// SPDX-License-Identifier: BSL-1.0
// One unary gRPC call as one beat or one close, for every gRPC transport. One allocation holds all of the call:
// context, request, response, handler, and the link to the stop token that cancels it. Who may free it, and when, is
// the hard part and is written down below. Read next: typedb/transport.hpp, its first user.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/executors/library_thread.hpp>

namespace heartbeat {

/// What is done to each call before it is sent: call credentials, metadata. Called from several threads at once.
using PrepareCall = std::function<void(grpc::ClientContext&)>;

/// Runs `prepare` on a context. One that throws gives UNAVAILABLE with its words, as gRPC's own credentials do: worth a
/// retry.
[[nodiscard]] inline grpc::Status prepared(grpc::ClientContext& context, const PrepareCall& prepare) {
  try {
    if (prepare) prepare(context);
  } catch (const std::exception& reason) {
    return {grpc::StatusCode::UNAVAILABLE, std::string{"the call could not be prepared: "} + reason.what()};
  } catch (...) {
    return {grpc::StatusCode::UNAVAILABLE, "the call could not be prepared"};
  }
  return grpc::Status::OK;
}

/// Makes a context ready for one call: `prepare` first, then the deadline, so that no preparation can outlast it. The
/// deadline is taken on the monotonic clock: setting the wall clock times out nothing.
[[nodiscard]] inline grpc::Status make_ready(grpc::ClientContext& context, std::chrono::nanoseconds timeout,
                                             const PrepareCall& prepare) {
  grpc::Status status = prepared(context, prepare);
  if (!status.ok()) return status;
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN)));
  return status;
}

namespace detail {

// How many calls are being freed on this thread's stack: above zero, it may be one of gRPC's own threads.
// Default visibility: a program and its plugins must count together, also when built with hidden symbols.
__attribute__((visibility("default"))) inline thread_local int calls_being_freed = 0;

// Frees a call, on whichever thread: the stub that it holds counts on being told.
template <class Call>
void free_call(Call* call) noexcept {
  ++calls_being_freed;
  delete call;
  --calls_being_freed;
}

}  // namespace detail

/// The same stub, made fit for asynchronous calls: each call holds it and is freed by `free_call`, and whoever is the
/// last to let go of it, it is never freed by one of gRPC's threads.
///
/// Why: a stub holds its channel. The last channel of a program takes gRPC's threads for callbacks with it, by joining
/// them; a callback that frees it joins itself, and gRPC goes on with freed memory. That happens whenever the last
/// answer comes after everything else is gone, as a cancelled one does. Then, and only then, a thread is made to free
/// the stub.
///
/// Allocates.
template <class Stub>
[[nodiscard]] std::shared_ptr<Stub> freed_off_grpc_threads(std::shared_ptr<Stub> stub) {
  Stub* const plain = stub.get();
  auto* const held = new std::shared_ptr<Stub>{std::move(stub)};
  const auto let_go = [held](Stub*) noexcept {
    if (detail::calls_being_freed == 0) {
      delete held;
      return;
    }
    try {
      detail::library_thread("heartbeat-free", [held] { delete held; }).detach();
    } catch (const std::system_error&) {
      // No thread to be had: better a channel that stays.
    }
  };
  return {plain, let_go};
}

/// A unary call in flight over gRPC's callback API. `Handler` is called once, as `handler(const grpc::Status&,
/// Response&)`, on a thread of gRPC's or inside `launch`; a throw of it is dropped, with the handler and what it holds.
///
/// A call that cannot be sent fails at once: `wait_for_ready` stays off unless a PrepareCall turns it on.
///
/// States. Two sides use the call and neither may free it under the other: gRPC, until its callback has run, and the
/// stop callback, while it is inside TryCancel. TryCancel may run gRPC's callback before it returns, on its own stack.
///
///     in flight --(token fires)--> cancelling --(TryCancel returned)--> cancelled
///         |                            |                                    |
///      answer: frees it         answer: leaves it;                   answer: frees it
///                               the stop callback frees it
///
/// Freeing destroys the stop callback, which waits for it where it runs on another thread. It never waits for
/// TryCancel: a stop callback that comes after the answer sees so and returns without a further step.
template <class Request, class Response, class Handler>
class UnaryCall {
 public:
  /// `stub` is what `start` will use, from `freed_off_grpc_threads`.
  UnaryCall(std::shared_ptr<const void> stub, Handler handler) : stub_{std::move(stub)}, handler_{std::move(handler)} {}

  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

  /// For filling in before the launch.
  Request& request() noexcept { return request_; }

  /// Sends the call: `start(context, request, response, callback)` hands the four to the stub's method. It is cancelled
  /// when `token` fires.
  ///
  /// REQUIRES: `start` throws only if it has not taken the callback.
  /// Blocks: never, unless `prepare` does. Allocates: what gRPC does. Throws: what `start` throws.
  template <class Start>
  static void launch(std::unique_ptr<UnaryCall> call, std::chrono::nanoseconds timeout, const PrepareCall& prepare,
                     std::stop_token token, Start start) {
    if (const grpc::Status ready = make_ready(call->context_, timeout, prepare); !ready.ok()) {
      call->handler_(ready, call->response_);
      return;
    }
    if (token.stop_possible()) call->on_stop_.emplace(std::move(token), Cancel{call.get()});
    UnaryCall* flying = call.release();
    flying->is_launched_.store(true);
    try {
      start(&flying->context_, &flying->request_, &flying->response_,
            [flying](const grpc::Status& status) { flying->finish(status); });
    } catch (...) {
      flying->leave();
      throw;
    }
    // Here the call may be gone already.
  }

 private:
  enum class State : std::uint8_t { in_flight, cancelling, cancelled, answered };

  struct Cancel {
    UnaryCall* call;
    void operator()() const noexcept { call->cancel(); }
  };

  void cancel() noexcept {
    State state = State::in_flight;
    if (!state_.compare_exchange_strong(state, State::cancelling)) return;
    context_.TryCancel();
    state = State::cancelling;
    if (!state_.compare_exchange_strong(state, State::cancelled)) free();
  }

  void finish(const grpc::Status& status) noexcept {
    (void)is_launched_.load();  // gRPC orders launch before answer too, but by means that no race checker sees
    try {
      handler_(status, response_);
    } catch (...) {
      // Out of memory for the text, say: a completion in the handler answers by being dropped.
    }
    leave();
  }

  void leave() noexcept {
    if (state_.exchange(State::answered) != State::cancelling) free();
  }

  void free() noexcept { detail::free_call(this); }

  const std::shared_ptr<const void> stub_;  // first: goes last, after the context, which holds the channel too
  grpc::ClientContext context_;
  Request request_;
  Response response_;
  Handler handler_;
  std::atomic<bool> is_launched_{false};
  std::atomic<State> state_{State::in_flight};
  std::optional<std::stop_callback<Cancel>> on_stop_;  // last: goes first, so that nothing else dies before it is quiet
};

}  // namespace heartbeat
