// SPDX-License-Identifier: BSL-1.0
// Work from its arrival at a thread to its turn there. Read next: single_threads.hpp.
#include "typedb_server/single_threads.hpp"

#include <algorithm>
#include <utility>

namespace typedb_server {

SingleThreads::SingleThreads(unsigned count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i != count; ++i)
    threads_.push_back(std::make_unique<Single>());
}

SingleThreads::~SingleThreads() = default;

void SingleThreads::post(Work work) {
  // Relaxed: the number only chooses a thread; the work is handed over under that thread's mutex.
  const std::size_t turn = next_.fetch_add(1, std::memory_order_relaxed);
  threads_[turn % threads_.size()]->post(std::move(work));
}

void SingleThreads::pause() {
  for (const auto& thread : threads_)
    thread->set_paused(true);
}

void SingleThreads::resume() {
  for (const auto& thread : threads_)
    thread->set_paused(false);
}

void SingleThreads::drop_waiting() {
  for (const auto& thread : threads_)
    thread->drop_waiting();
}

std::size_t SingleThreads::waiting() const {
  std::size_t sum = 0;
  for (const auto& thread : threads_)
    sum += thread->waiting();
  return sum;
}

SingleThreads::Single::Single() : thread_{[this] { run(); }} {}

SingleThreads::Single::~Single() {
  {
    const std::scoped_lock lock{mutex_};
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SingleThreads::Single::post(Work work) {
  {
    const std::scoped_lock lock{mutex_};
    waiting_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void SingleThreads::Single::set_paused(bool is_paused) {
  {
    const std::scoped_lock lock{mutex_};
    is_paused_ = is_paused;
  }
  changed_.notify_all();
}

void SingleThreads::Single::drop_waiting() {
  std::deque<Work> dropped;  // dies when the lock is released: what work holds may have a destructor that takes others
  std::unique_lock lock{mutex_};
  dropped.swap(waiting_);
  is_paused_ = false;
  changed_.wait(lock, [this] { return !is_busy_; });
  lock.unlock();
}

std::size_t SingleThreads::Single::waiting() {
  const std::scoped_lock lock{mutex_};
  return waiting_.size();
}

void SingleThreads::Single::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return is_ending_ || (!is_paused_ && !waiting_.empty()); });
    if (is_ending_) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    is_busy_ = true;
    lock.unlock();
    work();
    work = nullptr;  // before the thread is said to be idle, since it may hold what others then take for released
    lock.lock();
    is_busy_ = false;
    if (waiting_.empty()) changed_.notify_all();  // for drop_waiting
  }
}

}  // namespace typedb_server
