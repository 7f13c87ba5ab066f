// SPDX-License-Identifier: BSL-1.0
// Who of a manager's own asks for a database's schema lock: one at a time, in the order in which they came. TypeDB
// gives the lock to one session of a database, and whoever waits for it inside the server holds one of the few threads
// that answer everybody's calls; so nobody waits there, and few ask. Read next: opening.hpp and reopening.hpp,
// who ask and pause.
//
//   enter --> standing --(all before it have left)--> asking --(lock, or given up)--> left
//                |                                     |   ^
//                +--(given up)--> left                 +---+ refused: pauses, and asks again
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include <heartbeat/detail/threads/require_stop_token.hpp>

namespace heartbeat::typedb::detail {

/// Threading: any thread; a waiter is told outside the lock, which is a leaf. Blocks: the two waits only.
class SchemaTurns {
 public:
  /// One that wants the lock. The two calls are for those that do not block, and come from whoever made way.
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;

    /// It is the one that asks from now on.
    virtual void your_turn() noexcept {}
    /// It was asking, and a session of this manager has let go of the lock.
    virtual void lock_is_free() noexcept {}

   private:
    friend SchemaTurns;
    bool is_nudged_ = false;  // under the lock of the turns: the lock came free since it asked last
  };

  /// Takes its place behind those that are there. How many these are; 0: it may ask. Throws: std::bad_alloc.
  [[nodiscard]] std::size_t enter(const std::string& database, std::shared_ptr<Waiter> waiter) {
    const std::scoped_lock lock{mutex_};
    waiter->is_nudged_ = false;
    const auto queue = queues_.try_emplace(database).first;
    try {
      queue->second.push_back(std::move(waiter));
    } catch (...) {
      if (queue->second.empty()) queues_.erase(queue);
      throw;
    }
    return queue->second.size() - 1;
  }

  /// Gives its place up, to whoever comes next; nothing if it has none.
  void leave(const std::string& database, const Waiter& waiter) noexcept {
    std::shared_ptr<Waiter> left;
    std::shared_ptr<Waiter> next;
    {
      const std::scoped_lock lock{mutex_};
      const auto queue = queues_.find(database);
      if (queue == queues_.end()) return;
      auto& waiters = queue->second;
      const auto place = std::ranges::find(waiters, &waiter, &std::shared_ptr<Waiter>::get);
      if (place == waiters.end()) return;
      const bool was_asking = place == waiters.begin();
      left = std::move(*place);
      waiters.erase(place);
      if (waiters.empty()) {
        queues_.erase(queue);
      } else if (was_asking) {
        next = waiters.front();
        changed_.notify_all();
      }
    }
    if (next) next->your_turn();
  }

  /// True if it is the one that asks.
  [[nodiscard]] bool has_turn(const std::string& database, const Waiter& waiter) const noexcept {
    const std::scoped_lock lock{mutex_};
    const auto queue = queues_.find(database);
    return queue != queues_.end() && queue->second.front().get() == &waiter;
  }

  /// A session of this manager has let go of the schema lock: who asks need not pause.
  void lock_is_free(const std::string& database) noexcept {
    std::shared_ptr<Waiter> asking;
    {
      const std::scoped_lock lock{mutex_};
      const auto queue = queues_.find(database);
      if (queue == queues_.end()) return;
      asking = queue->second.front();
      asking->is_nudged_ = true;
      changed_.notify_all();
    }
    asking->lock_is_free();
  }

  /// Waits for its turn to ask; false if the time is over or the token has fired before.
  [[nodiscard]] bool wait_for_turn(const std::string& database, const Waiter& waiter, std::chrono::nanoseconds limit,
                                   const std::stop_token& token) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, token, limit,
                             [&] { return queues_.find(database)->second.front().get() == &waiter; });
  }

  /// Pauses between two questions: until the time is over, a session of this manager lets go of the lock, or the token
  /// fires.
  void pause(Waiter& waiter, std::chrono::nanoseconds limit, const std::stop_token& token) {
    std::unique_lock lock{mutex_};
    static_cast<void>(changed_.wait_for(lock, token, limit, [&] { return waiter.is_nudged_; }));
    waiter.is_nudged_ = false;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Under mutex_. The first of each asks; none is empty.
  std::map<std::string, std::deque<std::shared_ptr<Waiter>>> queues_;
};

}  // namespace heartbeat::typedb::detail
