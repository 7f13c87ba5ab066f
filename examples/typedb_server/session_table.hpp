// SPDX-License-Identifier: BSL-1.0
// The sessions that are open, and the count of all that became of them: one mutex over both, so that the numbers add up
// at any moment. A session's end is whatever erases it here first: a close, the monitor of idle sessions, or a test.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <heartbeat/monitor.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>

#include "typedb_server/counters.hpp"

namespace typedb_server {

/// Threading: any thread.
class SessionTable {
 public:
  using Id = heartbeat::typedb::SessionId;

  SessionTable();

  /// Opens a session, which expires when it had no pulse for `idle_timeout`.
  Id open(std::chrono::milliseconds idle_timeout);

  /// A pulse: true if the session is open.
  bool pulse(const Id& id);

  /// Counts a pulse that a fault has kept from having any effect.
  void count_disturbed_pulse();

  /// A client's close: true if the session was open.
  bool close(const Id& id);

  bool forget(const Id& id);

  /// Forgets that many, or all there are; how many it forgot.
  std::size_t forget_some(std::size_t count);

  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::vector<Id> ids() const;
  [[nodiscard]] bool knows(const Id& id) const;

  /// How often clients asked to close that session, whether it was open or not.
  [[nodiscard]] int closes(const Id& id) const;

  /// Waits for numbers that please; false if the limit passes first.
  bool wait_for(std::chrono::milliseconds limit, const std::function<bool(const Counters&)>& is_pleased) const;

 private:
  Id draw_id();
  void expire(const Id& id);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::unordered_set<Id> open_;           // mutex_
  std::unordered_map<Id, int> closes_;    // mutex_
  Counters counters_;                     // mutex_
  std::mt19937_64 generator_;             // mutex_
  heartbeat::HeartbeatMonitor<Id> idle_;  // last: its thread calls expire
};

}  // namespace typedb_server
