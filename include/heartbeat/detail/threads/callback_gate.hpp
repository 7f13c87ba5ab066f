// SPDX-License-Identifier: BSL-1.0
// Two things that keep callbacks safe: the gate, which knows whether a thread is inside the engine and closes for good
// at shutdown (G6), and the frame, which knows whether the calling thread is inside a callback, where nothing may wait
// (G15). Read next: core.hpp.
//
// Ground rules: the count of entries and the closed bit are one atomic word, so that an entry is either counted before
// the gate closed, and waited for, or refused. A closed gate becomes empty exactly once: refused entries are not
// counted.
#pragma once

#include <atomic>
#include <cstdint>

#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

class CallbackGate {
 public:
  /// False once closed.
  [[nodiscard]] bool enter() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // only a guess: the exchange below decides
    do {
      if ((word & closed) != 0) return false;
    } while (!word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
    return true;
  }

  /// True if that emptied a closed gate: exactly one call of all `leave` and `close` calls says so.
  [[nodiscard]] bool leave() noexcept { return word_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1; }

  /// True if the gate was open and is empty.
  [[nodiscard]] bool close() noexcept { return word_.fetch_or(closed, std::memory_order_acq_rel) == 0; }

 private:
  static constexpr std::uint64_t closed = std::uint64_t{1} << 63;

  Atomic<std::uint64_t> word_{0};
};

/// How deep the calling thread is inside callbacks of any registry. Default visibility: plugins share it.
__attribute__((visibility("default"))) inline thread_local int callback_depth = 0;

/// Stands around every call into user code.
class CallbackFrame {
 public:
  CallbackFrame() noexcept { ++callback_depth; }
  CallbackFrame(const CallbackFrame&) = delete;
  CallbackFrame& operator=(const CallbackFrame&) = delete;
  ~CallbackFrame() { --callback_depth; }

  [[nodiscard]] static bool is_inside() noexcept { return callback_depth > 0; }
  [[nodiscard]] static bool is_inside(const void*) noexcept { return callback_depth > 0; }
};

}  // namespace heartbeat::detail
