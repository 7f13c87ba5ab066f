// SPDX-License-Identifier: BSL-1.0
// One heartbeat as the simulation knows it: the model of a heartbeat, and what only one who sees the whole world knows
// of it. Read next: ../model/life.hpp, what all observers know; model.hpp, which keeps and judges them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <heartbeat/options.hpp>
#include <heartbeat/testing/manual_clock.hpp>

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

using model::SentBeat;
using model::View;

struct Life : model::Life {
  Life(model::Observer& observer, SessionKey its_key, const LifeOptions& its_options, Span tick, Time now)
      : model::Life{observer, model::terms_of(its_options, tick, now), now},
        key{its_key},
        options{its_options},
        started{now} {}

  SessionKey key;
  std::uint64_t generation = 0;
  LifeOptions options;
  Time started{};
  bool was_held = false;        // a close of the same session was open when it started
  int parent = -1;              // among the world's
  int group = -1;               // the same
  bool is_end_unseen = false;   // it must have ended, and only its event will say why
  bool is_paced = false;        // a ttl was told that changes the interval
  bool was_stuck = false;       // since the last acknowledgement: too many calls were abandoned for another one
  std::optional<Time> gap_end;  // of the gap in which its validity ended
  std::optional<Time> phase;    // a moment at which a regular beat was sent on time

  [[nodiscard]] Span interval() const { return options.interval; }

  /// Calls that were given up and that the transport still has.
  [[nodiscard]] std::size_t abandoned() const {
    return static_cast<std::size_t>(std::count_if(beats.begin(), beats.end(), [](const SentBeat& beat) {
      return beat.fate != SentBeat::Fate::open && !beat.is_answered;
    }));
  }
  /// So many that no further one is made (F10).
  [[nodiscard]] bool is_stuck() const { return abandoned() > options.attempts; }
};

}  // namespace heartbeat::simulation
