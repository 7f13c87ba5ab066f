// SPDX-License-Identifier: BSL-1.0
// All the numbers of one moment, from both sides: what the program counted, and what the server says. A plain value,
// so that the table and the sums at the end look at the same thing. Read next: table.hpp, sums.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <typedb_server/counters.hpp>

#include <heartbeat/end.hpp>
#include <heartbeat/statistics.hpp>

namespace typedb_sessions {

struct Reading {
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds duration{};
  std::string doing;

  std::uint64_t wanted = 0;      ///< sessions
  std::uint64_t refused = 0;     ///< sessions that could not be opened
  std::uint64_t asked_gone = 0;  ///< sessions the server was told to forget
  std::uint64_t asked_mute = 0;  ///< sessions whose pulses the server was told to leave unanswered
  double beats_per_second = 0;   ///< since the last reading
  heartbeat::Statistics numbers;
  std::optional<typedb_server::Counters> server;  ///< of the program's own server

  [[nodiscard]] std::uint64_t gone() const { return numbers.ended_for(heartbeat::EndReason::gone); }
  [[nodiscard]] std::uint64_t stalled() const { return numbers.ended_for(heartbeat::EndReason::stalled); }
  [[nodiscard]] std::uint64_t failed() const { return numbers.ended_for(heartbeat::EndReason::failed); }

  /// Those that this program ended itself.
  [[nodiscard]] std::uint64_t closed() const {
    return numbers.ended_for(heartbeat::EndReason::stopped) + numbers.ended_for(heartbeat::EndReason::shut_down);
  }
};

}  // namespace typedb_sessions
