// SPDX-License-Identifier: BSL-1.0
// The names of the databases that exist or are being made: all that this server has of a database. To make one takes
// time, during which it is there for nobody, but its name is taken. Read next: answers.hpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "typedb_server/options.hpp"

namespace typedb_server {

/// Threading: any thread. Blocks: `create`.
class Databases {
 public:
  enum class Outcome : std::uint8_t { created, exists, being_made, stopped };

  explicit Databases(const Options& options);

  [[nodiscard]] bool contains(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;

  /// Makes a database as clients do. Blocks for the time that takes; not, if there is one or somebody is at it.
  Outcome create(const std::string& name);

  /// The same without taking any time, for tests.
  void add(const std::string& name);

  /// False if there was none of that name.
  bool remove(const std::string& name);

  /// Nobody makes a database any more, until `allow_waits`: who does, and who comes, is told `stopped`.
  void end_waits();
  void allow_waits();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> names_;                               // mutex_
  std::set<std::string> being_made_;                          // mutex_
  bool is_stopped_ = false;                                   // mutex_
  std::mt19937_64 generator_;                                 // mutex_
  std::uniform_int_distribution<std::int64_t> milliseconds_;  // mutex_; that a creation takes
};

}  // namespace typedb_server
