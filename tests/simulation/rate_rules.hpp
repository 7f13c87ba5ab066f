// SPDX-License-Identifier: BSL-1.0
// What a rate promises, from both sides: in any time no more is sent than it allows in it and one burst of a tenth of a
// second besides, whatever rested before or is sent again (repeated attempts and closes get half of it, and a burst of
// that); and a burst that is there is not withheld. Included by model.hpp, which keeps it.
//
//    tokens   come at the rate's pace, and are not kept beyond a burst
//               |
//    at most    an Allowance that must never be overdrawn; a shard may have put a token by for what waited and ended
//    at least   PromptSends: nobody waits, so nothing is put by, and what is due has to be sent at once
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>

#include "life.hpp"
#include "plan.hpp"

namespace heartbeat::simulation {

/// In tokens.
class Allowance {
 public:
  Allowance(double rate, double most, double first) : rate_{rate}, most_{most}, left_{first} {}

  void reach(Time now) {
    left_ = std::min(most_, left_ + rate_ * std::chrono::duration<double>{now - at_}.count());
    at_ = now;
  }
  void take(double tokens) { left_ -= tokens; }
  [[nodiscard]] double left() const { return left_; }

 private:
  const double rate_;
  const double most_;
  double left_;
  Time at_{0};
};

/// A rate's burst: a tenth of a second of it, one token at least.
[[nodiscard]] inline double burst_of(double rate) {
  return std::max(1.0, rate / 10);
}

/// Whether beats that are due are sent at once where tokens are there for them beyond doubt. It knows when some are
/// due: the first one where that is asked for at once, and whatever follows on the grid of one that was on time.
class PromptSends {
 public:
  explicit PromptSends(const Plan& plan)
      : plan_{plan}, tick_{plan.registry.tick.count()}, tokens_{rate_of(plan), burst_of(rate_of(plan)), 0} {}

  /// To be asked before the model counts it. False if it had to be sent before.
  [[nodiscard]] bool sends(const Life& life, Time away_to, Time now) {
    if (away_to >= settled_at_) dry_at_ = now;
    const bool is_in_time = !is_late(life, now);
    const std::optional<Time> due = due_at(life);
    const bool is_on_time = due && is_near(now, *due);
    if (is_on_time) {
      on_time_[life.key.owner] = now;
    } else {
      on_time_.erase(life.key.owner);
    }
    takes(now);
    return is_in_time;
  }
  void closes(Time now) { takes(now); }

  /// Everything that was ready has run: one that had to be sent and was not; null if there is none.
  [[nodiscard]] const Life* settle(const std::deque<Life>& lives, Time away_to, Time now) {
    tokens_.reach(now);
    if (away_to >= settled_at_) dry_at_ = now;
    settled_at_ = now;
    bool waits = away_to == now;
    const Life* late = nullptr;
    for (const Life& life : lives) {
      if (life.generation == 0) continue;
      if (is_late(life, now)) late = &life;
      waits = waits || may_wait(life, now);
    }
    note_waiting(waits, now);
    return late;
  }

 private:
  [[nodiscard]] static double rate_of(const Plan& plan) { return plan.registry.max_sends_per_second.value_or(1); }
  [[nodiscard]] Time up(Time time) const { return Time{(time.count() + tick_ - 1) / tick_ * tick_}; }
  [[nodiscard]] bool is_near(Time a, Time b) const { return std::max(a, b) - std::min(a, b) <= Span{2 * tick_}; }

  void takes(Time now) {
    tokens_.reach(now);
    tokens_.take(1);
    if (tokens_.left() < 1) dry_at_ = now;
  }

  // Who waits may make its shard put tokens by, one for each of its queues, and nobody can tell how many still are once
  // nobody waits any more.
  void note_waiting(bool waits, Time now) {
    if (waits) dry_at_ = now;
    if (!waits && waited_) tokens_.take(2.0 * *plan_.registry.shards);
    waited_ = waits;
    if (tokens_.left() < 1) dry_at_ = now;
  }

  // When its next beat is due, where that is known.
  [[nodiscard]] std::optional<Time> due_at(const Life& life) const {
    if (life.is_gated() || life.is_pace_unsure || life.has_new_grid || life.is_unsure || life.was_stuck) return {};
    if (life.beats.empty()) {
      return life.options.first_beat == FirstBeat::now ? std::optional{up(life.started)} : std::nullopt;
    }
    const auto found = on_time_.find(life.key.owner);
    if (found == on_time_.end() || life.beats.back().fate != SentBeat::Fate::acknowledged) return {};
    const Time due = up(found->second + life.interval());
    return due > life.beats.back().decided ? std::optional{due} : std::nullopt;
  }

  [[nodiscard]] bool is_late(const Life& life, Time now) const {
    if (life.ended) return false;
    const std::optional<Time> due = due_at(life);
    return due && now > *due + Span{2 * tick_} && dry_at_ < *due - Span{2 * tick_};
  }

  // Something of it may be ready, and not be sent for want of a token.
  [[nodiscard]] bool may_wait(const Life& life, Time now) const {
    if (life.ended) return life.close.is_open(now) || (life.close.is_unsent() && now < life.close.last_limit());
    if (const std::optional<Time> due = due_at(life)) {
      return now > *due + Span{2 * tick_} || (now + Span{2 * tick_} >= *due && tokens_.left() < 1);
    }
    if (life.beats.empty()) return true;
    const SentBeat& last = life.beats.back();
    if (last.fate == SentBeat::Fate::open) return now >= last.deadline;
    return last.fate != SentBeat::Fate::acknowledged || now >= last.sent + life.interval() / 2;
  }

  const Plan& plan_;
  const std::int64_t tick_;
  Allowance tokens_;  // none at first: nobody has rested before a clock begins
  Time dry_at_{-1};   // when they were last not there beyond doubt
  Time settled_at_{0};
  bool waited_ = false;
  std::map<int, Time> on_time_;  // when the last beat of a heartbeat was sent, if it was on time: by owner
};

}  // namespace heartbeat::simulation
