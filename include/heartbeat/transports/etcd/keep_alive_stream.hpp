// SPDX-License-Identifier: BSL-1.0
// One stream of keepalives over gRPC's callback API. Its reactions come on gRPC's threads, requests from any thread; it
// frees itself when gRPC is done with it. The states are written down below. Read next: lease_streams.hpp, which opens
// streams one after the other.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/impl/call_op_set.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_request.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd/keep_alive_ledger.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>
#include <heartbeat/transports/etcd/stub.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>

namespace heartbeat::etcd::detail {

/// The beat that failed with a stream. The stream says nothing about the lease, so it is always worth a retry.
inline void fail_beat(BeatCompletion& completion, const grpc::Status& status) noexcept {
  try {
    completion(BeatResult::failed(make_error_code(status), status.error_message()));
  } catch (...) {
    // Out of memory for the text: the completion answers by being dropped.
  }
}

/// States of the stream:
///
///     made --launch--> open --(read fails: the call is over; write fails; begin_end)--> ending --OnDone--> freed
///
/// While it is open, two things go on side by side, a read always and a write now and then; each of them is a user of
/// the stream, and so is who ends it, until it is cancelled:
///
///     read:    waiting --OnReadDone(ok): answer, next read--> waiting      --OnReadDone(!ok)--> leaves
///     write:   idle --ask--> writing --OnWriteDone: next one in the queue--> writing  --queue empty, or ending--> idle
///
/// gRPC must not call OnDone while somebody is about to start a write or to cancel: a hold forbids it, and the last
/// user to leave takes the hold away. There is one last user, since nobody joins once the stream is ending, and the
/// reader stays until then.
///
/// What was asked is answered one by one, or fails in OnDone, where gRPC's status is known.
///
/// Threading: every call from any thread; no completion is run and gRPC is not called under the lock.
template <class Stub>
class KeepAliveStream final
    : public grpc::ClientBidiReactor<typename KeepAliveRpc<Stub>::Request, typename KeepAliveRpc<Stub>::Response> {
 public:
  /// Told once, before what is unanswered fails, on a thread of gRPC's: no call to the stream may come after it. It
  /// must not throw: nobody could catch it there.
  using OnEnd = std::function<void(const KeepAliveStream*, const grpc::Status&, bool has_answered)>;

  /// `stub` is from `freed_off_grpc_threads`. REQUIRES: `launch` is called.
  KeepAliveStream(std::shared_ptr<Stub> stub, OnEnd on_end) : stub_{std::move(stub)}, on_end_{std::move(on_end)} {}

  KeepAliveStream(const KeepAliveStream&) = delete;
  KeepAliveStream& operator=(const KeepAliveStream&) = delete;

  /// True if one of these requests shows that the stream is dead or too slow, see the ledger.
  [[nodiscard]] bool is_given_up_by(std::span<const BeatRequest<LeaseId>> requests, BootClock::time_point now) {
    const std::lock_guard lock{mutex_};
    return std::any_of(requests.begin(), requests.end(),
                       [&](const auto& request) { return ledger_.is_given_up_by(request.key, now); });
  }

  /// Takes the beats over. True if the caller must then call `write`.
  ///
  /// Allocates. A beat there is no memory for keeps its completion.
  [[nodiscard]] bool ask(std::span<BeatRequest<LeaseId>> requests, BootClock::time_point now,
                         std::vector<BeatCompletion>& displaced) noexcept {
    const std::lock_guard lock{mutex_};
    for (auto& request : requests) {
      try {
        ledger_.ask(request.key, std::move(request.completion), now, displaced);
      } catch (...) {
        // One failed beat (G8): its completion is dropped with the request.
      }
    }
    if (is_writing_ || is_ending_ || !ledger_.has_to_write()) return false;
    is_writing_ = true;
    ++users_;
    return true;
  }

  /// Opens the stream, then writes what was asked meanwhile. Called once.
  ///
  /// Blocks: never, unless `prepare` does.
  void launch(const PrepareCall& prepare) {
    grpc::Status ready;
    try {
      ready = prepared(context_, prepare);
    } catch (...) {
      ready = {grpc::StatusCode::UNAVAILABLE, "out of memory"};  // for the words; these fit into a string itself
    }
    // Cancelled here, the call below is over before it is sent.
    if (!ready.ok() && begin_end(std::move(ready))) cancel();
    stub_->async()->LeaseKeepAlive(&context_, this);
    this->AddHold();
    read();
    this->StartCall();
    write();
  }

  /// Writes the next request in the queue. REQUIRES: `ask` has said so, or the last write is done.
  void write() {
    std::unique_lock lock{mutex_};
    const std::optional<LeaseId> next = is_ending_ ? std::nullopt : ledger_.next_to_write();
    if (!next) {
      is_writing_ = false;
      leave(std::move(lock));
      return;
    }
    request_.set_id(next->value);
    grpc::WriteOptions options;
    if (ledger_.has_to_write()) options.set_buffer_hint();  // another one follows: one packet may carry both
    lock.unlock();
    this->StartWrite(&request_, options);
  }

  /// Begins to end the stream; what is unanswered will fail with that status. True if the caller must then call
  /// `cancel`, and until then the stream stays; false if it is ending already.
  ///
  /// Allocates: never.
  [[nodiscard]] bool begin_end(grpc::Status status) noexcept {
    const std::lock_guard lock{mutex_};
    if (is_ending_) return false;
    reason_ = std::move(status);
    is_ending_ = true;
    ++users_;
    return true;
  }

  /// The other half of `begin_end`.
  void cancel() {
    context_.TryCancel();
    leave(std::unique_lock{mutex_});
  }

 private:
  // No answer has it: in `response_` after a read, it means that no message has come.
  static constexpr std::int64_t no_message = std::numeric_limits<std::int64_t>::min();

  void read() {
    response_.set_id(no_message);
    this->StartRead(&response_);
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      take_answer();
      read();
      return;
    }
    // A message that cannot be parsed does not end the call; a call that is over must not be cancelled, as that may
    // hide its status.
    if (response_.id() != no_message && begin_end(std::move(cannot_be_parsed_))) cancel();
    std::unique_lock lock{mutex_};
    is_ending_ = true;
    leave(std::move(lock));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      const std::lock_guard lock{mutex_};
      is_ending_ = true;
    }
    write();
  }

  // Allocates nothing but the beats' texts: whatever happens, each beat is answered and the stream is freed.
  void OnDone(const grpc::Status& of_call) override {
    std::unique_lock lock{mutex_};
    const grpc::Status& status = !reason_.ok() ? reason_ : !of_call.ok() ? of_call : ended_;
    const bool has_answered = ledger_.has_answered();
    lock.unlock();
    // Nobody else changes them now.
    on_end_(this, status, has_answered);
    ledger_.for_each_unanswered([&](BeatCompletion& completion) { fail_beat(completion, status); });
    heartbeat::detail::free_call(this);
  }

  void take_answer() {
    const std::int64_t ttl = response_.ttl();
    std::unique_lock lock{mutex_};
    std::optional<BeatCompletion> completion = ledger_.answer(LeaseId{response_.id()});
    lock.unlock();
    if (!completion) return;
    // A negative one is the engine's to refuse.
    (*completion)(ttl == 0 ? BeatResult::gone("TTL 0") : BeatResult::acknowledged(std::chrono::seconds{ttl}));
  }

  // The caller is no user any more, and must not touch the stream after it.
  void leave(std::unique_lock<std::mutex> lock) {
    const bool is_last = --users_ == 0;
    lock.unlock();
    if (is_last) this->RemoveHold();
  }

  const std::shared_ptr<Stub> stub_;  // first: goes last, after the context, which holds the channel too
  const OnEnd on_end_;
  grpc::ClientContext context_;
  typename KeepAliveRpc<Stub>::Request request_;    // the writer's
  typename KeepAliveRpc<Stub>::Response response_;  // the reader's

  // Made here, so that no memory is needed for them later.
  grpc::Status cannot_be_parsed_{grpc::StatusCode::DATA_LOSS, "etcd's answer cannot be parsed"};  // the reader's
  const grpc::Status ended_{grpc::StatusCode::UNAVAILABLE, "etcd has ended the stream of keepalives"};

  std::mutex mutex_;        // protects what follows, but for the ledger and the reason in OnDone
  KeepAliveLedger ledger_;  // what is asked, queued and unanswered
  grpc::Status reason_;     // why it is ending, where we said so; OK otherwise
  int users_ = 2;           // the reader, and who launches as the first writer
  bool is_writing_ = true;
  bool is_ending_ = false;
};

}  // namespace heartbeat::etcd::detail
