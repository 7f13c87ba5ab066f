// SPDX-License-Identifier: BSL-1.0
// Sees every callback and every return of a call that promises something, and breaks the schedule off where a promise
// is not kept. Read next: world.hpp.
//
// What it checks, at each callback:
//   G1   at most one beat of a heartbeat is in flight
//   G2   after a stop that waits has returned, no callback of that heartbeat but its `ended` runs (G15)
//   G3   `ended` is told once, and is the last thing that a heartbeat says
//   G4   no user code runs under a lock
//   G6   after a shutdown that was done, and after the destructor, no user code runs
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stop_token>
#include <string>

#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/end.hpp>

namespace heartbeat::interleaving {

enum class Callback { beat, blocking_beat, close, call_token, token, state_event, end_event };

/// One heartbeat, as it was seen from outside.
struct Life {
  bool is_refused = false;
  int running = 0;          // callbacks that stop waits for
  int stops = 0;            // that returned true
  bool is_stopped = false;  // a stop that waits has returned
  int ends = 0;             // that were told
  EndReason reason{};
  int beats = 0;
  bool is_in_flight = false;
  std::int64_t deadline = 0;  // of the beat in flight
};

/// Lives, numbered from 0 in the order of their starts.
class Watch {
 public:
  Watch(Scheduler& schedule, const std::int64_t& now) : schedule_{schedule}, now_{now} {}

  std::size_t begin() {
    lives_.emplace_back();
    return lives_.size() - 1;
  }
  [[nodiscard]] Life& life(std::size_t number) { return lives_.at(number); }
  [[nodiscard]] std::deque<Life>& lives() { return lives_; }

  [[noreturn]] void fail(std::size_t number, const std::string& what) noexcept {
    schedule_.fail("heartbeat " + std::to_string(number) + ": " + what);
  }

  /// A call of the user's code begins. A blocking beat has its token.
  void enter(std::size_t number, Callback kind, const std::stop_token& token = {}) noexcept {
    Life& one = life(number);
    if (self->locks != 0) fail(number, "user code runs under a lock");
    if (is_shut_down_) fail(number, "user code runs after shutdown");
    const bool is_waited_for = waits_for(kind);
    if (one.is_stopped && is_waited_for) fail(number, "a callback runs after stop has returned");
    if (one.is_stopped && kind == Callback::blocking_beat && !token.stop_requested()) {
      fail(number, "a beat begins after stop, and is not cancelled");
    }
    if (one.ends != 0 && (is_waited_for || kind == Callback::end_event)) fail(number, "`ended` was not the last");
    if (kind == Callback::end_event && one.running != 0) fail(number, "its end is told while a callback of it runs");
    one.running += is_waited_for ? 1 : 0;
    ++running_;
    if (kind == Callback::end_event) ++one.ends;
  }

  void leave(std::size_t number, Callback kind) noexcept {
    life(number).running -= waits_for(kind) ? 1 : 0;
    --running_;
  }

  /// In flight is a beat from its claim on, until it is answered or times out, which may be before the call is made.
  void sends(std::size_t number, std::int64_t claimed, std::int64_t timeout) noexcept {
    Life& one = life(number);
    ++one.beats;
    if (claimed + timeout <= now_) return;
    if (one.is_in_flight && one.deadline > now_) fail(number, "two beats are in flight");
    one.is_in_flight = true;
    one.deadline = claimed + timeout;
  }

  void stop_returned(std::size_t number, bool did_end) noexcept {
    Life& one = life(number);
    if ((one.stops += did_end ? 1 : 0) > 1) fail(number, "two calls of stop said that they ended it");
    if (detail::CallbackFrame::is_inside()) return;
    if (one.running != 0) fail(number, "stop returned while a callback of it runs");
    one.is_stopped = true;
  }

  /// Nothing may run any more.
  void shut_down() noexcept {
    if (running_ != 0 && !detail::CallbackFrame::is_inside()) schedule_.fail("user code runs when shutdown returns");
    if (!detail::CallbackFrame::is_inside()) is_shut_down_ = true;
  }

 private:
  // Stop does not wait for a blocking beat, which is cancelled, nor for the token of a call that had timed out, which
  // is the transport's; a close comes after the end.
  static bool waits_for(Callback kind) noexcept {
    return kind == Callback::beat || kind == Callback::token || kind == Callback::state_event;
  }

  Scheduler& schedule_;
  const std::int64_t& now_;
  std::deque<Life> lives_;
  int running_ = 0;
  bool is_shut_down_ = false;
};

/// Stands around user code that the library calls.
class SeenCallback {
 public:
  SeenCallback(Watch& watch, std::size_t number, Callback kind, const std::stop_token& token = {})
      : watch_{watch}, number_{number}, kind_{kind} {
    watch_.enter(number, kind, token);
    point("is called");
  }
  SeenCallback(const SeenCallback&) = delete;
  SeenCallback& operator=(const SeenCallback&) = delete;
  ~SeenCallback() {
    point("returns");
    watch_.leave(number_, kind_);
  }

 private:
  Watch& watch_;
  std::size_t number_;
  Callback kind_;
};

}  // namespace heartbeat::interleaving
