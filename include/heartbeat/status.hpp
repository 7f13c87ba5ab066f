// SPDX-License-Identifier: BSL-1.0
// How one heartbeat stands, as a value: what looking at a registry gives. Read next: registry.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/fwd.hpp>

namespace heartbeat {

/// What a running heartbeat is doing.
enum class HeartbeatState : std::uint8_t {
  held,       ///< waits for what is left of the key's last heartbeat: a blocking call that has not returned; of
              ///< `PerClient`, the close of its client's
  waiting,    ///< for the time of its next beat
  ready,      ///< its beat is due
  in_flight,  ///< its answer is being waited for
};

/// The state in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(HeartbeatState state) noexcept {
  switch (state) {
    case HeartbeatState::held: return "held";
    case HeartbeatState::waiting: return "waiting";
    case HeartbeatState::ready: return "ready";
    case HeartbeatState::in_flight: return "in_flight";
  }
  return "unknown";
}

/// One running heartbeat at the moment it was looked at.
template <class Key, class C /* = BootClock */>
struct HeartbeatStatus {
  Key key;                                            ///< whose heartbeat
  std::uint64_t generation;                           ///< which of the key's heartbeats
  HeartbeatState state;                               ///< what it is doing
  std::optional<typename C::time_point> valid_until;  ///< none before the first acknowledgement
  bool is_in_jeopardy;                                ///< a beat has failed and the session is still valid
  std::uint32_t failures;                             ///< in a row
  typename C::time_point due = {};  ///< when its next beat is; of one that is ready or in flight, when it was
  std::error_code error = {};       ///< of the last failed beat since the last acknowledgement; none if none
};

}  // namespace heartbeat
