// SPDX-License-Identifier: BSL-1.0
// What the engine locks and waits with here: nothing blocks in the kernel, and each step hands the turn over. Chosen
// for the whole program, so each file of this room includes it before any other header of the library. Read next:
// world.hpp; heartbeat/detail/threads/threading.hpp for what is exchanged.
//
// Between two points a thread runs alone, so plain members will do, for atomics too. A wait is woken by a notification
// alone, as in the kernel, so that one that is left out is found.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include <heartbeat/detail/threads/thread_annotations.hpp>

#include "scheduler.hpp"

namespace heartbeat::interleaving {

/// Where the calling thread may be interrupted.
inline void point(const char* what) noexcept {
  self->schedule.point(what);
}

class HEARTBEAT_CAPABILITY("mutex") ScheduledMutex {
 public:
  void lock() HEARTBEAT_ACQUIRE() {
    point("locks");
    take();
  }

  void unlock() HEARTBEAT_RELEASE() {
    give();
    point("unlocks");  // touches the mutex no more: another thread may destroy it
  }

 private:
  friend class ScheduledBell;

  void take() noexcept {
    while (owner_ != nullptr)
      self->schedule.park("waits for the lock", this);
    owner_ = self;
    ++self->locks;
  }

  void give() noexcept {
    if (owner_ != self) self->schedule.fail("a mutex is unlocked by a thread that does not hold it");
    owner_ = nullptr;
    --self->locks;
    self->schedule.tell(this);
  }

  Actor* owner_ = nullptr;
};

class ScheduledBell {
 public:
  template <class Change>
  void ring(Change change) {
    point("locks the bell");
    mutex_.take();
    change();
    self->schedule.tell(&rung_);
    point("rings");
    mutex_.give();
    point("unlocks the bell");
  }

  template <class Done>
  void wait(Done done) {
    wait_until(std::move(done), Actor::Until::told);
  }

  /// The limit has passed when nothing else happens any more.
  template <class Done>
  bool wait_for(std::chrono::nanoseconds, Done done) {
    return wait_until(std::move(done), Actor::Until::nobody_can_run);
  }

 private:
  template <class Done>
  bool wait_until(Done done, Actor::Until until) {
    point("locks the bell");
    mutex_.take();
    bool is_done = done();
    for (bool has_time = true; !is_done && has_time; is_done = done()) {
      mutex_.give();  // no point: to unlock and to sleep is one step
      has_time = self->schedule.park("waits for the bell", &rung_, until);
      mutex_.take();
    }
    mutex_.give();
    point("unlocks the bell");
    return is_done;
  }

  ScheduledMutex mutex_;
  char rung_ = 0;  // a place of its own: the mutex may have the bell's address
};

/// Its destructor waits for the callback, as the standard's does, but parked.
template <class Fn>
class ScheduledStopCallback {
 public:
  template <class F>
  ScheduledStopCallback(std::stop_token token, F&& fn)
      : running_{std::make_shared<Running>()}, callback_{std::move(token), Call{running_, std::forward<F>(fn)}} {}
  ScheduledStopCallback(const ScheduledStopCallback&) = delete;
  ScheduledStopCallback& operator=(const ScheduledStopCallback&) = delete;

  ~ScheduledStopCallback() {
    point("forgets a stop callback");
    while (running_->on != nullptr && running_->on != self)
      self->schedule.park("waits for a stop callback", running_.get());
  }

 private:
  struct Running {
    Actor* on = nullptr;
  };

  struct Call {
    std::shared_ptr<Running> running;
    Fn fn;
    void operator()() noexcept {
      const std::shared_ptr<Running> mine = running;  // the callback may be destroyed inside itself
      mine->on = self;
      point("calls back");
      fn();
      mine->on = nullptr;
      self->schedule.tell(mine.get());
    }
  };

  std::shared_ptr<Running> running_;
  std::stop_callback<Call> callback_;
};

/// Each step is a point; all are in one order, so that of the memory is not explored.
template <class T>
class ScheduledAtomic {
 public:
  ScheduledAtomic() noexcept = default;
  ScheduledAtomic(T value) noexcept : value_{value} {}  // NOLINT: as std::atomic
  ScheduledAtomic(const ScheduledAtomic&) = delete;
  ScheduledAtomic& operator=(const ScheduledAtomic&) = delete;

  [[nodiscard]] T load(std::memory_order = {}) const noexcept {
    point("reads");
    return value_;
  }
  void store(T value, std::memory_order = {}) noexcept { exchange(value); }
  T exchange(T value, std::memory_order = {}) noexcept {
    point("writes");
    return std::exchange(value_, value);
  }
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order = {}) noexcept {
    point("writes");
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = wanted;
    return true;
  }
  T fetch_add(T by, std::memory_order = {}) noexcept {
    return exchange_by([by](T old) { return old + by; });
  }
  T fetch_sub(T by, std::memory_order = {}) noexcept {
    return exchange_by([by](T old) { return old - by; });
  }
  T fetch_or(T bits, std::memory_order = {}) noexcept {
    return exchange_by([bits](T old) { return old | bits; });
  }
  T fetch_and(T bits, std::memory_order = {}) noexcept {
    return exchange_by([bits](T old) { return old & bits; });
  }

 private:
  T exchange_by(auto change) noexcept {
    point("writes");
    return std::exchange(value_, static_cast<T>(change(value_)));
  }

  T value_{};
};

struct ScheduledThreading {
  using Mutex = ScheduledMutex;
  using Bell = ScheduledBell;
  template <class Fn>
  using StopCallback = ScheduledStopCallback<Fn>;
  template <class T>
  using Atomic = ScheduledAtomic<T>;

  template <class T>
  static void wait(const std::atomic<T>& value, T old) noexcept {
    point("looks whether to wait");
    if (value.load() == old) self->schedule.park("waits for a change", &value);
  }
  template <class T>
  static void notify_all(std::atomic<T>& value) noexcept {
    self->schedule.tell(&value);
    point("notifies");
  }
};

}  // namespace heartbeat::interleaving

namespace heartbeat::detail {

template <class>
struct ThreadingOf;

template <>
struct ThreadingOf<void> {
  using type = interleaving::ScheduledThreading;
};

}  // namespace heartbeat::detail
