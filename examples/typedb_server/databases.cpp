// SPDX-License-Identifier: BSL-1.0
// How a database comes and goes. Read next: databases.hpp.
#include "typedb_server/databases.hpp"

namespace typedb_server {

Databases::Databases(const Options& options)
    : names_{options.databases.begin(), options.databases.end()},
      generator_{std::random_device{}()},
      milliseconds_{options.least_creation_time.count(), options.most_creation_time.count()} {}

bool Databases::contains(const std::string& name) const {
  const std::scoped_lock lock{mutex_};
  return names_.contains(name);
}

std::vector<std::string> Databases::names() const {
  const std::scoped_lock lock{mutex_};
  return {names_.begin(), names_.end()};
}

Databases::Outcome Databases::create(const std::string& name) {
  std::unique_lock lock{mutex_};
  if (is_stopped_) return Outcome::stopped;
  if (names_.contains(name)) return Outcome::exists;
  if (!being_made_.insert(name).second) return Outcome::being_made;
  const std::chrono::milliseconds span{milliseconds_(generator_)};
  changed_.wait_for(lock, span, [&] { return is_stopped_; });
  being_made_.erase(name);
  if (is_stopped_) return Outcome::stopped;
  names_.insert(name);
  return Outcome::created;
}

void Databases::add(const std::string& name) {
  const std::scoped_lock lock{mutex_};
  names_.insert(name);
}

bool Databases::remove(const std::string& name) {
  const std::scoped_lock lock{mutex_};
  return names_.erase(name) == 1;
}

void Databases::end_waits() {
  {
    const std::scoped_lock lock{mutex_};
    is_stopped_ = true;
  }
  changed_.notify_all();
}

void Databases::allow_waits() {
  const std::scoped_lock lock{mutex_};
  is_stopped_ = false;
}

}  // namespace typedb_server
