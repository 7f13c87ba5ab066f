// SPDX-License-Identifier: BSL-1.0
// What a naive observer knows of the heartbeats of one registry: of each generation what was asked, sent, answered and
// told, and what follows from that alone. It knows no wheel, no state machine and no lock, and where the time of an
// event is not his to know (a beat may have timed out by now, or not yet) he takes either. Read next: registry.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/handle.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "input.hpp"

namespace heartbeat::fuzz {

using testing::ManualClock;
using Options = HeartbeatOptions<ManualClock>;
using Handle = HeartbeatHandle<int, ManualClock>;
using Time = ManualClock::time_point;
using Span = std::chrono::nanoseconds;

/// One generation of a key.
class Life {
 public:
  Life(Handle handle, const Options& options, Span tick, Time started)
      : options_{options},
        handle_{std::move(handle)},
        tick_{tick},
        margin_{safety_margin_of(options, tick)},
        floor_{floor_of(options, tick)},
        limit_{options.granted_at.value_or(started) + (Span{options.ttl} - margin_)},
        is_confirmed_{options.granted_at.has_value()},
        last_progress_{started} {}
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// Counts how often the heartbeat's token fires.
  void watch_token() { on_end_.emplace(handle_.stop_token(), Fired{&fired_}); }

  // --- what was done to it

  void stop_is_asked() { may_be_stopped_ = may_be_stopped_ || is_running(); }
  void parent_is_cancelled() { may_be_cancelled_ = true; }
  void is_shut_down() { may_be_shut_down_ = true; }
  void progress(Time now) {
    last_progress_ = now;
    handle_.progress();
  }

  /// A beat is being sent; promptly, if nothing can have kept it waiting since it was due.
  void sent(Time now, Span timeout, bool is_prompt) {
    require(is_running(), "no beat is sent of what has ended");
    require(!may_be_cancelled_, "no beat is sent once the parent's request_stop has returned");
    require(is_answered_ || now >= deadline_, "one beat is in flight at most");
    require(!sent_at_ || now - *sent_at_ >= floor_, "no two sends are closer together than the floor");
    require(!is_prompt || !options_.progress_within || now - last_progress_ <= Span{*options_.progress_within},
            "no beat is sent without progress");
    require(timeout > Span{}, "a beat has time for its answer");
    sent_at_ = now;
    deadline_ = now + timeout;
    is_answered_ = false;
    ++beats_;
  }

  [[nodiscard]] std::uint64_t beats() const { return beats_; }

  /// The answer to the beat of that number is given; `give` gives it.
  template <class Give>
  void answered(std::uint64_t beat, Time now, const BeatResult& result, Give give) {
    const bool may_count = is_running() && beat == beats_ && !is_answered_;
    const bool counts = may_count && now < deadline_;
    if (beat == beats_) is_answered_ = true;
    if (may_count && result.kind() == BeatResult::Kind::gone) may_be_gone_ = true;
    if (may_count && result.kind() == BeatResult::Kind::failed && !result.retry()) may_be_failed_ = true;

    give();

    if (!may_count) return;
    if (result.kind() == BeatResult::Kind::gone) {
      require(!counts || handle_.ended() == EndReason::gone, "what is gone has ended");
    } else if (result.kind() == BeatResult::Kind::failed && !result.retry()) {
      require(!counts || handle_.ended() == EndReason::failed, "what has failed for good has ended");
    } else if (const auto ttl = acknowledged_ttl(result)) {
      acknowledged(*ttl, counts);
    }
  }

  /// An event of it is told.
  void told(bool is_end, EndReason reason) {
    require(!is_end_told_, "the end is told once, and last");
    if (!is_end) return;
    is_end_told_ = true;
    require(handle_.ended() == reason, "the reason that is told is the handle's");
  }

  // --- what must hold

  void check(Time now) {
    if (const auto reason = handle_.ended()) {
      require(may_have_ended(*reason, now), "it ended for a reason that there was");
      require(!reason_ || reason_ == reason, "there is one reason");
      reason_ = reason;
      require(!handle_.valid() && handle_.valid_until() == Time::min(), "what has ended is not valid");
      return;
    }
    require(handle_.valid_until() == (is_confirmed_ ? limit_ : Time::min()), "valid until is what the answers say");
    require(handle_.valid() == (is_confirmed_ && now < limit_), "valid exactly until then");
  }

  /// After the registry's death.
  void check_over(bool has_sink) const {
    require(handle_.ended().has_value(), "everything ends");
    require(is_end_told_ == has_sink, "each end is told");
    require(!on_end_ || fired_ == 1, "each token fires once");
  }

  /// True if nothing but the clock's being somewhere else can have kept it alive until now.
  [[nodiscard]] bool is_overdue(Time now) const {
    return is_running() && options_.on_stall == OnStall::end && now >= limit_ + tick_;
  }

  [[nodiscard]] bool is_running() const { return !handle_.ended(); }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Handle& handle() { return handle_; }

 private:
  struct Fired {
    int* count;
    void operator()() const { ++*count; }
  };

  [[nodiscard]] std::optional<Span> acknowledged_ttl(const BeatResult& result) const {
    if (result.kind() != BeatResult::Kind::acknowledged) return std::nullopt;
    const Span ttl = result.ttl().value_or(options_.ttl);
    if (ttl <= Span{} || (result.ttl() && ttl >= Span{Duration{Duration::longest}})) return std::nullopt;
    return ttl;
  }

  void acknowledged(Span ttl, bool counts) {
    // A ttl that is shorter than the one asked for leaves half of itself, where the margin would leave less.
    const Span asked = Span{options_.ttl} - margin_;
    const Time until =
        *sent_at_ + (ttl - margin_ >= asked ? ttl - margin_ : std::min(asked, std::max(ttl - margin_, ttl / 2)));
    if (counts || handle_.valid_until() == until) {
      require(is_running(), "what is acknowledged lives");
      limit_ = until;
      is_confirmed_ = true;
    }
  }

  [[nodiscard]] bool may_have_ended(EndReason reason, Time now) const {
    switch (reason) {
      case EndReason::stopped: return may_be_stopped_;
      case EndReason::parent_cancelled: return may_be_cancelled_;
      case EndReason::gone: return may_be_gone_;
      case EndReason::failed: return may_be_failed_ || options_.max_consecutive_failures;
      case EndReason::stalled: return options_.on_stall == OnStall::end && now + tick_ > limit_;
      case EndReason::shut_down: return may_be_shut_down_;
    }
    return false;
  }

  const Options options_;
  Handle handle_;
  const Span tick_;
  const Span margin_;
  const Span floor_;
  Time limit_;  // the end of validity, or of the patience with a first acknowledgement
  bool is_confirmed_;
  Time last_progress_;
  std::optional<Time> sent_at_;
  Time deadline_{};
  bool is_answered_ = true;
  std::uint64_t beats_ = 0;
  bool may_be_stopped_ = false;
  bool may_be_cancelled_ = false;
  bool may_be_gone_ = false;
  bool may_be_failed_ = false;
  bool may_be_shut_down_ = false;
  bool is_end_told_ = false;
  std::optional<EndReason> reason_;
  int fired_ = 0;
  std::optional<std::stop_callback<Fired>> on_end_;
};

}  // namespace heartbeat::fuzz
