// SPDX-License-Identifier: BSL-1.0
// What the owner is told while a heartbeat lives, and when it ends. Delivered one at a time, apart from the beats: a
// slow sink delays events alone. Read next: end.hpp, options.hpp.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/fwd.hpp>

namespace heartbeat {

/// What happened. `ended` is never dropped and the last thing a generation says; the others keep each heartbeat's
/// newest state when the sink is behind: trouble that is over before it was told is not told, but for a `time_gap`; a
/// recovery is told to who knows of trouble. Several that wait together are told in this order, so that the last of
/// `time_gap`, `jeopardy`, `lapsed` and `recovered` says how the heartbeat stands.
enum class EventKind : std::uint8_t {
  started,       ///< registered
  missed,        ///< a beat failed or timed out
  time_gap,      ///< the process was away; the end of a lapsed session waits for one fresh beat
  jeopardy,      ///< the first failure after an acknowledgement; the session is still valid
  lapsed,        ///< valid until has passed and the heartbeat goes on (`OnStall::keep_beating`)
  withheld,      ///< no beat was sent, because the owner showed no progress
  overloaded,    ///< a limit of the registry makes its beat wait, `error` says which; told for one of many that wait
  acknowledged,  ///< a beat was acknowledged
  recovered,     ///< the first acknowledgement after jeopardy, a lapse or a gap
  ended,         ///< the one end
};

/// The kind in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::started: return "started";
    case EventKind::missed: return "missed";
    case EventKind::time_gap: return "time_gap";
    case EventKind::jeopardy: return "jeopardy";
    case EventKind::lapsed: return "lapsed";
    case EventKind::withheld: return "withheld";
    case EventKind::overloaded: return "overloaded";
    case EventKind::acknowledged: return "acknowledged";
    case EventKind::recovered: return "recovered";
    case EventKind::ended: return "ended";
  }
  return "unknown";
}

/// One thing that happened to one heartbeat. The references are valid during the call of the sink only.
///
/// Guarantees: per generation in order; `ended` exactly once, and last (G3).
template <class Key, class C /* = BootClock */>
struct Event {
  const Key& key;              ///< whose heartbeat
  std::uint64_t generation;    ///< tells two heartbeats of the same key apart
  EventKind kind;              ///< what happened
  typename C::time_point at;   ///< when it happened (of several that waited together: the newest)
  EndReason reason;            ///< of `ended`; otherwise meaningless
  std::error_code error;       ///< of the last failed beat since the last acknowledgement, or the limit that one waited
                               ///< for in vain; none if none, or if the server said gone. Of `overloaded`: the limit
  std::string_view text;       ///< the transport's words on it, those of the limit, or the server's when it said gone
  std::uint32_t failures;      ///< beats failed in a row (255 stands for 255 or more)
  bool close_follows = false;  ///< of `ended`: the server is being told to close the session; wait for that close
                               ///< before the key is opened and started again (`HeartbeatRegistry::wait_for_close`)
};

}  // namespace heartbeat
