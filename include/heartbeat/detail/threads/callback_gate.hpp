// SPDX-License-Identifier: BSL-1.0
// Two things that keep callbacks safe: the gate, which knows whether a thread is inside the engine and closes for good
// at shutdown (G6), and the frame, which knows in whose callbacks the calling thread is. Read next: core.hpp.
//
// Who waits where. A stop, and a group's wait, wait in no callback at all, whoever's it is (G15): two callbacks that
// stop each other's heartbeats are ordinary, and would wait for each other. The end of an engine or a monitor does not
// wait inside one of its own callbacks, which it would be waiting for; in anybody else's it must, since what its
// callbacks refer to may be gone as soon as the destructor has returned (G6).
//
// Ground rules: the count of entries and the closed bit are one atomic word, so that an entry is either counted before
// the gate closed, and waited for, or refused. A closed gate becomes empty exactly once: refused entries are not
// counted. In a child of fork() it is closed, and never becomes empty.
#pragma once

#include <atomic>
#include <cstdint>

#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

class CallbackGate {
 public:
  /// False once closed, and in a child.
  [[nodiscard]] bool enter() noexcept {
    if (!is_here()) return false;
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // only a guess: the exchange below decides
    do {
      if ((word & closed) != 0) return false;
    } while (!word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
    return true;
  }

  /// True if that emptied a closed gate: exactly one call of all `leave` and `close` calls says so.
  [[nodiscard]] bool leave() noexcept { return word_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1; }

  /// True if the gate was open and is empty.
  [[nodiscard]] bool close() noexcept { return is_here() && word_.fetch_or(closed, std::memory_order_acq_rel) == 0; }

  /// False in a child of the process that it was made in.
  [[nodiscard]] bool is_here() const noexcept { return origin_.is_here(); }

 private:
  static constexpr std::uint64_t closed = std::uint64_t{1} << 63;

  const Origin origin_;
  Atomic<std::uint64_t> word_{0};
};

class CallbackFrame;

/// The calling thread's innermost frame; null outside callbacks. Default visibility: plugins share it.
__attribute__((visibility("default"))) inline thread_local const CallbackFrame* innermost_frame = nullptr;

/// Stands on the stack around every call into user code; a thread's frames are a list, from the inside out.
class CallbackFrame {
 public:
  /// `owner`: whose callback it is; an address alone. REQUIRES: the owner's memory outlives the frame, so that no other
  /// one's address is the same.
  explicit CallbackFrame(const void* owner) noexcept : owner_{owner}, outer_{innermost_frame} {
    innermost_frame = this;
  }
  CallbackFrame(const CallbackFrame&) = delete;
  CallbackFrame& operator=(const CallbackFrame&) = delete;
  ~CallbackFrame() { innermost_frame = outer_; }

  /// In anybody's callback.
  [[nodiscard]] static bool is_inside() noexcept { return innermost_frame != nullptr; }

  /// In one of that owner's callbacks, however deep.
  [[nodiscard]] static bool is_inside(const void* owner) noexcept {
    const CallbackFrame* frame = innermost_frame;
    while (frame != nullptr && frame->owner_ != owner)
      frame = frame->outer_;
    return frame != nullptr;
  }

 private:
  const void* const owner_;
  const CallbackFrame* const outer_;
};

}  // namespace heartbeat::detail
