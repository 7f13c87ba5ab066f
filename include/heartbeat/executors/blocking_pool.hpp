// SPDX-License-Identifier: BSL-1.0
// The threads beside the engine's, for work that may block: a server that does not answer holds some of these, and the
// engine goes on. They are made when works wait that nobody takes, up to a limit, and end when there is nothing for
// them to do. Read next: thread.hpp, whose second half it is.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/library_thread.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat::detail {

/// When threads are made and end.
struct BlockingPoolTimes {
  std::chrono::nanoseconds standing = std::chrono::milliseconds{1};  ///< works wait so long: there are too few
  std::chrono::nanoseconds idle = std::chrono::seconds{10};          ///< a thread sleeps so long: there are too many
};

/// Makes threads as the library makes all of its own.
struct PoolThreads {
  template <class Body>
  [[nodiscard]] std::thread operator()(Body&& body) const {
    return library_thread("heartbeat-call", std::forward<Body>(body));
  }
};

/// Works, and the threads that run them. A thread that runs no work is free.
///
/// ```
///   made --> looks <--------------------------------------------------------------------------+
///              |                                                                              |
///              +-- a work waits, and another thread is free or the limit is reached --> runs it
///              |                                                                              |
///              +-- a work waits, no other is free --> stands by: for a millisecond, the others may take what waits
///              |         |                                                                    |
///              |         +-- they did ------------------------------------------------------->+
///              |         +-- they did not --> makes a thread (see below: or more) ----------->+
///              |                                 +-- and cannot --> runs the work, as if the limit were reached
///              |
///              +-- nothing waits --> sleeps -- a post wakes the one that came last ---------->+
///                                      |
///                                      +-- ten seconds, two others are left or more, one of them free --> ends
/// ```
/// Below the limit, whoever takes a work leaves a free thread behind. It alone makes threads, so none is made where the
/// work is posted, none while another could take the work, and there is always somebody to make the next one. It waits
/// before it does: quick works, be they many, are taken by those who come back, and a thread for each would cost more
/// than the works. If not all that waited was taken within that time, the queue stands: the threads block, or are too
/// few. One is made then, and as long as none of them comes back, two after another millisecond, then four, and so on,
/// each by the one before. So calls to a dead server have a thread each after some milliseconds, however many they are;
/// calls that return make one a millisecond, and works of microseconds next to none.
///
/// Sleepers are woken last in, first out, so that those too many sleep on until they end. A few are kept, and made by
/// `start`: they sleep without a limit, as the last free one does, and with nothing to do nobody else is left.
///
/// A thread that has ended is joined by the next one that ends, or by `join`. Stopped, and in a child of fork(), it
/// drops what comes.
///
/// Threading: any thread, `start` and `join` apart. Allocates: `start`, and pool threads that make another; not `post`.
template <class MakeThread = PoolThreads>
class BlockingPool : public std::enable_shared_from_this<BlockingPool<MakeThread>> {
 public:
  /// How many threads never end, if the limit allows for them: one that takes a work, and one that is free meanwhile.
  static constexpr std::size_t most_kept = 2;

  /// With at most `limit` threads. REQUIRES: limit > 0; owned by a shared pointer.
  explicit BlockingPool(std::size_t limit, BlockingPoolTimes times = {}, MakeThread make = {})
      : limit_{limit}, times_{times}, make_{std::move(make)} {}

  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Makes the threads that are kept. Called once, before anything is posted. Throws: what the first that cannot be
  /// made throws; `stop` and `join` end the others.
  void start() {
    std::unique_lock lock{mutex_};
    threads_.reserve(limit_);
    while (size_ < kept_)
      add_thread(lock);
    if (limit_ == 1) only_ = threads_.front().get_id();
  }

  void post(Work& work) noexcept {
    if (origin_.is_here()) {
      const std::lock_guard lock{mutex_};
      if (!stopping_) {
        queue_.push(work);
        if (sleepers_ != nullptr) wake_one();
        return;
      }
    }
    work.drop();
  }

  /// How many works run at once at most.
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

  /// How many threads there are.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return size_;
  }

  /// True on a pool thread if there can be no other.
  [[nodiscard]] bool is_only_thread() const noexcept { return only_ == std::this_thread::get_id(); }

  /// Has every thread return, and moves to `rest` what will not run.
  void stop(WorkQueue& rest) noexcept {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    queue_.move_to(rest);
    while (sleepers_ != nullptr)
      wake_one();
    standby_.notify_one();
  }

  /// After `stop`: waits for all threads to return, but for the calling one, which is detached. One that is making
  /// another stays until it has filed that one here.
  void join() {
    std::unique_lock lock{mutex_};
    while (!threads_.empty()) {
      std::thread thread = std::move(threads_.back());
      threads_.pop_back();
      lock.unlock();
      if (thread.get_id() == std::this_thread::get_id()) {
        thread.detach();
      } else {
        thread.join();
      }
      lock.lock();
    }
    if (last_ended_.joinable()) last_ended_.join();
  }

 private:
  // A thread that sleeps; on its stack.
  struct Sleeper {
    Sleeper* before;  // who sleeps longer
    std::condition_variable woken{};
    bool is_woken = false;
  };

  void run_thread() noexcept {
    std::unique_lock lock{mutex_};
    while (Work* work = next(lock)) {
      lock.unlock();
      work->run();
      lock.lock();
      if (free_ > 0) {
        to_make_ = 0;
        next_to_make_ = 1;
      }
      ++free_;
    }
    if (stopping_) return;
    std::thread before = leave();
    lock.unlock();
    if (before.joinable()) before.join();
  }

  // The next work for this thread; null if it is to return.
  Work* next(std::unique_lock<std::mutex>& lock) {
    while (!stopping_) {
      if (queue_.empty()) {
        if (!sleep(lock) && may_leave()) return nullptr;
      } else if (free_ > 1 || size_ == limit_) {
        return take();
      } else if (to_make_ > 0) {
        if (!try_add_thread(lock) && !queue_.empty()) return take();
      } else if (!others_take_all(lock)) {
        to_make_ = next_to_make_;
        next_to_make_ *= 2;
      }
    }
    return nullptr;
  }

  Work* take() noexcept {
    --free_;
    ++taken_;
    return queue_.pop();
  }

  // Whether what waits now is soon taken by those who come back.
  bool others_take_all(std::unique_lock<std::mutex>& lock) {
    const std::uint64_t all = taken_ + queue_.size();
    return standby_.wait_for(lock, times_.standing, [&] { return stopping_ || taken_ >= all; });
  }

  // False if it was not woken for so long. Without a limit where it could not end anyway.
  bool sleep(std::unique_lock<std::mutex>& lock) {
    Sleeper sleeper{.before = sleepers_};
    const auto is_woken = [&] { return sleeper.is_woken; };
    sleepers_ = &sleeper;
    if (size_ <= kept_ || free_ == 1) {
      sleeper.woken.wait(lock, is_woken);
    } else if (!sleeper.woken.wait_for(lock, times_.idle, is_woken)) {
      Sleeper** place = &sleepers_;
      while (*place != &sleeper)
        place = &(*place)->before;
      *place = sleeper.before;
    }
    return sleeper.is_woken;
  }

  void wake_one() noexcept {
    Sleeper* sleeper = std::exchange(sleepers_, sleepers_->before);
    sleeper->is_woken = true;
    sleeper->woken.notify_one();  // under the lock: it is gone as soon as it can have that
  }

  // Not while one is being made: it may be this one, and not be filed yet.
  [[nodiscard]] bool may_leave() const noexcept {
    return !stopping_ && queue_.empty() && size_ > kept_ && free_ > 1 && !is_making_;
  }

  // Files this thread as the last one that has ended, and gives back the one before.
  std::thread leave() noexcept {
    const auto is_this = [](const std::thread& thread) { return thread.get_id() == std::this_thread::get_id(); };
    const auto self = std::ranges::find_if(threads_, is_this);
    std::thread before = std::exchange(last_ended_, std::move(*self));
    *self = std::move(threads_.back());
    threads_.pop_back();
    --size_;
    --free_;
    return before;
  }

  // False if none can be made now. The pool goes on with those there are, and the next that takes a work tries again:
  // one that comes back, for this one takes a work now. A free thread that only tried would be lost to the works.
  bool try_add_thread(std::unique_lock<std::mutex>& lock) noexcept {
    try {
      add_thread(lock);
      if (to_make_ > 0) --to_make_;
      return true;
    } catch (...) {
      return false;
    }
  }

  // Counts it at once, so that nobody makes another one, and unlocks while it is made, so that works can be posted.
  void add_thread(std::unique_lock<std::mutex>& lock) {
    ++size_;
    ++free_;
    is_making_ = true;
    lock.unlock();
    std::thread made;
    std::exception_ptr failure;
    try {
      made = make_([self = this->shared_from_this()] { self->run_thread(); });
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    is_making_ = false;
    if (failure) {
      --size_;
      --free_;
      std::rethrow_exception(failure);
    }
    threads_.push_back(std::move(made));  // there is room for all: see start
  }

  const Origin origin_;
  const std::size_t limit_;
  const std::size_t kept_ = std::min(limit_, most_kept);
  const BlockingPoolTimes times_;
  std::thread::id only_;      // set by start, before a work can ask for it; then constant
  MakeThread make_;           // used by whoever has set is_making_
  mutable std::mutex mutex_;  // guards what follows
  WorkQueue queue_;
  std::uint64_t taken_ = 0;           // works so far
  Sleeper* sleepers_ = nullptr;       // who came last first
  std::condition_variable standby_;   // whom the free thread waits on before it makes another; at most one does
  std::vector<std::thread> threads_;  // all but those that have ended and the one being made; room for `limit_`
  std::thread last_ended_;            // has left, or is about to, and is not joined yet
  std::size_t size_ = 0;              // threads that have not ended, with the one being made
  std::size_t free_ = 0;              // of these, such as run no work
  bool is_making_ = false;            // one at a time
  std::size_t to_make_ = 0;           // threads, without waiting again
  std::size_t next_to_make_ = 1;      // ... if works wait too long again, and no thread comes back to a free one
  bool stopping_ = false;
};

}  // namespace heartbeat::detail
