// SPDX-License-Identifier: BSL-1.0
// Works waiting for their turn: a list through the works' own links, so that queueing never allocates. A building block
// for whoever writes an executor. Read next: timer_queue.hpp.
#pragma once

#include <cstddef>
#include <utility>

#include <heartbeat/executor.hpp>

namespace heartbeat {

/// A first-in-first-out queue of works.
///
/// Threading: none of its own. Allocates: never. Throws: never.
class WorkQueue {
 public:
  WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// True if no work waits.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// How many works wait.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// REQUIRES: the work is in no queue.
  void push(Work& work) noexcept {
    work.next = nullptr;
    *(size_ == 0 ? &first_ : &last_->next) = &work;
    last_ = &work;
    ++size_;
  }

  /// Takes the oldest one out; null if there is none.
  Work* pop() noexcept { return empty() ? nullptr : take(0); }

  /// Takes the one out that has `index` older ones before it: walks past them. REQUIRES: index < size().
  Work* take(std::size_t index) noexcept {
    Work* before = nullptr;
    Work* taken = first_;
    for (; index > 0; --index) {
      before = std::exchange(taken, taken->next);
    }
    (before == nullptr ? first_ : before->next) = taken->next;
    if (taken == last_) last_ = before;
    --size_;
    return taken;
  }

  /// Hands everything over to `other`. REQUIRES: `other` is empty.
  void move_to(WorkQueue& other) noexcept {
    other.first_ = std::exchange(first_, nullptr);
    other.last_ = std::exchange(last_, nullptr);
    other.size_ = std::exchange(size_, 0);
  }

  /// Drops everything, oldest first; works may be pushed meanwhile, and are dropped too.
  void drop_all() noexcept {
    while (Work* work = pop())
      work->drop();
  }

 private:
  Work* first_ = nullptr;
  Work* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace heartbeat
