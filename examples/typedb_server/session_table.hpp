// SPDX-License-Identifier: BSL-1.0
// The sessions that are open, and the count of all that became of them: one mutex over both, so that the numbers add up
// at any moment. Deadlines are exact: whatever is asked of the table, the sessions whose time has come end first, so a
// pulse that is read at its session's deadline finds it dead, however long the process stood still before it could
// look.
//
//   open ──> idle: dies at its deadline, which each pulse moves <──────────────┐
//              │  a transaction begins                                         │ the last one ends: a full timeout from
//              now └──> suspended: has no deadline, and pulses change nothing ─────┘
//
// A session's end is whatever erases it here first: a close, its deadline, or a test. Read next: schema_locks.hpp,
// whose locks are given back here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>

#include "typedb_server/counters.hpp"
#include "typedb_server/options.hpp"
#include "typedb_server/schema_locks.hpp"

namespace typedb_server {

/// What a session is opened with.
struct Opening {
  std::string database;
  bool is_schema = false;  ///< it holds the database's schema lock, which its end releases
  std::chrono::milliseconds idle_timeout{0};
};

/// Threading: any thread.
class SessionTable {
 public:
  using Id = heartbeat::typedb::SessionId;
  using Token = std::uint64_t;  ///< of a transaction

  /// The locks must outlive the table.
  SessionTable(Now now, SchemaLocks& locks);
  ~SessionTable();

  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  /// Opens a session; with an idle timeout of 0 or less it is dead at once.
  Id open(Opening opening);

  /// A pulse: true if the session is open.
  bool pulse(const Id& id);

  /// Counts a pulse that a fault has kept from having any effect.
  void count_disturbed_pulse();

  /// A client's close: true if the session was open; by chance, if it was dead at its opening.
  bool close(const Id& id);

  bool forget(const Id& id);

  /// Forgets that many, or all there are; how many it forgot.
  std::size_t forget_some(std::size_t count);

  /// Forgets those of a database that was deleted.
  void forget_database(const std::string& name);

  /// Suspends the session's idle timeout; nothing if it is not open. `on_session_end` is called, with no lock held, if
  /// the session ends first.
  std::optional<Token> begin_transaction(const Id& id, std::function<void()> on_session_end);
  void end_transaction(const Id& id, Token token);

  [[nodiscard]] std::size_t transactions();

  [[nodiscard]] Counters counters();
  [[nodiscard]] std::vector<Id> ids();
  [[nodiscard]] bool knows(const Id& id);

  /// How often clients asked to close that session, whether it was open or not.
  [[nodiscard]] int closes(const Id& id);

  /// Waits for numbers that please; false if the limit passes first.
  bool wait_for(std::chrono::milliseconds limit, const std::function<bool(const Counters&)>& is_pleased);

 private:
  using Time = heartbeat::BootClock::time_point;
  using Endings = std::vector<std::function<void()>>;

  struct Session {
    Opening opening;
    Time deadline;   // Time::max(): suspended
    Time looked_at;  // when the timer looks at it: at its deadline, or earlier, since pulses only move the former
    std::unordered_map<Token, std::function<void()>> transactions;
  };
  using Sessions = std::unordered_map<Id, Session>;

  // Each of these requires mutex_.
  Time expire_due();
  void set_deadline(const Id& id, Session& session, Time deadline);
  void erase(Sessions::iterator position, Endings& endings);
  std::size_t forget_if(std::size_t most, const std::function<bool(const Session&)>& is_meant, Endings& endings);
  Id draw_id();

  void run_timer();

  const Now now_;
  SchemaLocks& locks_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable timer_woken_;
  Sessions open_;                           // mutex_
  std::set<std::pair<Time, Id>> due_;       // mutex_; looked_at of all sessions
  std::unordered_set<Id> dead_at_opening_;  // mutex_
  std::unordered_map<Id, int> closes_;      // mutex_
  Counters counters_;                       // mutex_
  Token last_token_ = 0;                    // mutex_
  std::size_t transactions_ = 0;            // mutex_; of open sessions
  std::mt19937_64 generator_;               // mutex_
  bool is_ending_ = false;                  // mutex_
  std::thread timer_;                       // last: it uses the others
};

}  // namespace typedb_server
