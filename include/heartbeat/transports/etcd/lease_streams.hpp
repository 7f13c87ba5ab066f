// SPDX-License-Identifier: BSL-1.0
// The streams of one transport, one after the other: which one takes the beats, when it is dead, and to which endpoint
// the next one is opened. Read next: transport.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_request.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd/endpoint_turn.hpp>
#include <heartbeat/transports/etcd/keep_alive_stream.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>
#include <heartbeat/transports/grpc_call.hpp>

namespace heartbeat::etcd::detail {

/// At most one stream takes beats; older ones may still be ending.
///
///     no stream --ask, endpoints are not left alone--> stream --it has ended-----------------> no stream
///         |                                              |
///         +--ask, they are: the beats fail at once       +--ask shows it dead or slow: given up--> the next, at once
///
/// Lock order: this class's mutex, then a stream's. No completion is run, gRPC is not called and `prepare` is not run
/// under either.
///
/// Threading: any thread. Streams hold it, so it may outlive its transport.
template <class Stub>
class LeaseStreams : public std::enable_shared_from_this<LeaseStreams<Stub>> {
 public:
  /// REQUIRES: at least one stub, each from `freed_off_grpc_threads`.
  LeaseStreams(std::vector<std::shared_ptr<Stub>> stubs, PrepareCall prepare)
      : stubs_{std::move(stubs)}, prepare_{std::move(prepare)}, turn_{stubs_.size()} {}

  LeaseStreams(const LeaseStreams&) = delete;
  LeaseStreams& operator=(const LeaseStreams&) = delete;

  /// Beats all these leases.
  void ask(std::span<BeatRequest<LeaseId>> requests) {
    if (requests.empty()) return;
    const BootClock::time_point now = BootClock::now();
    std::vector<BeatCompletion> displaced;  // dropped without the lock
    Ending dead;
    std::unique_lock lock{mutex_};
    if (stream_ != nullptr && stream_->is_given_up_by(requests, now)) {
      dead = give_up(too_slow());
      turn_.on_given_up();
    }
    const bool is_new = stream_ == nullptr && turn_.may_open(now);
    if (is_new) stream_ = make_stream();
    Stream* const stream = stream_;
    const bool has_to_write = stream != nullptr && stream->ask(requests, now, displaced);
    const grpc::Status refusal = stream == nullptr ? last_end_ : grpc::Status::OK;
    lock.unlock();
    dead.reset();
    if (is_new) {
      stream->launch(prepare_);
    } else if (has_to_write) {
      stream->write();
    } else if (stream == nullptr) {
      for (auto& request : requests)
        fail_beat(request.completion, refusal);
    }
  }

  /// Ends the stream. REQUIRES: `ask` runs no more and is not called again.
  ///
  /// Allocates: never, as it runs in a destructor.
  void close() {
    std::unique_lock lock{mutex_};
    const Ending dead = give_up(std::move(closed_));
    lock.unlock();
  }

  /// All stubs, beginning with that of the endpoint whose turn it is.
  [[nodiscard]] std::vector<std::shared_ptr<Stub>> stubs_in_turn() const {
    std::vector<std::shared_ptr<Stub>> stubs{stubs_};
    const std::lock_guard lock{mutex_};
    std::rotate(stubs.begin(), stubs.begin() + static_cast<std::ptrdiff_t>(turn_.current()), stubs.end());
    return stubs;
  }

 private:
  using Stream = KeepAliveStream<Stub>;

  struct Cancel {
    void operator()(Stream* stream) const { stream->cancel(); }
  };
  using Ending = std::unique_ptr<Stream, Cancel>;  // to die without the lock

  static grpc::Status too_slow() {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "etcd answers too late or not at all on this stream"};
  }

  // Under the lock. Frees itself once it is launched.
  Stream* make_stream() {
    return new Stream{stubs_[turn_.current()], [self = this->shared_from_this()](
                                                   const Stream* stream, const grpc::Status& status,
                                                   bool has_answered) { self->on_end(stream, status, has_answered); }};
  }

  // Under the lock.
  [[nodiscard]] Ending give_up(grpc::Status status) noexcept {
    Stream* const stream = std::exchange(stream_, nullptr);
    return Ending{stream != nullptr && stream->begin_end(std::move(status)) ? stream : nullptr};
  }

  void on_end(const Stream* stream, const grpc::Status& status, bool has_answered) noexcept {
    const BootClock::time_point now = BootClock::now();
    const std::lock_guard lock{mutex_};
    if (stream_ != stream) return;  // given up
    stream_ = nullptr;
    turn_.on_ended(has_answered, now);
    try {
      last_end_ = grpc::Status{status};  // whole or not at all
    } catch (...) {
      // Out of memory for the words: those of the end before stay.
    }
  }

  const std::vector<std::shared_ptr<Stub>> stubs_;
  const PrepareCall prepare_;

  mutable std::mutex mutex_;  // protects what follows
  EndpointTurn turn_;
  Stream* stream_ = nullptr;  // the one that takes beats; it frees itself after `on_end`
  grpc::Status last_end_{grpc::StatusCode::UNAVAILABLE, "no stream"};          // of the last one that ended by itself
  grpc::Status closed_{grpc::StatusCode::CANCELLED, "the transport is gone"};  // made here, for `close`
};

}  // namespace heartbeat::etcd::detail
