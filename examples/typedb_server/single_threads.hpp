// SPDX-License-Identifier: BSL-1.0
// The threads that answer calls. A call is put on one of them when it arrives, by turns, and stays there: one that
// blocks its thread keeps all that are behind it waiting, while the other threads go on. That is how TypeDB serves
// calls, and why as many clients waiting for a lock as it has threads stop it for everybody. Read next: service.hpp,
// which posts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace typedb_server {

/// Threading: any thread, but `drop_waiting` and the destructor from none of its own.
class SingleThreads {
 public:
  using Work = std::function<void()>;

  /// That many; for 0 as many as there are processors.
  explicit SingleThreads(unsigned count);

  /// Drops what waits. Blocks until what runs is done.
  ~SingleThreads();

  SingleThreads(const SingleThreads&) = delete;
  SingleThreads& operator=(const SingleThreads&) = delete;

  /// Puts the work on the next thread.
  void post(Work work);

  /// Begins nothing any more, as a process that hangs.
  void pause();

  /// Goes on with what waits, in its order.
  void resume();

  /// Forgets what waits, and resumes. Blocks until what runs is done.
  void drop_waiting();

  [[nodiscard]] std::size_t count() const { return threads_.size(); }

  /// How much waits for its turn, on all of them.
  [[nodiscard]] std::size_t waiting() const;

 private:
  // One thread and what waits for it.
  class Single {
   public:
    Single();
    ~Single();
    void post(Work work);
    void set_paused(bool is_paused);
    void drop_waiting();
    std::size_t waiting();

   private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work> waiting_;  // mutex_
    bool is_paused_ = false;    // mutex_
    bool is_busy_ = false;      // mutex_
    bool is_ending_ = false;    // mutex_
    std::thread thread_;        // last: it uses the others
  };

  std::vector<std::unique_ptr<Single>> threads_;  // constant after construction
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace typedb_server
