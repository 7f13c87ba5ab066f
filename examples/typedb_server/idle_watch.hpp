// SPDX-License-Identifier: BSL-1.0
// Notices who has been idle for too long: the receiving side of a heartbeat, and all that this server knows of time.
// One thread, which sleeps until the next id may be due and not at all while there is none. A touch writes one time
// point: the list by time is put right only when an id comes up in it. Read next: session_table.hpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>

namespace typedb_server {

/// Threading: any thread. `on_idle` is called on the watch's own thread, without a lock, once for each id that went
/// idle; the watch does not know the id any more then.
class IdleWatch {
 public:
  using Id = heartbeat::typedb::SessionId;
  using Clock = heartbeat::BootClock;

  explicit IdleWatch(std::function<void(const Id&)> on_idle);

  /// Watches an id, from now. REQUIRES: it is not watched.
  void watch(const Id& id, std::chrono::milliseconds timeout);

  /// Its idle time begins anew; false if it is not watched.
  bool touch(const Id& id);

  /// Watches it no longer; false if it was not watched.
  bool forget(const Id& id);

 private:
  struct Watched {
    std::chrono::milliseconds timeout;
    Clock::time_point due;     // moved by every touch
    Clock::time_point listed;  // where it stands in by_time_; never after due
  };

  void run(const std::stop_token& token);
  std::vector<Id> take_idle(Clock::time_point now);

  const std::function<void(const Id&)> on_idle_;
  std::mutex mutex_;
  std::condition_variable_any earlier_;                 // told when the first of by_time_ has changed
  std::unordered_map<Id, Watched> watched_;             // mutex_
  std::set<std::pair<Clock::time_point, Id>> by_time_;  // mutex_
  std::jthread thread_;                                 // last: it uses the others
};

}  // namespace typedb_server
