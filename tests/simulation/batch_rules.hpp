// SPDX-License-Identifier: BSL-1.0
// What must hold of calls that carry the beats of several keys: no key twice and no close, what is due at one moment
// together, and a call that threw fails every beat that was not answered, once. Their retries come in smaller batches,
// then alone, and never with those that are well: one bad key cannot fail its neighbours (G8, F23). Included by
// model.hpp, which keeps it; network.hpp tells it of calls.
//
//    in doubt   how often its batches threw since it was last acknowledged; how often at least, and at most: what one
//               who sees only calls can tell, since the same round of the library may have had other calls that threw
//
//    none   any batch           once   at most 16, with others that are in doubt           twice   alone
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "life.hpp"
#include "plan.hpp"

namespace heartbeat::simulation {

class BatchRules {
 public:
  BatchRules(model::Observer& observer, const Plan& plan) : observer_{observer}, plan_{plan} {}

  /// A batch is about to be taken. `round`: the task of the executor on whose stack that happens.
  void takes(std::span<Life* const> batch, std::uint64_t round, Time now) {
    judge_keys(batch, now);
    judge_doubts(batch, now);
    const bool is_well_all = std::all_of(batch.begin(), batch.end(), [&](const Life* life) { return is_well(*life); });
    if (is_well_all) judge_split(batch, round, now);
    well_in_ = is_well_all ? std::optional{Moment{.round = round, .at = now}} : std::nullopt;
  }
  /// It was taken: its beats are told as sent.
  void taken(std::span<Life* const> batch, std::uint64_t round) {
    if (torn_.count(round) == 0) return;
    for (const Life* life : batch)
      doubts_[life->key.owner].raise_most(*life);
  }
  /// A call throws: it fails those of its beats that were not answered.
  void throws(std::span<Life* const> unanswered, const std::deque<Life>& lives, std::uint64_t round) {
    torn_.insert(round);
    for (const Life& life : lives) {
      if (!life.ended && life.acknowledged != life.beats.size()) doubts_[life.key.owner].raise_most(life);
    }
    for (const Life* life : unanswered) {
      if (life->beats.back().fate == SentBeat::Fate::failed) doubts_[life->key.owner].raise_least(*life);
    }
    other_call();
  }
  /// A call of another kind comes between two batches.
  void other_call() { well_in_.reset(); }

  /// An end as stalled, in a world in which nothing goes wrong but the batches of one key.
  void judge_end(const Life& life, EndReason reason, Time now) const {
    if (plan_.bad_key < 0 || life.key.id == plan_.bad_key || reason != EndReason::stalled) return;
    if (life.options.attempts >= 3)
      observer_.object("F23", &life, now, "a neighbour of a key whose batches throw has stalled");
  }

 private:
  static constexpr std::size_t small_batch = 16;

  struct Doubt {
    std::size_t least = 0;
    std::size_t most = 0;
    std::size_t least_since = 0;  // so many of its beats had been sent then
    std::size_t most_since = 0;

    void see(const Life& life) {
      if (life.acknowledged >= least_since || life.is_unsure) least = 0;
      if (life.acknowledged >= most_since && !life.is_unsure) most = 0;
    }
    void raise_least(const Life& life) {
      see(life);
      ++least;
      least_since = life.beats.size();
    }
    void raise_most(const Life& life) {
      see(life);
      ++most;
      most_since = life.beats.size();
    }
  };

  [[nodiscard]] Doubt doubt(const Life& life) {
    Doubt& doubt = doubts_[life.key.owner];
    doubt.see(life);
    return doubt;
  }
  [[nodiscard]] bool is_well(const Life& life) { return doubt(life).most == 0 && !life.is_unsure; }

  void judge_keys(std::span<Life* const> batch, Time now) const {
    std::set<int> ids;
    for (Life* const life : batch) {
      if (!ids.insert(life->key.id).second) observer_.object("F10", life, now, "a key is in a batch twice");
      if (life->ended) observer_.object("F15", life, now, "it has ended, and is in a batch of beats");
    }
  }

  void judge_doubts(std::span<Life* const> batch, Time now) {
    const bool is_any_well = std::any_of(batch.begin(), batch.end(), [&](const Life* life) { return is_well(*life); });
    for (Life* const life : batch) {
      const std::size_t doubted = doubt(*life).least;
      if (doubted >= 2 && batch.size() > 1)
        observer_.object("F23", life, now, "its batches have thrown twice; it is not alone");
      if (doubted >= 1 && batch.size() > small_batch)
        observer_.object("F23", life, now, "its batch has thrown, and it comes in no smaller one");
      if (doubted >= 1 && is_any_well)
        observer_.object("F23", life, now, "its batch has thrown, and it is with one that is well");
    }
  }

  // Nothing has run since the last call, and so whatever is sent with this one could have been sent with that.
  void judge_split(std::span<Life* const> batch, std::uint64_t round, Time now) const {
    if (plan_.is_limited() || plan_.reenters > 0 || !well_in_) return;
    if (well_in_->round != round || well_in_->at != now) return;
    observer_.object("F23", batch.front(), now, "due together, sent in one round, and not in one batch");
  }

  struct Moment {
    std::uint64_t round = 0;
    Time at{};
  };

  model::Observer& observer_;
  const Plan& plan_;
  std::map<int, Doubt> doubts_;    // by owner
  std::set<std::uint64_t> torn_;   // rounds in which a call threw
  std::optional<Moment> well_in_;  // of the last call, if it was a batch of those that are well
};

}  // namespace heartbeat::simulation
