// SPDX-License-Identifier: BSL-1.0
// What must hold of all heartbeats of a world together: the model is told everything that callers, transport and sink
// see, knows what the engine has to make of it, and objects to whatever else it does. The first objection ends a run.
// What must hold of each heartbeat by itself is in ../model/life.hpp, which other observers share.
// Read next: rules.hpp, its judgements about time; world.hpp, which tells it.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>

#include "../model/sums.hpp"
#include "life.hpp"
#include "plan.hpp"

namespace heartbeat::simulation {

/// A close call that a transport has.
struct SentClose {
  int owner;
  int id;
  Time deadline;
  bool is_answered = false;
};

class Model final : public model::Observer {
 public:
  explicit Model(const Plan& plan) : plan_{plan}, tick_{plan.registry.tick.count()} {}

  // --- time
  /// Everything that was ready has run, and time may go on.
  void settle(Time now);
  /// Nothing ran between these two moments, whatever was due.
  void was_away(Time from, Time to) {
    away_from_ = from;
    away_to_ = to;
    for (Life& life : lives_) {
      if (!life.ended && from < life.limit() && down(life.limit()) <= to) life.gap_end = to;
    }
  }

  // --- what callers do
  Life& start(int id, const LifeOptions& options, Time now);
  void started(Life& life, std::uint64_t generation) { life.generation = generation; }
  /// It was refused: as if nothing had been asked.
  void refused(Life& life) { life.generation = 0; }
  void stopped(Life& life, bool did_end, bool is_ended, Time now) { life.stop_returned(did_end, is_ended, false, now); }
  void swept(const std::vector<SessionKey>& keys, Time now);
  void shut_down();

  // --- what transport and sink see
  std::size_t sent(const SessionKey& key, Time now, Span timeout);
  /// Whether that beat's answer, given now, has to count.
  using Counts = model::Life::Counts;
  Counts answering(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result) {
    return life(key).answering(beat, now, result);
  }
  void answered(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result, Counts counts);
  void completion_died(const SessionKey& key, std::size_t beat) { life(key).beats[beat].is_answered = true; }
  std::size_t close_sent(const SessionKey& key, Time now, Span timeout);
  void close_answered(std::size_t close) { closes_[close].is_answered = true; }
  void told(const SessionKey& key, std::uint64_t generation, EventKind kind, EndReason reason, Time at);

  // --- looking
  /// Compares; whatever was unsure is sure afterwards.
  void look(Life& life, const View& view, Time now);
  [[nodiscard]] Life& life(const SessionKey& key) { return lives_[static_cast<std::size_t>(key.owner)]; }
  [[nodiscard]] std::deque<Life>& lives() { return lives_; }
  [[nodiscard]] Life* running(int id);
  [[nodiscard]] model::Counted counted() const;
  [[nodiscard]] bool is_close_open(int id) const;
  /// A member of that group has failed.
  [[nodiscard]] bool has_failed(int group) const;
  [[nodiscard]] bool is_shut_down() const { return is_shut_down_; }

  /// Something is not as it must be. The first objection stays.
  void object(std::string_view guarantee, const model::Life* life, Time now, std::string_view text) override;
  void sees_end(model::Life& life, EndReason reason, Time now) override;
  [[nodiscard]] const std::string& objection() const { return objection_; }

 private:
  [[nodiscard]] Time up(Time time) const { return Time{(time.count() + tick_ - 1) / tick_ * tick_}; }
  [[nodiscard]] Time down(Time time) const { return Time{time.count() / tick_ * tick_}; }
  [[nodiscard]] Span tick() const { return Span{tick_}; }

  // `before`: how many of its beats there were up to the last acknowledged one.
  static void note_acknowledged(Life& life, std::size_t before) {
    if (life.acknowledged == before) return;
    life.was_stuck = false;
    if (life.gap_end && *life.valid_until > *life.gap_end) life.gap_end.reset();
  }

  // rules.hpp
  void judge_other_calls(const Life& life, Time now);
  void judge_in_flight(const Life& life, Time now);
  void judge_phase(Life& life, Time now);
  void judge_attempts(const Life& life, Time now);
  void judge_waiting(Life& life, Time now);
  [[nodiscard]] bool may_be_in_grace(const Life& life, Time now) const;
  [[nodiscard]] bool is_predictable(const Life& life) const;

  const Plan& plan_;
  const std::int64_t tick_;
  std::deque<Life> lives_;
  std::vector<SentClose> closes_;
  Time away_from_{-1};
  Time away_to_{-1};
  bool is_shut_down_ = false;
  std::string objection_;
};

inline void Model::object(std::string_view guarantee, const model::Life* one, Time now, std::string_view text) {
  if (!objection_.empty()) return;
  std::ostringstream out;
  out << guarantee << ": " << text;
  if (const auto* life = static_cast<const Life*>(one); life != nullptr)
    out << " (session " << life->key.id << ", heartbeat " << life->key.owner << ')';
  out << " at " << static_cast<double>(now.count()) / 1e9 << " s";
  objection_ = out.str();
}

inline Life* Model::running(int id) {
  for (auto life = lives_.rbegin(); life != lives_.rend(); ++life) {
    if (life->key.id == id && life->generation != 0 && !life->ended) return &*life;
  }
  return nullptr;
}

inline model::Counted Model::counted() const {
  model::Counted counted;
  for (const Life& life : lives_) {
    if (life.generation == 0) continue;
    ++counted.started;
    if (life.ended) counted.ends(*life.ended);
  }
  return counted;
}

inline bool Model::is_close_open(int id) const {
  return std::any_of(closes_.begin(), closes_.end(),
                     [&](const SentClose& close) { return close.id == id && !close.is_answered; });
}

inline bool Model::has_failed(int group) const {
  return std::any_of(lives_.begin(), lives_.end(),
                     [&](const Life& life) { return life.group == group && life.ended && is_failure(*life.ended); });
}

// --- what callers do

inline Life& Model::start(int id, const LifeOptions& options, Time now) {
  const SessionKey key{id, static_cast<int>(lives_.size())};
  Life& life = lives_.emplace_back(*this, key, options, tick(), now);
  life.may_be_shut_down = is_shut_down_;
  return life;
}

inline void Model::swept(const std::vector<SessionKey>& keys, Time now) {
  for (const SessionKey& key : keys)
    life(key).swept(now);
}

inline void Model::shut_down() {
  is_shut_down_ = true;
  for (Life& life : lives_)
    life.may_be_shut_down = true;
}

// --- what transport and sink see

inline std::size_t Model::sent(const SessionKey& key, Time now, Span timeout) {
  Life& one = life(key);
  if (is_shut_down_) object("G6", &one, now, "a beat after the registry was shut down");
  judge_other_calls(one, now);
  judge_phase(one, now);
  const std::size_t beat =
      one.sends({.claimed = now, .timeout = timeout, .now = now, .is_prompt = !plan_.is_limited()});
  judge_in_flight(one, now);
  return beat;
}

inline void Model::answered(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result,
                            Counts counts) {
  Life& one = life(key);
  const std::size_t before = one.acknowledged;
  one.answered(beat, now, result, counts);
  note_acknowledged(one, before);
  const auto ttl = model::ttl_granted_by(result, one.terms);
  if (counts != Counts::no && ttl && ttl != one.terms.ttl) one.is_paced = true;
}

inline std::size_t Model::close_sent(const SessionKey& key, Time now, Span timeout) {
  Life& one = life(key);
  const auto asked = [&](EndReason reason) {
    if (reason == EndReason::gone) return one.options.when_gone;
    return reason == EndReason::stalled ? one.options.when_stalled : one.options.when_ended;
  };
  if (one.ended && asked(*one.ended) != OnEnd::close) object("F15", &one, now, "closed though it was not asked for");
  for (const SentClose& close : closes_) {
    if (close.owner == key.owner) object("F15", &one, now, "closed twice");
  }
  closes_.push_back({key.owner, key.id, now + timeout});
  return closes_.size() - 1;
}

inline void Model::told(const SessionKey& key, std::uint64_t generation, EventKind kind, EndReason reason, Time at) {
  Life& one = life(key);
  if (one.generation != 0 && one.generation != generation) object("G5", &one, at, "told of another generation");
  const bool is_end = kind == EventKind::ended;
  if (is_end && std::exchange(one.is_end_unseen, false)) one.ended.reset();
  one.told(is_end, reason, at);
}

// --- looking

inline void Model::look(Life& one, const View& view, Time now) {
  if (one.generation == 0) return;
  const std::size_t before = one.acknowledged;
  one.look(view, now);
  note_acknowledged(one, before);
}

// A group's failure ends the others, and what was owed before an end as stalled is a matter of the world's time.
inline void Model::sees_end(model::Life& one, EndReason reason, Time now) {
  auto& life = static_cast<Life&>(one);
  if (life.group >= 0 && has_failed(life.group)) life.may_be_cancelled = true;
  if (reason == EndReason::stalled) judge_attempts(life, now);
}

}  // namespace heartbeat::simulation

#include "rules.hpp"  // IWYU pragma: export
