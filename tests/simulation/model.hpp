// SPDX-License-Identifier: BSL-1.0
// What must hold, guarantee by guarantee: the model is told everything that callers, transport and sink see, knows what
// the engine has to make of it, and objects to whatever else it does. The first objection ends a run.
// Read next: rules.hpp, its judgements about time; world.hpp, which tells it.
//
// Where an answer and a deadline meet at one moment, either order is right; the model then waits for the next look at
// the heartbeat and takes over what it says. Everything else it must have foreseen.
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

#include "life.hpp"
#include "plan.hpp"

namespace heartbeat::simulation {

/// What the library says of a heartbeat.
struct View {
  std::optional<EndReason> ended;
  std::optional<Time> valid_until;
};

/// A close call that a transport has.
struct SentClose {
  int owner;
  int id;
  Time deadline;
  bool is_answered = false;
};

class Model {
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
  void stopped(Life& life, bool did_end, bool is_ended);
  void swept(const std::vector<SessionKey>& keys, Time now);
  void shut_down();

  // --- what transport and sink see
  std::size_t sent(const SessionKey& key, Time now, Span timeout);
  /// Whether that beat's answer, given now, has to count.
  enum class Counts { yes, no, unsure };
  Counts answering(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result);
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
  [[nodiscard]] std::size_t count_ended(EndReason reason) const;
  [[nodiscard]] std::size_t count_started() const;
  [[nodiscard]] bool is_close_open(int id) const;
  /// A member of that group has failed.
  [[nodiscard]] bool has_failed(int group) const;
  [[nodiscard]] bool is_shut_down() const { return is_shut_down_; }

  /// Something is not as it must be. The first objection stays.
  void object(std::string_view guarantee, const Life* life, Time now, std::string_view text);
  [[nodiscard]] const std::string& objection() const { return objection_; }

 private:
  [[nodiscard]] Time up(Time time) const { return Time{(time.count() + tick_ - 1) / tick_ * tick_}; }
  [[nodiscard]] Time down(Time time) const { return Time{time.count() / tick_ * tick_}; }
  [[nodiscard]] Span tick() const { return Span{tick_}; }

  void acknowledge(Life& life, std::size_t beats, Time until) {
    life.acknowledged = beats;
    life.valid_until = until;
    life.was_stuck = false;
    if (life.gap_end && until > *life.gap_end) life.gap_end.reset();
  }

  // rules.hpp
  void judge_send(const Life& life, Time now);
  void judge_in_flight(const Life& life, Time now);
  void judge_phase(Life& life, Time now);
  void judge_end(Life& life, EndReason reason, Time now);
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

inline void Model::object(std::string_view guarantee, const Life* life, Time now, std::string_view text) {
  if (!objection_.empty()) return;
  std::ostringstream out;
  out << guarantee << ": " << text;
  if (life != nullptr) out << " (session " << life->key.id << ", heartbeat " << life->key.owner << ')';
  out << " at " << static_cast<double>(now.count()) / 1e9 << " s";
  objection_ = out.str();
}

inline Life* Model::running(int id) {
  for (auto life = lives_.rbegin(); life != lives_.rend(); ++life) {
    if (life->key.id == id && life->generation != 0 && !life->ended) return &*life;
  }
  return nullptr;
}

inline std::size_t Model::count_ended(EndReason reason) const {
  return static_cast<std::size_t>(std::count_if(
      lives_.begin(), lives_.end(), [&](const Life& life) { return life.generation != 0 && life.ended == reason; }));
}

inline std::size_t Model::count_started() const {
  return static_cast<std::size_t>(
      std::count_if(lives_.begin(), lives_.end(), [](const Life& life) { return life.generation != 0; }));
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
  Life& life = lives_.emplace_back();
  life.key = {id, static_cast<int>(lives_.size()) - 1};
  life.options = options;
  const Duration tick{std::chrono::nanoseconds{tick_}};
  life.margin = Span{safety_margin_of(options, tick).count()};
  life.floor = Span{floor_of(options, tick).count()};
  life.started = life.last_progress = now;
  const Time granted = options.granted_at ? options.granted_at->time_since_epoch() : now;
  const Time limit = granted + Span{options.ttl} - life.margin;
  life.patience = limit;
  if (options.granted_at) life.valid_until = limit;
  return life;
}

// `is_ended`: it had ended when the call returned; it always has.
inline void Model::stopped(Life& life, bool did_end, bool is_ended) {
  if (!is_ended) object("G2", &life, life.started, "stop has returned and the heartbeat runs");
  if (!did_end) return;
  if (life.ended && life.ended != EndReason::stopped) object("G3", &life, life.started, "stop ended it once more");
  life.ended = EndReason::stopped;
}

inline void Model::swept(const std::vector<SessionKey>& keys, Time now) {
  for (const SessionKey& key : keys) {
    Life& one = life(key);
    if (std::exchange(one.was_swept, true)) object("G12", &one, now, "two sweeps returned it");
    if (one.ended && one.ended != EndReason::stalled) object("G3", &one, now, "swept, but it had ended otherwise");
    if (!one.ended) judge_end(one, EndReason::stalled, now);
    one.ended = EndReason::stalled;
  }
}

inline void Model::shut_down() {
  is_shut_down_ = true;
}

// --- what transport and sink see

inline std::size_t Model::sent(const SessionKey& key, Time now, Span timeout) {
  Life& one = life(key);
  judge_send(one, now);
  judge_phase(one, now);
  if (!one.beats.empty() && one.beats.back().fate == SentBeat::Fate::open) {
    one.beats.back().fate = SentBeat::Fate::timed_out;  // at this very moment
    one.beats.back().decided = now;
  }
  one.beats.push_back({.sent = now, .deadline = now + timeout});
  judge_in_flight(one, now);
  return one.beats.size() - 1;
}

inline Model::Counts Model::answering(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result) {
  Life& one = life(key);
  SentBeat& mine = one.beats[beat];
  Counts counts = Counts::no;
  const bool is_current = beat + 1 == one.beats.size() && mine.fate == SentBeat::Fate::open;
  if (!one.ended && is_current) counts = now < mine.deadline ? Counts::yes : Counts::unsure;
  if (counts != Counts::no) {  // the end it brings may be seen before the answer has returned
    one.may_be_gone = one.may_be_gone || result.kind() == BeatResult::Kind::gone;
    one.may_fail = one.may_fail || (result.kind() == BeatResult::Kind::failed && !result.retry()) ||
                   one.options.max_consecutive_failures.has_value();
  }
  return counts;
}

inline void Model::answered(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result,
                            Counts counts) {
  Life& one = life(key);
  SentBeat& mine = one.beats[beat];
  mine.is_answered = true;
  if (counts == Counts::no) return;
  mine.decided = now;
  const bool is_bad_ttl = result.ttl() && (result.ttl()->count() <= 0 || *result.ttl() >= Duration{Duration::longest});
  const bool is_acknowledged = result.kind() == BeatResult::Kind::acknowledged && !is_bad_ttl;
  const Span ttl = result.ttl() ? Span{*result.ttl()} : Span{one.options.ttl};
  const Span asked = Span{one.options.ttl} - one.margin;
  const Time until = mine.sent + std::max(ttl - one.margin, std::min(ttl / 2, asked));
  if (is_acknowledged && ttl != Span{one.options.ttl}) one.is_paced = true;
  if (counts == Counts::unsure) {
    mine.fate = SentBeat::Fate::unsure;
    one.is_unsure = true;
    if (is_acknowledged) one.unsure_until = until;
  } else if (is_acknowledged) {
    mine.fate = SentBeat::Fate::acknowledged;
    acknowledge(one, beat + 1, until);
  } else {
    mine.fate = result.kind() == BeatResult::Kind::gone ? SentBeat::Fate::gone : SentBeat::Fate::failed;
  }
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
  if (one.is_end_told) object("G3", &one, at, "told of something after its end");
  if (kind != EventKind::ended) return;
  one.is_end_told = true;
  if (std::exchange(one.is_end_unseen, false)) one.ended.reset();
  if (!one.ended) {
    judge_end(one, reason, at);
    one.ended = reason;
  }
  if (one.ended != reason) object("G3", &one, at, "told another reason than it ended for");
}

// --- looking

inline void Model::look(Life& one, const View& view, Time now) {
  if (one.generation == 0) return;
  if (view.ended) {
    if (!one.ended) judge_end(one, *view.ended, now);
    if (one.ended && one.ended != view.ended) object("G3", &one, now, "the reason of its end has changed");
    one.ended = view.ended;
    return;
  }
  if (one.ended) return object("G3", &one, now, "runs, but must have ended");
  if (one.is_unsure) {
    SentBeat& last = one.beats.back();
    const bool counted = one.unsure_until && view.valid_until == one.unsure_until;
    last.fate = counted ? SentBeat::Fate::acknowledged : SentBeat::Fate::timed_out;
    if (counted) acknowledge(one, one.beats.size(), *one.unsure_until);
    one.unsure_until.reset();
    one.is_unsure = false;
  }
  if (view.valid_until != one.valid_until) object("G9", &one, now, "valid until something it was not granted");
  if (!one.beats.empty() && one.beats.back().fate == SentBeat::Fate::gone) object("G3", &one, now, "gone, and runs");
}

}  // namespace heartbeat::simulation

#include "rules.hpp"  // IWYU pragma: export
