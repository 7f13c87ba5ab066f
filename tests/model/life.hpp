// SPDX-License-Identifier: BSL-1.0
// The model of one heartbeat: what was asked, sent, answered and told, and what must follow, guarantee by guarantee. It
// is written from the guarantees and not from the engine, and knows no wheel, no lock and no thread. Three observers
// share it: the simulation of whole worlds, the fuzzing target of the registry, and the watch over schedules of
// threads. Each tells it what he sees, and keeps what only he can see: a server, the world's time, who waits for whom.
// Read next: pace.hpp, what ttls make of its interval; judgement.hpp, what it makes of it; sums.hpp, the model of a
// registry's counters.
//
// Where an answer and a deadline meet at one moment, either order is right; the model then waits for the next look at
// the heartbeat and takes over what it says. Everything else it must have foreseen.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/options.hpp>

#include "pace.hpp"
#include "terms.hpp"

namespace heartbeat::model {

class Life;

/// Who looks on.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// Something is not as it must be. `life` may be null.
  virtual void object(std::string_view guarantee, const Life* life, Time now, std::string_view text) = 0;

  /// An end is seen for the first time: what only this observer knows of it can be noted, and judged.
  virtual void sees_end(Life& /*life*/, EndReason /*reason*/, Time /*now*/) {}
};

struct SentBeat {
  enum class Fate { open, acknowledged, failed, failed_for_good, timed_out, gone, unsure };
  Time sent{};
  Time deadline{};
  Fate fate = Fate::open;
  Time decided{};
  bool is_being_answered = false;
  bool is_answered = false;  // the completion has been used, or has died
};

/// What the library says of a heartbeat.
struct View {
  std::optional<EndReason> ended{};
  std::optional<Time> valid_until{};
  bool is_valid = false;
};

/// What a handle says.
template <class Handle>
[[nodiscard]] View view_of(const Handle& handle) {
  View view{.ended = handle.ended(), .is_valid = handle.valid()};
  const auto until = handle.valid_until();
  if (until != decltype(until)::min()) view.valid_until = until.time_since_epoch();
  return view;
}

class Life {
 public:
  Life(Observer& observer, const Terms& its_terms, Time started)
      : terms{its_terms}, valid_until{its_terms.valid_until}, last_progress{started}, observer_{&observer} {}

  // --- what the transport sees

  /// A beat is claimed and then, perhaps later, sent: which one of its beats that is.
  struct Sending {
    Time claimed{};
    Span timeout{};
    Time now{};
    bool is_prompt = true;         // nothing can have kept it waiting since it was due
    bool may_outlast_end = false;  // one that is called, cancelled, though it has ended meanwhile
  };
  std::size_t sends(const Sending& beat);

  /// Whether that beat's answer, given now, has to count. To be asked before it is given.
  enum class Counts { yes, no, unsure };
  Counts answering(std::size_t beat, Time now, const BeatResult& result);
  void answered(std::size_t beat, Time now, const BeatResult& result, Counts counts);

  // --- what callers see

  /// A call of stop has returned. `waited`: it is one that waits, and was made where it can wait.
  void stop_returned(bool did_end, bool has_ended, bool waited, Time now);
  void swept(Time now);
  void asks_for_token();
  void token_fires(bool runs, Time now);

  // --- what the sink sees

  void told(bool is_end, EndReason reason, Time at);

  // --- what must hold

  /// Something begins that a stop which waits must wait for.
  void begins(Time now);
  /// Compares; whatever was unsure is sure afterwards.
  void look(const View& view, Time now);
  /// Everything that was due by `now` has run.
  void judge_overdue(Time now);
  /// Nothing is left to run.
  void judge_rest(bool has_sink, Time now);

  /// When it ends if nothing is acknowledged any more.
  [[nodiscard]] Time limit() const { return valid_until.value_or(terms.patience); }
  [[nodiscard]] bool keeps_beating() const { return terms.keeps_beating; }
  [[nodiscard]] bool is_gated() const { return terms.progress_within.has_value(); }
  [[nodiscard]] bool is_in_flight(Time now) const;
  /// Beats in a row that are known to have failed: an answer said so, or none came in time.
  [[nodiscard]] std::size_t failures() const {
    return static_cast<std::size_t>(
        std::count_if(beats.begin() + static_cast<std::ptrdiff_t>(acknowledged), beats.end(), [](const SentBeat& beat) {
          return beat.fate == SentBeat::Fate::failed || beat.fate == SentBeat::Fate::failed_for_good ||
                 beat.fate == SentBeat::Fate::timed_out;
        }));
  }
  /// A stop that waits has returned.
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }

  Terms terms;
  Pace pace{terms};
  Pace::Grid grid = Pace::Grid::kept;  // by the last acknowledgement
  std::vector<SentBeat> beats;
  std::size_t acknowledged = 0;  // beats up to the last acknowledged one
  std::optional<Time> valid_until;
  Time last_progress{};
  std::optional<EndReason> ended;
  bool is_end_told = false;

  // Which ends there may be, and whether one must have come.
  bool may_be_gone = false;  // a beat was answered so
  bool may_fail = false;     // the same
  bool may_be_cancelled = false;
  bool may_be_stopped = false;
  bool may_be_shut_down = false;
  bool is_cancelled = false;  // the parent's request_stop has returned

  bool was_swept = false;
  bool has_token = false;
  bool token_fired = false;
  bool is_unsure = false;            // an answer that met the deadline: the next look tells whether it counted
  std::optional<Time> unsure_until;  // what valid_until becomes if that answer counted
  std::optional<Span> unsure_ttl;    // what it told

 private:
  void object(std::string_view guarantee, Time now, std::string_view text) const {
    observer_->object(guarantee, this, now, text);
  }
  [[nodiscard]] Time down(Time time) const { return Time{time.count() / terms.tick.count() * terms.tick.count()}; }
  void acknowledge(std::size_t count, Time until, std::optional<Span> told) {
    acknowledged = count;
    valid_until = until;
    grid = pace.acknowledged(told, beats[count - 1].decided - beats[count - 1].sent, terms);
  }
  void judge_sending(const Sending& beat) const;
  void ends(EndReason reason, Time now);
  void judge_end(EndReason reason, Time now) const;

  Observer* observer_;
  std::size_t last_open_ = 0;  // the last beat that was not over when it was sent
  bool is_stopped_ = false;    // a stop that waits has returned
  bool stop_said_true_ = false;
  bool was_told_before_token_ = false;
};

/// The ttl that an answer grants; none if it grants nothing, or nonsense.
[[nodiscard]] inline std::optional<Span> ttl_granted_by(const BeatResult& result, const Terms& terms) {
  if (result.kind() != BeatResult::Kind::acknowledged) return std::nullopt;
  if (!result.ttl()) return terms.ttl;
  if (result.ttl()->count() <= 0 || *result.ttl() >= Duration{Duration::longest}) return std::nullopt;
  return Span{*result.ttl()};
}

/// Until when a beat that was sent then and granted that ttl makes it valid.
[[nodiscard]] inline Time valid_until_of(Time sent, Span ttl, const Terms& terms) {
  return sent + validity_of(ttl, terms);
}

}  // namespace heartbeat::model

#include "judgement.hpp"  // IWYU pragma: export
