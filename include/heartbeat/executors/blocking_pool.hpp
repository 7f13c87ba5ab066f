// SPDX-License-Identifier: BSL-1.0
// The threads beside the engine's, for work that may block: a server that does not answer holds one of these, and the
// engine goes on. Read next: thread.hpp, whose second half it is.
#pragma once

#include <condition_variable>
#include <mutex>

#include <heartbeat/executor.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat::detail {

/// Works, and the loop of the threads that run them.
///
/// Threading: any thread.
class BlockingPool {
 public:
  void post(Work& work) noexcept {
    {
      const std::lock_guard lock{mutex_};
      if (!stopping_) {
        queue_.push(work);
        changed_.notify_one();
        return;
      }
    }
    work.drop();
  }

  /// Runs works until `stop`.
  void run_thread() noexcept {
    std::unique_lock lock{mutex_};
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      Work* work = queue_.pop();
      lock.unlock();
      work->run();
      lock.lock();
    }
  }

  /// Has every thread return, and moves to `rest` what will not run.
  void stop(WorkQueue& rest) noexcept {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    queue_.move_to(rest);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  WorkQueue queue_;
  bool stopping_ = false;
};

}  // namespace heartbeat::detail
