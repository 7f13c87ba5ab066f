// SPDX-License-Identifier: BSL-1.0
// How a server is to be: a plain value, whose defaults are those of TypeDB 2.29. Read next: server.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <heartbeat/boot_clock.hpp>

namespace typedb_server {

/// What tells the time to a server's timers. Called from any thread, also while the server holds a lock.
using Now = std::function<heartbeat::BootClock::time_point()>;

struct Options {
  int port = 0;                                    ///< of 127.0.0.1; 0: a free one
  std::chrono::milliseconds idle_timeout{30'000};  ///< of sessions whose client did not choose one
  std::vector<std::string> databases = {"orders"};

  /// How many single threads answer all calls but transactions; 0: one for each processor.
  unsigned threads = 0;

  /// How long a second schema session of a database waits, and a transaction lasts, if the client did not choose.
  std::chrono::milliseconds schema_lock_timeout{10'000};
  std::chrono::milliseconds transaction_timeout{300'000};

  /// How long it takes to create a database: drawn each time from this range, whose ends are in it.
  std::chrono::milliseconds least_creation_time{130};
  std::chrono::milliseconds most_creation_time{680};

  /// For tests that let a server's time leap. Idle timeouts are measured by it; waits for a lock, for a database and
  /// for the end of a transaction take real time.
  Now now = heartbeat::BootClock::now;
};

}  // namespace typedb_server
