// SPDX-License-Identifier: BSL-1.0
// What must hold of all heartbeats of a world together: the model is told everything that callers, transport and sink
// see, knows what the engine has to make of it, and objects to whatever else it does. The first objection ends a run.
// What must hold of each heartbeat by itself is in ../model/life.hpp, which other observers share.
// Read next: rules.hpp, its judgements about time; world.hpp, which tells it.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <map>
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
#include "batch_rules.hpp"
#include "life.hpp"
#include "plan.hpp"
#include "rate_rules.hpp"

namespace heartbeat::simulation {

/// The last of these that was told says how a heartbeat stands.
[[nodiscard]] inline bool is_standing(EventKind kind) {
  return kind == EventKind::time_gap || kind == EventKind::jeopardy || kind == EventKind::lapsed ||
         kind == EventKind::recovered;
}

class Model final : public model::Observer {
 public:
  explicit Model(const Plan& plan)
      : plan_{plan}, tick_{plan.registry.tick.count()}, prompt_sends_{plan}, batches_{*this, plan} {
    if (!plan.registry.max_sends_per_second) return;
    const double rate = *plan.registry.max_sends_per_second;
    sends_.emplace(rate, burst_of(rate), burst_of(rate));
    sends_again_.emplace(rate / 2, burst_of(rate / 2), burst_of(rate / 2));
  }

  // --- time
  /// Everything that was ready has run, and time may go on.
  void settle(Time now);
  /// What ends and what fires meanwhile, nobody hears of.
  void sink_sleeps(bool is_asleep) { is_sink_asleep_ = is_asleep; }
  /// News of a state was dropped for want of room: the sink may not have heard the last word yet.
  void drops_news() { has_dropped_news_ = true; }
  /// Ends that the sink was told.
  [[nodiscard]] std::uint64_t told_ends() const {
    return static_cast<std::uint64_t>(
        std::count_if(lives_.begin(), lives_.end(), [](const Life& life) { return life.is_end_told; }));
  }
  /// Nothing ran from then on, when something was due, until that.
  void was_away(Time from, Time due, Time to);

  /// How the closes of a key stand for who starts it.
  struct Standing {
    Close::Sure is_on_its_way = Close::Sure::no;
    Close::Sure is_in_doubt = Close::Sure::no;
  };

  // --- what callers do
  Life& start(int id, const LifeOptions& options, Time now);
  void started(Life& life, std::uint64_t generation, const Standing& before, Time now);
  /// It was refused: as if nothing had been asked.
  void refused(Life& life) { life.generation = 0; }
  void stopped(Life& life, bool did_end, bool is_ended, Time now) {
    life.stop_returned(did_end, is_ended, false, now);
    if (did_end) wants_close(life, EndReason::stopped, now);
  }
  /// It must have ended, and nobody saw for what reason.
  void ends_unseen(Life& life, Time now);
  void swept(const std::vector<SessionKey>& keys, Time now);
  /// A shutdown, inside a callback or not, which lets closes wait for their beats until then.
  void shut_down(bool inside, Time waits_until, Time now);
  /// It has returned, and whether it had time for whatever was left.
  void was_shut_down(bool said_true, bool had_time, Time now);
  /// Outside of its callbacks.
  void was_destroyed(Time now) { judge_nobody_inside("the registry is destroyed, and a call is on a stack", now); }
  /// Another shutdown has returned, also inside the first one: what was on its way is given up.
  void gave_up_closes();
  /// A wait for the close of the key's last heartbeat has returned.
  void waited(int id, bool said_true, Time now);

  // --- what transport and sink see
  std::size_t sent(const SessionKey& key, Time now, Span timeout);
  /// Whether that beat's answer, given now, has to count.
  using Counts = model::Life::Counts;
  Counts answering(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result) {
    return life(key).answering(beat, now, result);
  }
  void answered(const SessionKey& key, std::size_t beat, Time now, const BeatResult& result, Counts counts);
  void completion_died(const SessionKey& key, std::size_t beat) { life(key).beats[beat].is_answered = true; }
  /// `is_seen`: somebody has a handle of it, so that its end was seen.
  std::size_t close_sent(const SessionKey& key, Time now, Span timeout, bool is_seen);
  void close_answered(const SessionKey& key, std::size_t call, Time now, bool is_confirmed) {
    life(key).close.answered(call, now, is_confirmed);
  }
  void beat_cancelled(const SessionKey& key, std::size_t beat, Time now);
  /// A call is on the stack of a thread of the pool (pool_rules.hpp), after it was told as sent.
  void call_begins(const SessionKey& key, bool is_close, Time now);
  void call_returns(const SessionKey& key, Time now);
  /// The only thread of a pool may be in a call; after a shutdown, whoever returns last from one tells the ends.
  [[nodiscard]] bool news_waits_for_calls() const {
    return !on_stacks_.empty() && (plan_.places == 1 || is_shut_down_);
  }
  /// The server executes a close, which finds the session of that heartbeat. True if nobody can be blamed for that.
  bool close_hits(const SessionKey& closer, std::size_t call, int owner, Time now);
  void told(const SessionKey& key, std::uint64_t generation, EventKind kind, EndReason reason, bool close_follows,
            Time at);

  /// Lateness beyond that is an absence for this heartbeat.
  [[nodiscard]] Span gap_of(const Life& life) const;

  // --- looking
  /// Compares; whatever was unsure is sure afterwards.
  void look(Life& life, const View& view, Time now);
  [[nodiscard]] Life& life(const SessionKey& key) { return lives_[static_cast<std::size_t>(key.owner)]; }
  [[nodiscard]] std::deque<Life>& lives() { return lives_; }
  [[nodiscard]] Life* running(int id);
  /// The last one of the session that wanted a close; null if none did.
  [[nodiscard]] const Life* last_closing(int id) const {
    const auto found = closing_.find(id);
    return found == closing_.end() ? nullptr : found->second.back();
  }
  [[nodiscard]] model::Counted counted() const;
  [[nodiscard]] model::CountedCloses counted_closes() const;

  [[nodiscard]] Standing standing(int id, bool inside, Time now) const;
  /// A member of that group has failed.
  [[nodiscard]] bool has_failed(int group) const;
  [[nodiscard]] bool is_shut_down() const { return is_shut_down_; }
  [[nodiscard]] bool is_shutdown_over() const { return is_shutdown_over_; }
  [[nodiscard]] bool has_tokens_for_all() const;
  /// What is counted of beats that had to wait.
  void judge_shortage(const Statistics& sums, Time now);

  /// Of calls that carry several beats.
  [[nodiscard]] BatchRules& batches() { return batches_; }

  /// Something is not as it must be. The first objection stays.
  void object(std::string_view guarantee, const model::Life* life, Time now, std::string_view text) override;
  void sees_end(model::Life& life, EndReason reason, Time now) override;
  [[nodiscard]] const std::string& objection() const { return objection_; }

 private:
  [[nodiscard]] Time up(Time time) const { return Time{(time.count() + tick_ - 1) / tick_ * tick_}; }
  [[nodiscard]] Time down(Time time) const { return Time{time.count() / tick_ * tick_}; }
  [[nodiscard]] Span tick() const { return Span{tick_}; }

  // `before`: how many of its beats there were up to the last acknowledged one.
  void note_acknowledged(Life& life, std::size_t before) const {
    if (life.acknowledged == before) return;
    life.was_stuck = false;
    if (life.grid == model::Pace::Grid::unsure) life.is_pace_unsure = true;
    if (life.grid == model::Pace::Grid::anew) {
      life.has_new_grid = true;
      life.phase.reset();
    }
    life.gap_end.reset();
    note_absence(life);  // told less than was expected, it may have been over before we were back
  }

  void wants_close(Life& life, EndReason reason, Time now);
  void begin_close(Life& life, Time now);

  // pool_rules.hpp
  void judge_nobody_inside(std::string_view text, Time now);
  [[nodiscard]] std::size_t most_again_calling() const;
  [[nodiscard]] std::size_t again_calling() const;
  [[nodiscard]] bool is_calling(const Life& life) const;
  [[nodiscard]] bool is_held_for_call(const Life& life) const;
  [[nodiscard]] bool has_free_thread(bool is_repeat) const;
  void note_full();
  void note_shortage(const Life& life, Time now);

  // limit_rules.hpp
  struct InFlight {
    std::size_t all = 0;
    std::size_t again = 0;
  };
  void judge_rate(const Life& life, bool is_sure_again, Time now);
  [[nodiscard]] bool may_be_put_by() const;
  [[nodiscard]] bool may_wait_for_tokens_alone() const;
  void judge_promptness(const Life& life, Time now);
  void judge_promptness(Time now);
  void judge_tokens(const Life& life, Time now);
  [[nodiscard]] InFlight in_flight(Time now) const;
  [[nodiscard]] bool is_again(const Life& life, Time now) const;
  [[nodiscard]] Time due_by(const Life& life) const;
  [[nodiscard]] bool may_be_hopeless(const Life& life, Time now) const;
  [[nodiscard]] bool has_place(bool is_repeat, Time now) const;
  void judge_place(const Life& life, Time now);

  // grace_rules.hpp
  void note_absence(Life& life) const;
  [[nodiscard]] Time seen_at(Time due) const;
  [[nodiscard]] Time latest_fresh_beat(const Life& life) const;
  [[nodiscard]] bool may_be_in_grace(const Life& life, Time now) const;
  void judge_grace(const Life& life, Time now);

  // failure_rules.hpp
  [[nodiscard]] bool may_have_unseen_failures(const Life& life, Time now) const;
  void judge_failures(const Life& life, Time now);
  void judge_failed(const Life& life, Time now);

  // rules.hpp
  void judge_in_flight(const Life& life, Time now);
  void judge_phase(Life& life, Time now);
  void judge_timeout(const Life& life, Span timeout, Time now);
  void judge_attempts(const Life& life, Time now);
  [[nodiscard]] Time latest_beat(const Life& life) const;
  void note_timeout(Life& life, Time now);
  void judge_waiting(Life& life, Time now);
  void note_gap(Life& life, Time now) const;
  void judge_last_word(const Life& life, Time now);
  [[nodiscard]] bool is_predictable(const Life& life) const;

  struct OnStack {
    SessionKey key;
    bool is_again = false;      // a repeated attempt, or a close
    bool may_be_again = false;  // the same, as far as anybody can tell
  };

  const Plan& plan_;
  const std::int64_t tick_;
  std::deque<Life> lives_;
  std::uint64_t waited_for_pool_ = 0;     // beats, and nothing else can have kept them
  bool was_full_ = false;                 // the pool, at some time
  std::optional<Allowance> sends_;        // if there is a rate
  std::optional<Allowance> sends_again_;  // of repeated attempts and closes
  bool has_sent_again_ = false;           // one of those, perhaps
  PromptSends prompt_sends_;
  BatchRules batches_;
  Time scarce_at_{0};                          // more than the rate was asked for
  std::vector<OnStack> on_stacks_;             // calls that block
  std::map<int, std::vector<Life*>> closing_;  // by session: those that wanted a close
  Time away_from_{-1};
  Time away_due_{-1};
  Time away_to_{-1};
  bool is_sink_asleep_ = false;
  bool has_dropped_news_ = false;
  bool is_shut_down_ = false;
  bool is_shutdown_over_ = false;
  Time waits_until_ = Time::max();           // closes for their beats
  std::optional<Time> shut_down_inside_at_;  // a callback, whose closes may have been claimed already
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

inline model::CountedCloses Model::counted_closes() const {
  using Sure = Close::Sure;
  model::CountedCloses counted;
  const auto count = [&](model::CountedCloses::Range& range, const Life& life, Sure sure) {
    counted.count(range, sure == Sure::yes && !life.is_close_unsure, sure != Sure::no);
  };
  for (const auto& [id, lives] : closing_) {
    for (const Life* life : lives) {
      const Close& close = life->close;
      count(counted.wanted, *life, Sure::yes);
      count(counted.done, *life, close.is_confirmed());
      count(counted.withdrawn, *life, close.is_withdrawn());
      count(counted.never_sent, *life, close.is_unsent() ? Sure::yes : Sure::no);
      const std::uint64_t repeats = close.calls.size() - (close.calls.empty() ? 0 : 1);
      counted.repeated.least += repeats;
      counted.repeated.most += repeats;
    }
  }
  return counted;
}

inline Model::Standing Model::standing(int id, bool inside, Time now) const {
  using Sure = Close::Sure;
  Standing standing;
  const auto found = closing_.find(id);
  if (found == closing_.end()) return standing;
  for (const Life* life : found->second) {
    const Close& close = life->close;
    Sure on_its_way = close.is_on_its_way(now);
    Sure in_doubt = close.is_in_doubt(now);
    // What was claimed in the same slice is on its way, and only the library knows it yet.
    if (inside && on_its_way == Sure::no && close.may_be_open()) on_its_way = Sure::unsure;
    if (inside && in_doubt == Sure::no && close.may_be_open()) in_doubt = Sure::unsure;
    // While it blocks it may still be executed, however long ago its session was given up.
    if (in_doubt == Sure::no && !close.calls.empty() && is_calling(*life)) in_doubt = Sure::unsure;
    if (life->is_close_unsure) on_its_way = in_doubt = Sure::unsure;
    const auto add = [](Sure& all, Sure one) { all = all == Sure::yes || one == Sure::no ? all : one; };
    add(standing.is_on_its_way, on_its_way);
    add(standing.is_in_doubt, in_doubt);
  }
  return standing;
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

inline void Model::started(Life& life, std::uint64_t generation, const Standing& before, Time now) {
  life.generation = generation;
  life.is_doubted = before.is_in_doubt;
  if (is_held_for_call(life)) life.may_fail = true;  // in vain, if that call never returns
  if (before.is_on_its_way == Close::Sure::yes) object("F15", &life, now, "started while a close is on its way");
  if (before.is_on_its_way == Close::Sure::unsure && life.is_doubted == Close::Sure::no) {
    life.is_doubted = Close::Sure::unsure;
  }
  if (life.is_doubted == Close::Sure::yes) life.valid_until.reset();
  life.is_grant_unsure = life.is_doubted == Close::Sure::unsure;
  if (const auto found = closing_.find(life.key.id); found != closing_.end()) {
    for (Life* const other : found->second)
      other->close.makes_way(life.is_started_inside, now);
  }
}

inline void Model::ends_unseen(Life& life, Time now) {
  life.ended = EndReason::stopped;
  life.is_end_unseen = true;
  wants_close(life, EndReason::stopped, now);
}

inline void Model::swept(const std::vector<SessionKey>& keys, Time now) {
  for (const SessionKey& key : keys)
    life(key).swept(now);
}

inline void Model::shut_down(bool inside, Time waits_until, Time now) {
  is_shut_down_ = true;
  if (inside) shut_down_inside_at_ = now;
  waits_until_ = std::min(waits_until_, waits_until);
  for (Life& life : lives_)
    life.may_be_shut_down = true;
  for (const auto& [id, lives] : closing_) {
    for (Life* life : lives) {
      life->close.shutdown_begins(waits_until_, now);
      life->was_stuck_at_shutdown = life->was_stuck_at_shutdown || life->unanswered() > life->options.attempts;
    }
  }
}

inline void Model::was_shut_down(bool said_true, bool had_time, Time now) {
  if (said_true) judge_nobody_inside("a shutdown says that nobody is inside, and a call is", now);
  for (const auto& [id, lives] : closing_) {
    for (Life* life : lives) {
      Close& close = life->close;
      const bool is_left = close.is_unsent() && close.is_withdrawn() == Close::Sure::no && !life->is_close_unsure;
      if (is_left && !is_shutdown_over_ && now < close.limit()) {
        if (said_true) object("F15", life, now, "a shutdown says that all is done, and a close was never sent");
        if (had_time && !plan_.is_limited()) object("F15", life, now, "a shutdown had time for a close, and sent none");
      }
      if (had_time && !plan_.is_limited() && !is_shutdown_over_ && close.is_forgotten(life->was_stuck_at_shutdown)) {
        object("F15", life, now, "a shutdown had time to repeat a close that had failed, and did not");
      }
    }
  }
  gave_up_closes();
}

inline void Model::gave_up_closes() {
  for (const auto& [id, lives] : closing_) {
    for (Life* life : lives)
      life->close.shutdown_is_over();
  }
  is_shutdown_over_ = true;
}

inline void Model::waited(int id, bool said_true, Time now) {
  const auto found = closing_.find(id);
  if (found == closing_.end()) {
    if (!said_true) object("F15", nullptr, now, "a wait for the close of a key says no; none was wanted");
    return;
  }
  Life& last = *found->second.back();
  const Time rounded = now + last.close.terms.tick;  // the end of waiting for a place is rounded down
  if (said_true && last.close.is_open(rounded) && !last.is_close_unsure && !is_shut_down_) {
    object("F15", &last, now, "a wait for the close of its key says that it is closed; nobody confirmed that");
  }
  // Another one, of longer ago, may still be in doubt: then it says no for that one.
  const bool is_his = last.close.is_open(now) || standing(id, true, now).is_in_doubt == Close::Sure::no;
  if (said_true || !is_his) return last.close.repeats_end(now);
  last.close.waited(&last, false, true, now);
}

// --- what transport and sink see

inline std::size_t Model::sent(const SessionKey& key, Time now, Span timeout) {
  Life& one = life(key);
  if (is_shut_down_) object("G6", &one, now, "a beat after the registry was shut down");
  judge_phase(one, now);
  judge_timeout(one, timeout, now);
  judge_rate(one, one.beats.size() > one.acknowledged && !one.is_unsure, now);
  judge_promptness(one, now);
  note_shortage(one, now);
  note_gap(one, now);
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
}

inline std::size_t Model::close_sent(const SessionKey& key, Time now, Span timeout, bool is_seen) {
  Life& one = life(key);
  judge_rate(one, true, now);
  if (sends_) prompt_sends_.closes(now);
  if (!is_seen && !one.ended) {  // its event will say for what reason
    one.is_closed_unseen = true;
    begin_close(one, now);
  }
  if (is_shutdown_over_ && shut_down_inside_at_ != now) object("G6", &one, now, "a close after the shutdown");
  if (Life* const next = running(key.id); next != nullptr && next != &one) {
    const bool was_claimed = next->is_started_inside && next->started == now;
    if (!was_claimed || next->is_doubted == Close::Sure::no) {
      object("F15", next, now, "a close is sent, and its key has a heartbeat that runs");
    }
  }
  const std::size_t call =
      one.close.sends(&one, {.now = now, .timeout = timeout, .is_beat_in_flight = one.has_beat_in_flight(now)});
  judge_in_flight(one, now);
  return call;
}

// It would answer for the server, and the close overtake it.
inline void Model::beat_cancelled(const SessionKey& key, std::size_t beat, Time now) {
  Life& one = life(key);
  if (!one.ended) note_timeout(one, now);  // what answers in its callback answers one call too many
  if (beat + 1 != one.beats.size() || !one.close.is_wanted() || one.close.has_made_way() || is_shut_down_) return;
  if (one.has_beat_in_flight(now)) object("F15", &one, now, "cancelled, though a close waits for its answer");
}

inline bool Model::close_hits(const SessionKey& closer, std::size_t call, int owner, Time now) {
  const Life& by = life(closer);
  Life& hit = life({closer.id, owner});
  const bool is_answered = by.close.calls[call].fate == model::SentClose::Fate::failed;
  if (hit.is_doubted != Close::Sure::no || is_answered || now > by.close.last_limit()) return true;
  if (hit.generation != 0 && !hit.ended && hit.valid_until && now < *hit.valid_until) {
    object("F15", &hit, now, "valid, and its session was closed for an earlier heartbeat");
  }
  return false;
}

inline void Model::told(const SessionKey& key, std::uint64_t generation, EventKind kind, EndReason reason,
                        bool close_follows, Time at) {
  Life& one = life(key);
  if (one.generation != 0 && one.generation != generation) object("G5", &one, at, "told of another generation");
  const bool is_end = kind == EventKind::ended;
  if (is_end && std::exchange(one.is_end_unseen, false)) one.ended.reset();
  if (!one.ended && kind == EventKind::missed) note_timeout(one, at);  // nobody settles while somebody waits
  one.told(is_end, reason, at);
  if (kind == EventKind::time_gap) {
    one.owes_gap = false;
    one.told_gap = at;
  }
  if (is_standing(kind)) one.last_word = kind;
  if (!is_end || one.is_close_unsure) return;
  if (close_follows && !one.close.is_wanted()) object("F15", &one, at, "told that a close follows; none is wanted");
  if (!close_follows && one.close.is_wanted() && !is_shut_down_) {
    object("F15", &one, at, "told that no close follows; one is wanted");
  }
}

// --- looking

inline void Model::look(Life& one, const View& view, Time now) {
  if (one.generation == 0) return;
  const std::size_t before = one.acknowledged;
  // Held behind a call, and what was granted is over: it may wait anew for its first acknowledgement.
  const bool was_held = plan_.form == BeatForm::blocking && one.beats.empty();
  if (was_held && !view.ended && !view.valid_until && one.valid_until && now >= down(*one.valid_until)) {
    one.valid_until.reset();
  }
  if (std::exchange(one.is_grant_unsure, false) && !view.ended && !view.valid_until) one.valid_until.reset();
  one.look(view, now);
  note_acknowledged(one, before);
}

// A group's failure ends the others, and what was owed before an end as stalled is a matter of the world's time.
inline void Model::sees_end(model::Life& one, EndReason reason, Time now) {
  auto& life = static_cast<Life&>(one);
  if (life.group >= 0 && has_failed(life.group)) life.may_be_cancelled = true;
  if (reason == EndReason::stalled) judge_attempts(life, now);
  if (reason == EndReason::stalled) judge_grace(life, now);
  if (reason == EndReason::stalled) judge_tokens(life, now);
  if (reason == EndReason::failed) judge_failed(life, now);
  batches_.judge_end(life, reason, now);
  wants_close(life, reason, now);
}

inline void Model::wants_close(Life& life, EndReason reason, Time now) {
  if (!life.is_replaced && model::asks_for_close(life.options, reason)) return begin_close(life, now);
  if (life.is_closed_unseen) object("F15", &life, now, "closed though it was not asked for");
}

inline void Model::begin_close(Life& life, Time now) {
  if (life.close.is_wanted()) return;
  // A call that brings the end has not returned yet.
  const bool is_inside = plan_.form == BeatForm::blocking && !life.beats.empty() && life.beats.back().decided == now;
  life.close.begins(now, life.has_beat() || is_calling(life) || is_held_for_call(life) || is_inside);
  if (is_shut_down_) life.close.shutdown_begins(waits_until_, now);
  closing_[life.key.id].push_back(&life);
}

}  // namespace heartbeat::simulation

#include "failure_rules.hpp"  // IWYU pragma: export
#include "grace_rules.hpp"    // IWYU pragma: export
#include "limit_rules.hpp"    // IWYU pragma: export
#include "pool_rules.hpp"     // IWYU pragma: export
#include "rules.hpp"          // IWYU pragma: export
