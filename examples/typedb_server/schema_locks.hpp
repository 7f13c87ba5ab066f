// SPDX-License-Identifier: BSL-1.0
// The right to have a schema session, of which each database has one. Who asks for one that is taken waits on its
// thread, whether its client is still there or not. Read next: single_threads.hpp, for what that does to others.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>

namespace typedb_server {

/// Threading: any thread. Blocks: `acquire`.
class SchemaLocks {
 public:
  enum class Outcome : std::uint8_t { acquired, timed_out, stopped };

  /// Takes a database's lock, for which it waits as long as `limit`; not at all if that is 0 or less.
  Outcome acquire(const std::string& database, std::chrono::milliseconds limit);

  void release(const std::string& database);

  /// Nobody waits any more, until `allow_waits`: who does, and who comes, is told `stopped`.
  void end_waits();
  void allow_waits();

  /// How many locks are taken, and how many threads wait for one.
  [[nodiscard]] std::size_t taken() const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> taken_;  // mutex_; by the names of databases
  std::size_t waiting_ = 0;      // mutex_
  bool is_stopped_ = false;      // mutex_
};

}  // namespace typedb_server
