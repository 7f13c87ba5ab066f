// SPDX-License-Identifier: BSL-1.0
// Works on the threads of an Asio executor: a queue, and a few runners. A runner is one handler of Asio's under way; it
// runs one work and is posted again, so that the program's own handlers get their turn in between, and several runners
// let several threads work at once. Read next: asio_timers.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/asio_storage.hpp>
#include <heartbeat/executors/asio_this_thread.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat::detail {

/// A queue of works that handlers on `Ex` run, `at_once` of them at most.
///
/// ```
/// runner:  idle --(a work is posted)--> posted --(Asio runs it)--> running --(no work left)--> idle
///                                         ^                           |
///                                         +------(works are left)-----+
/// ```
/// While works wait, a runner is posted or running, unless Asio found no memory to post it, or its context was stopped.
/// Then they wait: for the next post, or for the context to be run again.
///
/// Threading: any thread. Lives until its last handler is gone, run or not.
template <class Ex>
class AsioWorks : public std::enable_shared_from_this<AsioWorks<Ex>> {
 public:
  /// REQUIRES: at_once > 0.
  AsioWorks(const Ex& executor, std::size_t at_once) : executor_{executor}, runners_(at_once) {
    for (Runner& runner : runners_)
      runner.next_idle = std::exchange(idle_, &runner);
  }

  void post(Work& work) noexcept {
    if (!origin_.is_here()) return work.drop();
    Runner* runner = nullptr;
    {
      const std::lock_guard lock{mutex_};
      works_.push(work);
      if (idle_ == nullptr) return;
      runner = std::exchange(idle_, idle_->next_idle);
    }
    if (send(*runner)) return;
    const std::lock_guard lock{mutex_};
    runner->next_idle = std::exchange(idle_, runner);
  }

  /// Moves to `rest` what will not run. REQUIRES: nothing is posted any more.
  void stop(WorkQueue& rest) noexcept {
    const std::lock_guard lock{mutex_};
    works_.move_to(rest);
  }

  [[nodiscard]] std::size_t at_once() const noexcept { return runners_.size(); }

  /// True if the works may have to wait for the calling thread.
  [[nodiscard]] bool need_this_thread() const noexcept { return asio_runs_on_this_thread(executor_); }

 private:
  struct Runner {
    AsioStorage storage;
    Runner* next_idle = nullptr;  // the mutex
  };

  struct Handler {
    using allocator_type = AsioStorageAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{std::shared_ptr<AsioStorage>{works, &runner->storage}};
    }
    void operator()() const noexcept { works->run(*runner); }

    std::shared_ptr<AsioWorks> works;
    Runner* runner;
  };

  // False if there was no memory: Asio needs some only for executors that hide their type.
  bool send(Runner& runner) noexcept {
    try {
      boost::asio::post(executor_, Handler{this->shared_from_this(), &runner});
      return true;
    } catch (...) {
      return false;
    }
  }

  void run(Runner& runner) noexcept {
    if (!origin_.is_here()) return;
    do {
      if (Work* work = pop_or_rest(runner)) {
        work->run();
      } else {
        return;
      }
      if (rests_without_work(runner)) return;
    } while (!send(runner));  // no memory to come again: goes on here
  }

  Work* pop_or_rest(Runner& runner) noexcept {
    const std::lock_guard lock{mutex_};
    Work* work = works_.pop();
    if (work == nullptr) runner.next_idle = std::exchange(idle_, &runner);
    return work;
  }

  bool rests_without_work(Runner& runner) noexcept {
    const std::lock_guard lock{mutex_};
    if (!works_.empty()) return false;
    runner.next_idle = std::exchange(idle_, &runner);
    return true;
  }

  const Origin origin_;
  const Ex executor_;
  std::vector<Runner> runners_;  // constant once made, but for what a runner says of itself
  std::mutex mutex_;             // guards what follows
  WorkQueue works_;
  Runner* idle_ = nullptr;
};

}  // namespace heartbeat::detail
