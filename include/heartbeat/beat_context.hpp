// SPDX-License-Identifier: BSL-1.0
// What a transport is told about one beat beside the key: how long it may take, and a stop token that fires when nobody
// waits for the answer any more. Read next: beat_completion.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <heartbeat/answer_receiver.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>

namespace heartbeat {

/// The circumstances of one beat (or of one close call).
///
/// Threading: used by the thread that was given it, during the call only; tokens it hands out live on.
class BeatContext {
 public:
  /// For tests of a transport alone: a context with that timeout and token.
  explicit BeatContext(std::chrono::nanoseconds timeout, std::stop_token token = {}) noexcept
      : timeout_{timeout}, token_{std::move(token)} {}

  /// For the engine.
  BeatContext(std::chrono::nanoseconds timeout, detail::AnswerReceiver& receiver, detail::AnswerSlot& slot,
              std::uint64_t serial) noexcept
      : timeout_{timeout}, receiver_{&receiver}, slot_{&slot}, serial_{serial} {}

  /// How long the answer is waited for, counted from the call; greater than zero. An answer after it is ignored.
  [[nodiscard]] std::chrono::nanoseconds timeout() const noexcept { return timeout_; }

  /// Fires when the beat timed out or its heartbeat ended: the call may be cancelled. Of this beat alone, and never
  /// reused. A transport that does not ask for it costs nothing.
  ///
  /// Allocates: on the first request of a beat. Throws: std::bad_alloc, which costs this one beat (G8).
  [[nodiscard]] std::stop_token stop_token() const {
    return receiver_ == nullptr ? token_ : receiver_->stop_token_of(*slot_, serial_);
  }

 private:
  std::chrono::nanoseconds timeout_;
  detail::AnswerReceiver* receiver_ = nullptr;
  detail::AnswerSlot* slot_ = nullptr;
  std::uint64_t serial_ = 0;
  std::stop_token token_;
};

}  // namespace heartbeat
