// SPDX-License-Identifier: BSL-1.0
// The one final transition of a heartbeat, and its reasons. Events, groups and sweeps all speak of it, so none owns it.
// Read next: event.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace heartbeat {

/// Why a heartbeat ended. Each has exactly one reason (G3).
enum class EndReason : std::uint8_t {
  stopped,           ///< `stop`, or its handle died
  parent_cancelled,  ///< the parent's stop token fired, or the group failed
  gone,              ///< the server does not know the session
  failed,            ///< a beat failed for good, or too many failed in a row
  stalled,           ///< the validity ran out with no acknowledgement
  shut_down,         ///< the registry was shut down or destroyed
};

/// The reason in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(EndReason reason) noexcept {
  switch (reason) {
    case EndReason::stopped: return "stopped";
    case EndReason::parent_cancelled: return "parent_cancelled";
    case EndReason::gone: return "gone";
    case EndReason::failed: return "failed";
    case EndReason::stalled: return "stalled";
    case EndReason::shut_down: return "shut_down";
  }
  return "unknown";
}

/// True for the ends that nobody asked for: gone, failed, stalled.
[[nodiscard]] constexpr bool is_failure(EndReason reason) noexcept {
  return reason == EndReason::gone || reason == EndReason::failed || reason == EndReason::stalled;
}

/// A heartbeat that ended without being asked to.
template <class Key>
struct Failure {
  Key key;                   ///< whose heartbeat
  std::uint64_t generation;  ///< which of the key's heartbeats
  EndReason reason;          ///< gone, failed or stalled
  std::error_code error;     ///< of the last beat that failed; none if none did, or if the server said gone
  std::string text;          ///< the transport's words on it, or the server's when it said gone; may be empty
};

}  // namespace heartbeat
