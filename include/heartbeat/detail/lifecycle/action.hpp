// SPDX-License-Identifier: BSL-1.0
// What the state machine answers: values that can be compared and printed, so that a test reads as "told this, it asks
// for that". Only the shard performs them. Read next: lifecycle.hpp.
#pragma once

#include <cstdint>
#include <ostream>

#include <heartbeat/end.hpp>
#include <heartbeat/event.hpp>

namespace heartbeat::detail {

/// A set of kinds of events.
using EventMask = std::uint16_t;

[[nodiscard]] constexpr EventMask mask_of(EventKind kind) noexcept {
  return static_cast<EventMask>(1U << static_cast<unsigned>(kind));
}

/// What to do with a heartbeat after something happened to it.
struct Action {
  bool abandon_beat = false;  ///< nobody waits for the answer of the current beat any more
  bool make_ready = false;    ///< its beat is to be sent as soon as possible
  bool end = false;           ///< for `reason`
  EndReason reason = EndReason::stopped;
  EventMask told = 0;          ///< what the owner is told
  std::uint32_t skipped = 0;   ///< beats that could not be sent in time
  std::uint32_t withheld = 0;  ///< beats not sent for want of progress

  [[nodiscard]] static Action ending(EndReason reason, EventMask told = 0) noexcept {
    Action action;
    action.end = true;
    action.reason = reason;
    action.told = told;
    return action;
  }

  friend bool operator==(const Action&, const Action&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Action& action) {
  if (action.abandon_beat) out << "abandon_beat ";
  if (action.make_ready) out << "make_ready ";
  if (action.end) out << "end:" << to_string(action.reason) << ' ';
  for (unsigned kind = 0; kind <= static_cast<unsigned>(EventKind::ended); ++kind) {
    if ((action.told >> kind) & 1U) out << "tell:" << to_string(static_cast<EventKind>(kind)) << ' ';
  }
  if (action.skipped != 0) out << "skipped:" << action.skipped << ' ';
  if (action.withheld != 0) out << "withheld:" << action.withheld << ' ';
  return out;
}

}  // namespace heartbeat::detail
