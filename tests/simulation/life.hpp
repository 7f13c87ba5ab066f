// SPDX-License-Identifier: BSL-1.0
// One heartbeat as the simulation knows it: what was asked for, every beat with its fate, and what must follow. Written
// from the guarantees, not from the engine. Read next: model.hpp, which keeps and judges them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <heartbeat/end.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "server.hpp"

namespace heartbeat::simulation {

/// A key that says which heartbeat of its session it was given to: equal to others of the same session.
struct SessionKey {
  int id = 0;
  int owner = 0;  // the place of its life in the model
  friend bool operator==(const SessionKey& a, const SessionKey& b) noexcept { return a.id == b.id; }
};

using LifeOptions = HeartbeatOptions<testing::ManualClock>;

struct SentBeat {
  enum class Fate { open, acknowledged, failed, timed_out, gone, ignored, unsure };
  Time sent{};
  Time deadline{};
  Fate fate = Fate::open;
  Time decided{};
  bool is_answered = false;  // the completion has been used, or has died
};

struct Life {
  SessionKey key;
  std::uint64_t generation = 0;
  LifeOptions options;
  Span margin{};
  Span floor{};
  Time started{};
  bool was_held = false;     // a close of the same session was open when it started
  int parent = -1;           // among the world's
  int group = -1;            // the same
  bool may_be_gone = false;  // a beat was answered so
  bool may_fail = false;     // the same
  bool may_be_cancelled = false;
  bool may_be_stopped = false;
  bool is_cancelled = false;  // the parent's request_stop has returned
  bool was_swept = false;
  bool has_token = false;
  bool token_fired = false;
  bool is_end_told = false;
  bool is_end_unseen = false;  // it must have ended, and only its event will say why
  bool is_paced = false;       // a ttl was told that changes the interval
  bool was_stuck = false;      // since the last acknowledgement: too many calls were abandoned for another one
  bool is_unsure = false;      // an answer that met the deadline: the next look tells whether it counted
  std::optional<Time> valid_until;
  std::optional<Time> unsure_until;  // what valid_until becomes if that answer counted
  Time patience{};                   // how long the first acknowledgement is waited for
  std::optional<Time> gap_end;       // of the gap in which its validity ended
  std::optional<EndReason> ended;
  Time last_progress{};
  std::optional<Time> phase;  // a moment at which a regular beat was sent on time
  std::vector<SentBeat> beats;
  std::size_t acknowledged = 0;  // beats up to the last acknowledged one

  /// When it ends if nothing is acknowledged any more.
  [[nodiscard]] Time limit() const { return valid_until.value_or(patience); }
  [[nodiscard]] bool is_gated() const { return options.progress_within.has_value(); }
  [[nodiscard]] bool keeps_beating() const { return options.on_stall == OnStall::keep_beating; }
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
