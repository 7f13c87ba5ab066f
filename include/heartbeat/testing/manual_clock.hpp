// SPDX-License-Identifier: BSL-1.0
// A clock that a test moves by hand: time stands still until `advance` is called, so nothing depends on how fast the
// machine is. A handle: copies read the same time. Read next: manual_executor.hpp, which moves it from timer to timer.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include <heartbeat/clock.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::testing {

/// Time as a test wants it.
///
/// To move it with `advance` is a time gap by intent: what became due runs late. `ManualExecutor::run_for` is not one.
/// Threading: any thread.
class ManualClock {
  struct Subscriber {
    explicit Subscriber(std::function<void()> fn) : waker{std::move(fn)} {}

    // Held while the waker runs; recursive, so that a waker may unsubscribe itself.
    std::recursive_mutex calling;
    bool subscribed = true;
    const std::function<void()> waker;
  };

  struct State {
    std::atomic<std::int64_t> now;
    std::mutex mutex;  // guards what follows, and is held by whoever moves `now`
    std::vector<std::shared_ptr<Subscriber>> subscribers;
  };

 public:
  using duration = std::chrono::nanoseconds;                          ///< its resolution
  using rep = duration::rep;                                          ///< of 64 bits
  using period = duration::period;                                    ///< nanoseconds
  using time_point = std::chrono::time_point<ManualClock, duration>;  ///< of this type of clock alone
  static constexpr bool is_steady = true;                             ///< it goes forward only

  class Subscription;

  /// A clock that shows `start`.
  explicit ManualClock(time_point start = time_point{}) : state_{std::make_shared<State>()} {
    state_->now = start.time_since_epoch().count();
  }

  /// The time now. Throws: never.
  [[nodiscard]] time_point now() const noexcept { return time_point{duration{state_->now.load()}}; }

  /// Lets that much time pass, up to the greatest time point; then every waker is called, on this thread.
  ///
  /// Throws: std::invalid_argument if `by` is negative; what a waker throws.
  void advance(Duration by) {
    if (by.count() < 0) throw std::invalid_argument{"ManualClock::advance: time does not go backward"};
    {
      const std::lock_guard lock{state_->mutex};
      const std::int64_t room = std::numeric_limits<std::int64_t>::max() - std::max<std::int64_t>(state_->now, 0);
      state_->now += std::min(by.count(), room);
    }
    wake_subscribers();
  }

  /// Lets time pass until it is `at`.
  ///
  /// Throws: std::invalid_argument if that has passed already; what a waker throws.
  void advance_to(time_point at) {
    if (!move_to(at) && at < now()) {
      throw std::invalid_argument{"ManualClock::advance_to: the time asked for has passed already"};
    }
    wake_subscribers();
  }

  /// Lets time pass until it is `at`; does nothing if it has passed already: for executors.
  ///
  /// Throws: what a waker throws.
  void reach(time_point at) {
    if (move_to(at)) wake_subscribers();
  }

  /// Has `waker` called after each advance, on the advancing thread, with no lock of the clock held: for executors
  /// whose threads wait. The waker is called no more, and does not run on another thread, once the subscription has
  /// died.
  ///
  /// Allocates. Throws: std::bad_alloc.
  [[nodiscard]] Subscription subscribe(std::function<void()> waker) const;

 private:
  bool move_to(time_point at) {
    const std::lock_guard lock{state_->mutex};
    const std::int64_t wanted = at.time_since_epoch().count();
    if (wanted <= state_->now) return false;
    state_->now = wanted;
    return true;
  }

  void wake_subscribers() {
    std::vector<std::shared_ptr<Subscriber>> subscribers;
    {
      const std::lock_guard lock{state_->mutex};
      subscribers = state_->subscribers;
    }
    for (const auto& subscriber : subscribers) {
      const std::lock_guard calling{subscriber->calling};
      if (subscriber->subscribed) subscriber->waker();
    }
  }

  std::shared_ptr<State> state_;
};

/// Keeps a waker subscribed for as long as it lives. Move-only.
///
/// Blocks: its destructor waits for a call of the waker on another thread; inside the waker itself it returns at once.
/// REQUIRES: it does not die under a lock that the waker takes.
class ManualClock::Subscription {
 public:
  /// Takes the waker over.
  Subscription(Subscription&&) noexcept = default;
  Subscription& operator=(Subscription&&) = delete;

  ~Subscription() {
    if (!subscriber_) return;
    {
      const std::lock_guard lock{state_->mutex};
      std::erase(state_->subscribers, subscriber_);
    }
    const std::lock_guard calling{subscriber_->calling};
    subscriber_->subscribed = false;
  }

 private:
  friend class ManualClock;
  Subscription(std::shared_ptr<State> state, std::shared_ptr<Subscriber> subscriber) noexcept
      : state_{std::move(state)}, subscriber_{std::move(subscriber)} {}

  std::shared_ptr<State> state_;
  std::shared_ptr<Subscriber> subscriber_;
};

inline ManualClock::Subscription ManualClock::subscribe(std::function<void()> waker) const {
  auto subscriber = std::make_shared<Subscriber>(std::move(waker));
  const std::lock_guard lock{state_->mutex};
  state_->subscribers.push_back(subscriber);
  return Subscription{state_, std::move(subscriber)};
}

static_assert(Clock<ManualClock>);

}  // namespace heartbeat::testing
