// SPDX-License-Identifier: BSL-1.0
// What a manager has told as unclosed, for those tests that look at what is left behind. Read next: openings.cpp.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include <heartbeat/transports/typedb/unclosed.hpp>

namespace heartbeat::testing {

/// A manager's `on_unclosed` by reference. Threading: any thread.
class UnclosedOnes {
 public:
  void operator()(const typedb::Unclosed& unclosed) {
    const std::scoped_lock lock{mutex_};
    all_.push_back(unclosed);
  }
  [[nodiscard]] std::vector<typedb::Unclosed> all() const {
    const std::scoped_lock lock{mutex_};
    return all_;
  }
  [[nodiscard]] std::size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<typedb::Unclosed> all_;  // mutex_
};

}  // namespace heartbeat::testing
