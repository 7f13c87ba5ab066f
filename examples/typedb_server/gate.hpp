// SPDX-License-Identifier: BSL-1.0
// Where each call waits while the server is paused, as the requests of a process that hangs do.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace typedb_server {

/// Threading: any thread.
class Gate {
 public:
  using Work = std::function<void()>;

  /// Runs the work: now, or when the gate opens, or never if what waits is dropped.
  void pass(Work work) {
    {
      const std::scoped_lock lock{mutex_};
      if (is_closed_) {
        waiting_.push_back(std::move(work));
        return;
      }
    }
    work();
  }

  void close() {
    const std::scoped_lock lock{mutex_};
    is_closed_ = true;
  }

  /// Lets all that waits pass, in its order.
  void open() {
    for (const Work& work : take_waiting())
      work();
  }

  /// Opens for what comes; what waits is dropped.
  void drop_waiting() { take_waiting(); }

 private:
  std::vector<Work> take_waiting() {
    const std::scoped_lock lock{mutex_};
    is_closed_ = false;
    return std::exchange(waiting_, {});
  }

  std::mutex mutex_;
  bool is_closed_ = false;     // mutex_
  std::vector<Work> waiting_;  // mutex_
};

}  // namespace typedb_server
