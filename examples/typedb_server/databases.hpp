// SPDX-License-Identifier: BSL-1.0
// The names of the databases that exist: all that this server has of a database.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace typedb_server {

/// Threading: any thread.
class Databases {
 public:
  explicit Databases(const std::vector<std::string>& names) : names_{names.begin(), names.end()} {}

  [[nodiscard]] bool contains(const std::string& name) const {
    const std::scoped_lock lock{mutex_};
    return names_.contains(name);
  }

  /// False if there is one of that name.
  bool create(const std::string& name) {
    const std::scoped_lock lock{mutex_};
    return names_.insert(name).second;
  }

  /// False if there was none of that name.
  bool remove(const std::string& name) {
    const std::scoped_lock lock{mutex_};
    return names_.erase(name) == 1;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;  // mutex_
};

}  // namespace typedb_server
