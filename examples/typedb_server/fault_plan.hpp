// SPDX-License-Identifier: BSL-1.0
// Which faults hold at the moment: those of all sessions, and those of single ones, which go first.
#pragma once

#include <mutex>
#include <unordered_map>
#include <utility>

#include <heartbeat/transports/typedb/session_id.hpp>

#include "typedb_server/faults.hpp"

namespace typedb_server {

/// Threading: any thread.
class FaultPlan {
 public:
  using Id = heartbeat::typedb::SessionId;

  /// Changes the faults of all sessions: `change` gets them by reference.
  template <class Change>
  void change(Change change) {
    const std::scoped_lock lock{mutex_};
    change(all_);
  }

  void set_of(const Id& id, Faults faults) {
    const std::scoped_lock lock{mutex_};
    single_.insert_or_assign(id, std::move(faults));
  }

  void clear() {
    const std::scoped_lock lock{mutex_};
    all_ = {};
    single_.clear();
  }

  [[nodiscard]] Faults all() const {
    const std::scoped_lock lock{mutex_};
    return all_;
  }

  [[nodiscard]] Faults of(const Id& id) const {
    const std::scoped_lock lock{mutex_};
    const auto found = single_.find(id);
    return found == single_.end() ? all_ : found->second;
  }

 private:
  mutable std::mutex mutex_;
  Faults all_;                             // mutex_
  std::unordered_map<Id, Faults> single_;  // mutex_
};

}  // namespace typedb_server
