// SPDX-License-Identifier: BSL-1.0
// How a lock is waited for. Read next: schema_locks.hpp.
#include "typedb_server/schema_locks.hpp"

namespace typedb_server {

SchemaLocks::Outcome SchemaLocks::acquire(const std::string& database, std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  if (taken_.contains(database) && limit.count() > 0) {
    ++waiting_;
    changed_.wait_for(lock, limit, [&] { return is_stopped_ || !taken_.contains(database); });
    --waiting_;
  }
  if (is_stopped_) return Outcome::stopped;
  return taken_.insert(database).second ? Outcome::acquired : Outcome::timed_out;
}

void SchemaLocks::release(const std::string& database) {
  {
    const std::scoped_lock lock{mutex_};
    taken_.erase(database);
  }
  changed_.notify_all();
}

void SchemaLocks::end_waits() {
  {
    const std::scoped_lock lock{mutex_};
    is_stopped_ = true;
  }
  changed_.notify_all();
}

void SchemaLocks::allow_waits() {
  const std::scoped_lock lock{mutex_};
  is_stopped_ = false;
}

std::size_t SchemaLocks::taken() const {
  const std::scoped_lock lock{mutex_};
  return taken_.size();
}

std::size_t SchemaLocks::waiting() const {
  const std::scoped_lock lock{mutex_};
  return waiting_;
}

}  // namespace typedb_server
