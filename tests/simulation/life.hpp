// SPDX-License-Identifier: BSL-1.0
// One heartbeat as the simulation knows it: the model of a heartbeat, and what only one who sees the whole world knows
// of it. Read next: ../model/life.hpp, what all observers know; model.hpp, which keeps and judges them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <heartbeat/event.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "../model/close.hpp"
#include "../model/life.hpp"
#include "server.hpp"

namespace heartbeat::simulation {

/// A key that says which heartbeat of its session it was given to: equal to others of the same session.
struct SessionKey {
  int id = 0;
  int owner = 0;  // the place of its life in the model
  friend bool operator==(const SessionKey& a, const SessionKey& b) noexcept { return a.id == b.id; }
};

using LifeOptions = HeartbeatOptions<testing::ManualClock>;

using model::Close;
using model::SentBeat;
using model::View;

struct Life : model::Life {
  Life(model::Observer& observer, SessionKey its_key, const LifeOptions& its_options, Span tick, Time now)
      : model::Life{observer, model::terms_of(its_options, tick, now), now},
        key{its_key},
        options{its_options},
        started{now},
        close{observer, model::close_terms_of(its_options, tick)} {}

  SessionKey key;
  std::uint64_t generation = 0;
  LifeOptions options;
  Time started{};
  Close close;
  Close::Sure is_doubted = Close::Sure::no;  // a close of the same session may come at any time since it started
  bool is_started_inside = false;            // a callback
  bool is_grant_unsure = false;              // and only a look can tell whether the library thinks so
  bool is_closed_unseen = false;             // before anybody saw that it had ended
  bool is_replaced = false;                  // another heartbeat goes on with its session
  bool is_close_unsure = false;              // who has ended it, and so whether a close follows
  bool was_stuck_at_shutdown = false;        // so many calls unanswered that no close is repeated
  int parent = -1;                           // among the world's
  int group = -1;                            // the same
  bool is_end_unseen = false;                // it must have ended, and only its event will say why
  bool is_pace_unsure = false;               // whether a told ttl has changed the interval
  bool has_new_grid = false;                 // of which no beat was sent on time yet
  bool owes_gap = false;                     // a gap of the process has cost it its validity: that is to be told
  std::optional<Time> told_gap;              // when one was told last
  std::optional<EventKind> last_word;        // of those that say how it stands
  bool was_stuck = false;       // since the last acknowledgement: too many calls were abandoned for another one
  std::optional<Time> gap_end;  // of the gap in which its validity ended
  bool is_gap_sure = false;     // or may have been none for this one
  Time call_returned{};         // the last blocking one of its key
  std::optional<Time> phase;    // a moment at which a regular beat was sent on time

  [[nodiscard]] Span interval() const { return pace.interval(); }

  /// Calls that were given up and that the transport still has.
  [[nodiscard]] std::size_t abandoned() const {
    return static_cast<std::size_t>(std::count_if(beats.begin(), beats.end(), [](const SentBeat& beat) {
      return beat.fate != SentBeat::Fate::open && !beat.is_answered;
    }));
  }
  /// The same, and of its close besides, after the end.
  [[nodiscard]] std::size_t unanswered() const {
    return static_cast<std::size_t>(
        std::count_if(beats.begin(), beats.end(), [](const SentBeat& beat) { return !beat.is_answered; }) +
        std::count_if(close.calls.begin(), close.calls.end(),
                      [](const model::SentClose& call) { return !call.is_answered; }));
  }
  /// A beat of it that nobody has answered, and that has not timed out.
  [[nodiscard]] bool has_beat_in_flight(Time now) const {
    return !beats.empty() && beats.back().fate == SentBeat::Fate::open && !beats.back().is_answered &&
           !beats.back().is_being_answered && now < beats.back().deadline;
  }
  /// The same, or one whose timeout nobody may have looked at yet.
  [[nodiscard]] bool has_beat() const {
    return !beats.empty() && beats.back().fate == SentBeat::Fate::open && !beats.back().is_answered;
  }
  /// So many that no further one is made (F10).
  [[nodiscard]] bool is_stuck() const { return abandoned() > options.attempts; }
  /// It may have been so since its last acknowledgement: also by a timeout that nobody has looked at yet.
  [[nodiscard]] bool may_have_been_stuck(Time now) const {
    const bool is_over = has_beat() && beats.back().deadline <= now;
    return was_stuck || abandoned() + (is_over ? 1 : 0) > options.attempts;
  }
};

}  // namespace heartbeat::simulation
