// SPDX-License-Identifier: BSL-1.0
// The model's judgements about calls that block: how many are on stacks, and whose. Included by model.hpp.
#pragma once

#include <algorithm>

#include "model.hpp"

namespace heartbeat::simulation {

// Of repeated attempts and closes together.
inline std::size_t Model::most_again_calling() const {
  return std::max<std::size_t>(1, plan_.most_calling() / 2);
}

inline std::size_t Model::again_calling() const {
  return static_cast<std::size_t>(
      std::count_if(on_stacks_.begin(), on_stacks_.end(), [](const OnStack& call) { return call.is_again; }));
}

inline void Model::call_begins(const SessionKey& key, bool is_close, Time now) {
  Life& one = life(key);
  const bool is_repeat = is_close || one.beats.size() > one.acknowledged + 1;  // it is among them already
  for (const OnStack& other : on_stacks_) {
    if (other.key.owner == key.owner) object("F10", &one, now, "two calls of one heartbeat at once");
    if (other.key == key) object("F10", &one, now, "two calls of one key at once");
  }
  on_stacks_.push_back({.key = key, .is_again = is_repeat, .may_be_again = is_repeat || now >= down(one.limit())});
  if (on_stacks_.size() > plan_.most_calling())
    object("F7", &one, now, "more calls at once than the pool has room for");
  if (again_calling() > most_again_calling()) {
    object("F16", &one, now, "repeated attempts and closes have more than half of the pool");
  }
  note_full();
}

inline void Model::call_returns(const SessionKey& key, Time now) {
  if (Life* const next = running(key.id); next != nullptr) next->call_returned = now;
  on_stacks_.erase(std::find_if(on_stacks_.begin(), on_stacks_.end(),
                                [&](const OnStack& call) { return call.key.owner == key.owner; }));
}

inline void Model::judge_nobody_inside(std::string_view text, Time now) {
  if (!on_stacks_.empty()) object("G6", &life(on_stacks_.front().key), now, text);
}

inline void Model::note_full() {
  was_full_ = was_full_ || !has_free_thread(true);
}

inline bool Model::is_calling(const Life& life) const {
  return std::any_of(on_stacks_.begin(), on_stacks_.end(),
                     [&](const OnStack& call) { return call.key.owner == life.key.owner; });
}

// An earlier heartbeat of its key has ended, and has a call on a stack.
inline bool Model::is_held_for_call(const Life& life) const {
  return std::any_of(on_stacks_.begin(), on_stacks_.end(),
                     [&](const OnStack& call) { return call.key == life.key && call.key.owner != life.key.owner; });
}

// A call that was given up keeps its place until it returns.
inline bool Model::has_free_thread(bool is_repeat) const {
  const std::size_t most = std::min(plan_.most_calling(), plan_.registry.max_in_flight);
  if (on_stacks_.size() >= most) return false;
  const auto again = static_cast<std::size_t>(
      std::count_if(on_stacks_.begin(), on_stacks_.end(), [](const OnStack& call) { return call.may_be_again; }));
  return !is_repeat || again < std::max<std::size_t>(1, most / 2);
}

// To be asked before a beat is told as sent: nothing but the pool can have kept it waiting.
inline void Model::note_shortage(const Life& life, Time now) {
  if (plan_.form != BeatForm::blocking || plan_.is_limited_without_pool() || life.ended) return;
  const Time due = due_by(life);
  if (due == Time::max() || away_to_ >= life.started || now <= due + tick()) return;
  ++waited_for_pool_;
}

inline void Model::judge_shortage(const Statistics& sums, Time now) {
  if (sums.starved < waited_for_pool_) {
    object("F16", nullptr, now, "beats have waited for the pool, and are not counted");
  }
  const bool is_short = plan_.is_limited_without_pool() || (plan_.form == BeatForm::blocking && was_full_);
  if (!is_short && sums.starved != 0) object("F16", nullptr, now, "counted as starved, and nothing was short");
}

}  // namespace heartbeat::simulation
