// SPDX-License-Identifier: BSL-1.0
// One heartbeat as the fuzzing target knows it: its handle, which is looked at before and after all that happens to it,
// and the model of a heartbeat, whose first objection ends the process. Where the time of an event is not his to know
// (a beat may have timed out by now, or not yet) the observer takes either. Read next: ../model/life.hpp, the rules;
// registry.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/handle.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "../model/close.hpp"
#include "../model/life.hpp"
#include "input.hpp"

namespace heartbeat::fuzz {

using testing::ManualClock;
using Options = HeartbeatOptions<ManualClock>;
using Handle = HeartbeatHandle<int, ManualClock>;
using Time = ManualClock::time_point;
using Span = std::chrono::nanoseconds;

/// Ends the process at the first objection.
class Strict final : public model::Observer {
 public:
  void object(std::string_view guarantee, const model::Life*, model::Time, std::string_view text) override {
    require(false, (std::string{guarantee} + ": " + std::string{text}).c_str());
  }
};
inline Strict strict;

/// One generation of a key.
class Life {
 public:
  Life(Handle handle, const Options& options, Span tick, Time started)
      : options_{options},
        handle_{std::move(handle)},
        tick_{tick},
        seen_{strict, model::terms_of(options, tick, started.time_since_epoch()), started.time_since_epoch()},
        close_{strict, model::close_terms_of(options, tick)},
        ran_at_{started} {}
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  void watch_token() {
    seen_.asks_for_token();
    on_end_.emplace(handle_.stop_token(), Fired{this});
  }

  // --- what was done to it

  void stop_is_asked() { seen_.may_be_stopped = seen_.may_be_stopped || is_running(); }
  void stop_has_returned(bool did_end, Time now) {
    seen_.stop_returned(did_end, !is_running(), false, now.time_since_epoch());
  }
  void parent_is_cancelled() { seen_.may_be_cancelled = seen_.is_cancelled = true; }
  void is_shut_down() { seen_.may_be_shut_down = true; }
  /// A shutdown has begun, which lets closes wait for their beats until then.
  void shutdown_begins(Time waits_until, Time now) {
    is_shut_down();
    waits_until_ = waits_until;
    close_.shutdown_begins(waits_until.time_since_epoch(), now.time_since_epoch());
  }
  /// Another heartbeat goes on with its session; or does not, as it turned out.
  void is_replaced(bool is) { is_replaced_ = is; }
  /// A close of an earlier heartbeat of the key may come at any time.
  void is_doubted(model::Close::Sure doubt) {
    const bool is_in_doubt = doubt == model::Close::Sure::yes ||
                             (doubt == model::Close::Sure::unsure && !model::view_of(handle_).valid_until);
    if (is_in_doubt) seen_.valid_until.reset();
  }
  void was_swept(Time now) { seen_.swept(now.time_since_epoch()); }
  void progress(Time now) {
    seen_.last_progress = now.time_since_epoch();
    handle_.progress();
  }

  /// A beat is being sent; promptly, if nothing can have kept it waiting since it was due. Its number.
  std::size_t sent(Time now, Span timeout, bool is_prompt) {
    check(now);
    const model::Time at = now.time_since_epoch();
    return seen_.sends({.claimed = at, .timeout = timeout, .now = at, .is_prompt = is_prompt});
  }

  /// The answer to the beat of that number is given; `give` gives it.
  template <class Give>
  void answered(std::size_t beat, Time now, const BeatResult& result, Give give) {
    check(now);
    const auto counts =
        seen_.beats[beat].is_answered ? model::Life::Counts::no : seen_.answering(beat, now.time_since_epoch(), result);
    give();
    seen_.answered(beat, now.time_since_epoch(), result, counts);
    check(now);
  }
  /// The same by an exception, which counts once the call has returned.
  void throws(std::size_t beat, Time now) {
    const BeatResult result = BeatResult::failed({});
    seen_.answered(beat, now.time_since_epoch(), result, seen_.answering(beat, now.time_since_epoch(), result));
  }

  /// A close of it is being sent. Its number.
  std::size_t close_sent(Time now, Span timeout) {
    const model::Time at = now.time_since_epoch();
    bool is_beat_in_flight = false;
    if (!seen_.beats.empty()) {
      const model::SentBeat& beat = seen_.beats.back();
      is_beat_in_flight = beat.fate == model::SentBeat::Fate::open && !beat.is_answered && !beat.is_being_answered &&
                          at < beat.deadline;
    }
    return close_.sends(&seen_, {.now = at, .timeout = timeout, .is_beat_in_flight = is_beat_in_flight});
  }
  void close_answered(std::size_t call, Time now, bool is_confirmed) {
    close_.answered(call, now.time_since_epoch(), is_confirmed);
  }
  /// `wait` waits for its close, and says what it was told.
  template <class Wait, class Clock>
  void waits_for_close(const Clock& clock, Wait wait) {
    const bool is_closed = wait();
    check(clock.now());
    close_.waited(&seen_, is_closed, !is_running(), clock.now().time_since_epoch());
  }

  /// An event of it is told.
  void told(bool is_end, EndReason reason, Time now) {
    check(now);
    seen_.told(is_end, reason, now.time_since_epoch());
  }

  /// The clock will jump, and nothing run in between. `threshold`: the registry's, of a gap (G18).
  void is_away(Time from, Time to, Span threshold) {
    check(from);
    const Time limit{seen_.limit()};
    const bool is_waiting = std::all_of(seen_.beats.begin(), seen_.beats.end(),
                                        [](const model::SentBeat& beat) { return beat.is_answered; });
    const bool is_long = to - limit > seen_.pace.gap(threshold, seen_.terms) + tick_;
    // Whether a fresh beat was sent before a second jump, nobody knows.
    const bool is_first = !std::exchange(gap_begin_, std::nullopt);
    if (is_first && is_waiting && is_long && from < limit - tick_) gap_begin_ = from.time_since_epoch();
  }

  // --- what must hold

  /// Nothing but an absence can have kept its beats from being sent.
  void check_fresh_beat() const {
    if (!gap_begin_ || handle_.ended() != EndReason::stalled || seen_.is_gated() || seen_.beats.empty()) return;
    require(seen_.beats.back().sent > *gap_begin_, "no end without a fresh beat after a time gap");
  }

  void check(Time now) {
    seen_.look(model::view_of(handle_), now.time_since_epoch());
    const auto reason = handle_.ended();
    if (!reason) {
      ran_at_ = now;
    } else if (!std::exchange(is_end_seen_, true) && !is_replaced_ && model::asks_for_close(options_, *reason)) {
      const bool has_beat = !seen_.beats.empty() && !seen_.beats.back().is_answered;
      close_.begins(ran_at_.time_since_epoch(), now.time_since_epoch(), has_beat);
      if (waits_until_) close_.shutdown_begins(waits_until_->time_since_epoch(), now.time_since_epoch());
    }
  }

  /// Nothing but the clock's being somewhere else can have kept a timeout of its close from being seen.
  void check_close(Time now) { close_.judge_rest(&seen_, {.is_prompt = false}, (now - tick_).time_since_epoch()); }

  /// Nothing but the clock's being somewhere else can have kept it alive until now.
  void check_not_overdue(Time now) {
    check(now);
    seen_.judge_overdue((now - tick_).time_since_epoch());
  }

  /// After the registry's death.
  void check_over(bool has_sink, Time now) {
    require(!is_running(), "everything ends");
    check(now);
    require(has_sink || !seen_.is_end_told, "nothing is told to nobody");
    seen_.judge_rest(has_sink, now.time_since_epoch());
  }

  [[nodiscard]] bool is_running() const { return !handle_.ended(); }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Handle& handle() { return handle_; }
  [[nodiscard]] model::Close& close() { return close_; }

 private:
  struct Fired {
    Life* life;
    void operator()() const { life->seen_.token_fires(life->is_running(), model::Time{}); }
  };

  const Options options_;
  Handle handle_;
  const Span tick_;
  model::Life seen_;
  model::Close close_;
  Time ran_at_;  // when it was last seen to run
  std::optional<Time> waits_until_;
  bool is_replaced_ = false;
  bool is_end_seen_ = false;
  std::optional<model::Time> gap_begin_;  // of the jump in which its validity ended
  std::optional<std::stop_callback<Fired>> on_end_;
};

}  // namespace heartbeat::fuzz
