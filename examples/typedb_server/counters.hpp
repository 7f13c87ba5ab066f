// SPDX-License-Identifier: BSL-1.0
// What the server has counted, as one snapshot whose numbers add up. Read next: session_table.hpp, which counts.
#pragma once

#include <cstdint>

namespace typedb_server {

/// All numbers of one moment, taken under one lock, so that in each snapshot
/// `opened == closed + expired + forgotten + open` and `pulses == alive + unknown + disturbed`.
struct Counters {
  std::uint64_t opened = 0;     ///< sessions ever
  std::uint64_t closed = 0;     ///< because a client asked for it
  std::uint64_t expired = 0;    ///< for want of pulses
  std::uint64_t forgotten = 0;  ///< by a test's wish, with its database, or because the server was stopped
  std::uint64_t open = 0;       ///< sessions now

  std::uint64_t pulses = 0;     ///< that arrived
  std::uint64_t alive = 0;      ///< for an open session: its idle time begins anew
  std::uint64_t unknown = 0;    ///< for a session that is not open
  std::uint64_t disturbed = 0;  ///< a fault came first, and they had no effect

  std::uint64_t unknown_closes = 0;  ///< closes of a session that is not open

  friend bool operator==(const Counters&, const Counters&) = default;
};

}  // namespace typedb_server
