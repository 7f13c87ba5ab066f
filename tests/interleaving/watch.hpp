// SPDX-License-Identifier: BSL-1.0
// Sees every callback and every return of a call that promises something, and breaks the schedule off where a promise
// is not kept. What it makes of each heartbeat by itself is the model's (../model/life.hpp): of all that this one can
// say, in a schedule where other threads have done something that nobody has seen yet, only the order of things is
// certain. Read next: world.hpp.
//
// What it checks, at each callback:
//   G1   at most one beat of a heartbeat is in flight (the model)
//   G2   after a stop that waits has returned, no callback of that heartbeat but its `ended` runs (G15; the model)
//   G3   `ended` is told once, for the reason it ended for, and is the last thing that a heartbeat says (the model)
//   G4   no user code runs under a lock
//   G6   after a shutdown that was done, and after the destructor, no user code runs
//   F15  a close overtakes no beat of its heartbeat, and no beat follows it; one close of it is under way at a time; no
//        heartbeat starts while the first is on its way, or relies on its grant while any close of its key may still be
//        executed
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "../model/life.hpp"
#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/end.hpp>

namespace heartbeat::interleaving {

enum class Callback { beat, blocking_beat, close, blocking_close, call_token, token, state_event, end_event };

/// A close that has reached the transport.
struct SentClose {
  model::Time deadline{};
  bool is_answered = false;  // the server has executed it, or never will
};

/// One heartbeat, as it was seen from outside: any end may come at any moment.
struct Life : model::Life {
  Life(model::Observer& observer, std::size_t its_number, int its_name)
      : model::Life{observer, {}, {}}, number{its_number}, name{its_name} {
    may_be_gone = may_fail = may_be_cancelled = may_be_stopped = may_be_shut_down = true;
  }

  std::size_t number;
  int name;  // of its key
  bool is_refused = false;
  bool may_close = false;        // its end may be followed by a close
  bool has_started = false;      // its start has returned, and was not refused
  bool relies_on_grant = false;  // it was valid then, though nothing was acknowledged
  int running = 0;               // callbacks that stop waits for
  int blocking = 0;              // beats and closes that are on a stack
  EndReason reason{};
  std::vector<SentClose> closes;
};

/// Lives, numbered from 0 in the order of their starts.
class Watch final : public model::Observer {
 public:
  Watch(Scheduler& schedule, const std::int64_t& now) : schedule_{schedule}, now_{now} {}

  std::size_t begin(int name, bool may_close) {
    lives_.emplace_back(*this, lives_.size(), name).may_close = may_close;
    return lives_.size() - 1;
  }

  /// Its start has returned, and was not refused. `is_valid`: it was valid afterwards, by a grant or a beat.
  void has_started(std::size_t number, bool is_valid) noexcept {
    Life& one = life(number);
    one.has_started = true;
    one.relies_on_grant = is_valid;
    for (const model::SentBeat& beat : one.beats)
      if (beat.is_being_answered) one.relies_on_grant = false;
    for (const Life& old : lives_) {
      if (old.name != one.name || old.number >= number) continue;
      for (const SentClose& close : old.closes)
        judge_start_and_close(one, close, &close == &old.closes.front());
    }
  }

  [[nodiscard]] Life& life(std::size_t number) { return lives_.at(number); }
  [[nodiscard]] std::deque<Life>& lives() { return lives_; }

  [[noreturn]] void fail(std::size_t number, const std::string& what) noexcept {
    schedule_.fail("heartbeat " + std::to_string(number) + ": " + what);
  }
  void object(std::string_view guarantee, const model::Life* life, model::Time, std::string_view text) override {
    fail(static_cast<const Life*>(life)->number, std::string{guarantee} + ": " + std::string{text});
  }

  /// A call of the user's code begins. A blocking beat has its token.
  void enter(std::size_t number, Callback kind, const std::stop_token& token = {}) noexcept {
    Life& one = life(number);
    if (self->locks != 0) fail(number, "user code runs under a lock");
    if (is_shut_down_) fail(number, "user code runs after shutdown");
    // A beat that a close follows is not cancelled: the close waits for it.
    if (one.is_stopped() && kind == Callback::blocking_beat && !token.stop_requested() && !one.may_close) {
      fail(number, "a beat begins after stop, and is not cancelled");
    }
    if (waits_for(kind)) one.begins(now());
    if (kind == Callback::end_event && one.running != 0) fail(number, "its end is told while a callback of it runs");
    one.running += waits_for(kind) ? 1 : 0;
    if (blocks(kind) && one.blocking++ != 0) fail(number, "two blocking calls of it at once");
    ++running_;
  }

  void leave(std::size_t number, Callback kind) noexcept {
    life(number).running -= waits_for(kind) ? 1 : 0;
    life(number).blocking -= blocks(kind) ? 1 : 0;
    --running_;
  }

  /// In flight is a beat from its claim on, until it is answered or times out, which may be before the call is made. It
  /// may have been claimed before an end that was only asked for; a stop that waits waits for it, unless it blocks:
  /// then the call is made, cancelled.
  std::size_t sends(std::size_t number, Callback kind, std::int64_t claimed, std::int64_t timeout) noexcept {
    Life& one = life(number);
    if (!one.closes.empty() && claimed + timeout > now_ && !is_ending_) fail(number, "F15: a beat after its close");
    return one.sends({.claimed = model::Time{claimed},
                      .timeout = model::Span{timeout},
                      .now = now(),
                      .may_outlast_end = kind == Callback::blocking_beat || !one.is_stopped()});
  }
  /// From now on it may be in flight no more.
  void answers(std::size_t number, std::size_t beat) noexcept { life(number).beats.at(beat).is_being_answered = true; }

  /// A close is called; which one of its heartbeat's that is. At half the grace of a shutdown it waits for no beat.
  std::size_t sends_close(std::size_t number, std::int64_t claimed, std::int64_t timeout) noexcept {
    Life& one = life(number);
    if (!one.may_close) fail(number, "F15: a close that nobody wants");
    if (one.is_in_flight(now()) && !is_ending_) fail(number, "F15: a close overtakes a beat");
    const SentClose close{.deadline = model::Time{claimed + timeout}};
    for (const SentClose& other : one.closes)
      if (!other.is_answered && now() < other.deadline && now() < close.deadline)
        fail(number, "F15: two closes at once");
    for (const Life& next : lives_)
      if (next.name == one.name && next.number > number && next.has_started)
        judge_start_and_close(next, close, one.closes.empty());
    one.closes.push_back(close);
    return one.closes.size() - 1;
  }
  void answers_close(std::size_t number, std::size_t close) noexcept {
    life(number).closes.at(close).is_answered = true;
  }
  /// A shutdown, or the destructor, begins.
  void is_ending() noexcept { is_ending_ = true; }

  void stop_returned(std::size_t number, bool did_end) noexcept {
    Life& one = life(number);
    const bool waited = !detail::CallbackFrame::is_inside();
    one.stop_returned(did_end, true, waited, now());
    if (waited && one.running != 0) fail(number, "stop returned while a callback of it runs");
  }

  /// To be told before its sink is called.
  void told_end(std::size_t number, EndReason reason) noexcept {
    life(number).reason = reason;
    life(number).told(true, reason, now());
  }

  /// Nothing may run any more.
  void shut_down() noexcept {
    if (running_ != 0 && !detail::CallbackFrame::is_inside()) schedule_.fail("user code runs when shutdown returns");
    if (!detail::CallbackFrame::is_inside()) is_shut_down_ = true;
  }

 private:
  // A close that reached the transport, and a heartbeat of the same key that was started after its own had ended.
  void judge_start_and_close(const Life& next, const SentClose& close, bool is_first) noexcept {
    if (close.is_answered) return;
    if (next.relies_on_grant) fail(next.number, "F15: it relies on its grant, and a close of its key may hit it");
    if (is_first && now() < close.deadline) fail(next.number, "F15: started, and a close of its key is on its way");
  }

  // Stop does not wait for a blocking beat, which is cancelled, nor for the token of a call that had timed out, which
  // is the transport's; a close comes after the end.
  static bool waits_for(Callback kind) noexcept {
    return kind == Callback::beat || kind == Callback::token || kind == Callback::state_event;
  }

  static bool blocks(Callback kind) noexcept {
    return kind == Callback::blocking_beat || kind == Callback::blocking_close;
  }

  [[nodiscard]] model::Time now() const noexcept { return model::Time{now_}; }

  Scheduler& schedule_;
  const std::int64_t& now_;
  std::deque<Life> lives_;
  int running_ = 0;
  bool is_ending_ = false;
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
