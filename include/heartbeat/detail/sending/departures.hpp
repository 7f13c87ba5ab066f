// SPDX-License-Identifier: BSL-1.0
// What may leave a shard now: nearest to valid until first, as far as there are credits for calls in flight and tokens
// for sends. Read next: limits.hpp, credits.hpp, token_bucket.hpp; shard/claiming.hpp, which sends what it gives.
//
// Two queues wait, each in the order of valid until:
//   ready         regular beats, of sessions that are valid or not acknowledged yet
//   ready_again   repeated attempts, beats of sessions whose validity is over, and closes (which come last): together
//                 they get no more than half of the credits and half of the tokens
// What waits is short of credits or tokens from the first round that had to leave something behind until one that
// leaves nothing.
//
//    begin --> choose --> sent        one round: choose until it gives null, or there is no room for more,
//                 ^  \--> not_sent    and say of each what became of it
//                 +--------/   \--> end
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <heartbeat/detail/sending/limits.hpp>
#include <heartbeat/detail/timing/tick.hpp>
#include <heartbeat/detail/timing/timing_wheel.hpp>

namespace heartbeat::detail {

/// How long an answer takes, smoothed. Threading: none of its own; the caller holds the shard's lock.
class RoundTrip {
 public:
  void add(std::int64_t nanoseconds) noexcept {
    smoothed_ = smoothed_ == 0 ? nanoseconds : smoothed_ + (nanoseconds - smoothed_) / 8;
  }
  /// In nanoseconds; 0 before the first.
  [[nodiscard]] std::int64_t smoothed() const noexcept { return smoothed_; }

 private:
  std::int64_t smoothed_ = 0;  // under the shard's lock
};

/// Threading: none of its own; the caller holds the shard's lock. The limits are other shards' too, and atomic.
/// Invariants: between two rounds it holds neither credits nor permissions, and of each of its two queues one token at
/// most, which is not there yet or was not used for want of something else. Whoever is held up for want of credits or
/// permissions has said that he waits; whoever is not, passes on what he was woken for.
class Departures {
 public:
  /// What one round may still take.
  struct Round {
    std::size_t room;
    std::size_t credits;
    bool may_again = true;
    bool has_credits = true;      // or has said that it waits for some
    bool has_permissions = true;  // as well
    Limit held_up = Limit::none;  // what kept something from leaving
  };

  /// For the shard at `place`. The wheels' memory comes from `chunks`, which outlives this. Throws std::bad_alloc.
  Departures(WheelChunkPool& chunks, Tick now, Limits& limits, std::size_t place)
      : limits_{limits}, place_{place}, ready_{chunks, now}, ready_again_{chunks, now} {}
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  // --- waiting

  /// Files what is ready, by the tick at which its waiting is over. Gives the tick at which it must be looked at.
  /// REQUIRES: linked nowhere, and room reserved for it.
  [[nodiscard]] Tick file(WheelHook& hook, Tick until, bool is_again) noexcept {
    return (is_again ? ready_again_ : ready_).insert(hook, until);
  }
  /// REQUIRES: filed here, as said.
  void erase(WheelHook& hook, bool is_again) noexcept { (is_again ? ready_again_ : ready_).erase(hook); }
  [[nodiscard]] bool empty() const noexcept { return ready_.empty() && ready_again_.empty(); }

  /// Takes out what has waited for too long, as much as there is room for.
  [[nodiscard]] TimingWheel::Expired expire(Tick now, std::span<WheelHook*> out) noexcept {
    const TimingWheel::Expired first = ready_.expire(now, out);
    if (first.more || first.count == out.size()) return {first.count, true};
    const TimingWheel::Expired second = ready_again_.expire(now, out.subspan(first.count));
    const std::size_t count = first.count + second.count;
    return {count, second.more || count == out.size()};
  }
  /// The tick at which there is something to expire again.
  [[nodiscard]] Tick next() const noexcept { return std::min(ready_.next(), ready_again_.next()); }

  /// When what waits for a token gets one; `instant_never` if nothing does.
  [[nodiscard]] Instant token_at() const noexcept { return token_at_; }
  /// True, once, if that time has come.
  [[nodiscard]] bool has_token_now(Instant now) noexcept {
    if (token_at_ == instant_never || token_at_ > now) return false;
    token_at_ = instant_never;
    return true;
  }

  // --- a round

  /// Begins a round of at most so many, with the credits that they need.
  [[nodiscard]] Round begin(std::size_t room) noexcept {
    const std::size_t usable = ready_.size() + std::min(ready_again_.size(), limits_.credits.available_again());
    return {.room = room, .credits = limits_.credits.take(std::min(room, usable))};
  }

  /// The next one that may leave, taken out; null if nothing waits, or nothing that waits may leave now.
  struct Choice {
    WheelHook* hook = nullptr;
    bool is_again = false;
  };
  [[nodiscard]] Choice choose(Round& round, Instant now, Returned& returned) noexcept {
    for (;;) {
      if (ready_.empty() && (!round.may_again || ready_again_.empty())) return {};
      if (round.credits == 0) round.credits = wait_for_credits(round);
      if (round.credits == 0) return {};
      const bool is_again = is_again_next(round.may_again);
      if ((!is_again || has_permission(round)) && has_token(round, is_again, now, returned)) {
        return {.hook = (is_again ? ready_again_ : ready_).pop_first(), .is_again = is_again};
      }
      if (!is_again) return {};
      round.may_again = false;
    }
  }

  /// It was sent: its credits are the call's.
  static void sent(Round& round) noexcept {
    --round.room;
    --round.credits;
  }
  /// It was not: credit and token serve the next one, the permission goes back.
  void not_sent(const Choice& choice, Instant now, Returned& returned) noexcept {
    (choice.is_again ? token_again_ : token_) = now;
    returned.again += choice.is_again ? 1 : 0;
  }

  void end(Round& round, Instant now, Returned& returned) noexcept {
    if (round.room == 0 && !empty()) {  // with room for one more, it would have been held up
      round.room = 1;
      round.credits += wait_for_credits(round);
    }
    returned.credits += std::exchange(round.credits, 0);
    returned.may_pass_on = returned.may_pass_on || round.has_credits;
    returned.may_pass_on_again = returned.may_pass_on_again || round.has_permissions;
    is_held_up_ = round.held_up != Limit::none;
    if (is_held_up_) held_up_ = round.held_up;
    if (is_held_up_ && short_since_ == instant_never) short_since_ = now;
    if (empty()) short_since_ = instant_never;
  }

  /// True if another round now would find more: not while what is ready waits for credits or tokens.
  [[nodiscard]] bool can_leave_more() const noexcept { return !empty() && !is_held_up_; }

  // --- shortage

  [[nodiscard]] bool is_short() const noexcept { return short_since_ != instant_never; }
  /// Of what: the limit that last kept something from leaving.
  [[nodiscard]] Limit held_up() const noexcept { return held_up_; }
  /// How much of that lateness is the shortage's.
  [[nodiscard]] std::int64_t wait_of(std::int64_t lateness, Instant now) const noexcept {
    return is_short() ? std::min(lateness, now - short_since_) : 0;
  }
  /// What waits has done so since then, for want of a thread that could have begun a round.
  void had_no_thread(Instant since) noexcept {
    if (empty() || short_since_ <= since) return;
    short_since_ = since;
    held_up_ = Limit::calls;
  }
  /// The regular beat that comes next; null if there is none.
  [[nodiscard]] WheelHook* first() noexcept {
    WheelHook* const hook = ready_.pop_first();
    if (hook != nullptr) (void)ready_.insert(*hook, hook->due);
    return hook;
  }
  /// True for the first who asks in each shortage: one that knows is enough, and a shortage must not make work.
  [[nodiscard]] bool is_first_told() noexcept { return std::exchange(told_short_since_, short_since_) != short_since_; }

  /// Of acknowledged beats.
  [[nodiscard]] RoundTrip& round_trip() noexcept { return round_trip_; }

 private:
  // Which of the two queues comes next, by whose first is nearer to valid until. REQUIRES: one of them may.
  [[nodiscard]] bool is_again_next(bool may_again) const noexcept {
    if (!may_again || ready_again_.empty()) return false;
    return ready_.empty() || ready_again_.first() < ready_.first();
  }

  // Asked for again once it is known that we wait, for what was given back in between.
  [[nodiscard]] std::size_t wait_for_credits(Round& round) noexcept {
    if (const std::size_t taken = limits_.credits.take(round.room); taken != 0) return taken;
    limits_.credits.waiting.add(place_);
    const std::size_t taken = limits_.credits.take(round.room);
    if (taken == 0) {
      round.has_credits = false;
      round.held_up = Limit::calls;
    }
    return taken;
  }

  // What a repeated attempt or a close needs besides its credit.
  [[nodiscard]] bool has_permission(Round& round) noexcept {
    if (limits_.credits.take_again()) return true;
    limits_.credits.waiting_again.add(place_);
    if (limits_.credits.take_again()) return true;  // given back before it was known that we wait
    round.has_permissions = false;
    round.held_up = Limit::calls;
    return false;
  }

  // A token that is not there yet is kept until it is; the permission goes back meanwhile, and to whom it may serve.
  [[nodiscard]] bool has_token(Round& round, bool is_again, Instant now, Returned& returned) noexcept {
    Instant& token = is_again ? token_again_ : token_;
    if (token == instant_never) {
      token = limits_.tokens.take(now);
      if (is_again) token = std::max(token, limits_.tokens_again.take(now));
    }
    if (token <= now) {
      token = instant_never;
      return true;
    }
    token_at_ = std::min(token_at_, token);
    round.held_up = Limit::rate;
    if (is_again) ++returned.again;
    return false;
  }

  // All of it under the shard's lock, but for the first two: the limits are shared, the place is constant.
  Limits& limits_;
  const std::size_t place_;
  TimingWheel ready_;
  TimingWheel ready_again_;
  Instant token_ = instant_never;             // taken, and not used: from when it may be
  Instant token_again_ = instant_never;       // as well, for what is tried again
  Instant token_at_ = instant_never;          // when what waits for a token gets one
  Instant short_since_ = instant_never;       // something ready is left behind since then
  Instant told_short_since_ = instant_never;  // the shortage that was told
  RoundTrip round_trip_;                      // of acknowledged beats
  bool is_held_up_ = false;                   // the last round had to leave something for want of credits or tokens
  Limit held_up_ = Limit::none;               // and why
};

}  // namespace heartbeat::detail
