// SPDX-License-Identifier: BSL-1.0
// A clock that stands still and an executor whose threads are actors of the schedule: workers, a pool for what may
// block, and one that lets time pass to the next timer. Read next: world.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/clock.hpp>
#include <heartbeat/executor.hpp>

namespace heartbeat::interleaving {

/// What the policies promise never to see.
inline void expect_no_lock(const char* what) noexcept {
  if (self->locks != 0) self->schedule.fail(std::string{what} + " under a lock");
}

/// Reads a time that somebody else moves.
class VirtualClock {
 public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<VirtualClock, duration>;
  static constexpr bool is_steady = true;

  /// What the calling thread has read last: when a beat was claimed, for the call that follows.
  static inline thread_local std::int64_t last_reading = 0;

  explicit VirtualClock(const std::int64_t& now) noexcept : now_{&now} {}

  [[nodiscard]] time_point now() const noexcept {
    expect_no_lock("the clock is read");
    point("reads the clock");
    last_reading = *now_;
    return time_point{duration{*now_}};
  }

 private:
  const std::int64_t* now_;
};

/// How many threads the executor has, and how many timers may come due while the roles are played. Otherwise time
/// passes only when nobody can run.
struct Crew {
  int workers = 1;
  int pool = 1;
  int timers = 0;
};

/// The threads of an executor, and what they have to do.
class VirtualThreads {
 public:
  VirtualThreads(Scheduler& schedule, Crew crew) : schedule_{schedule}, crew_{crew} {
    for (int i = 0; i < crew.workers; ++i)
      actors_.push_back(&schedule.start("worker", [this] { work(works_, true); }));
    for (int i = 0; i < crew.pool; ++i)
      actors_.push_back(&schedule.start("pool", [this] { work(blocking_, false); }));
    actors_.push_back(&schedule.start("time", [this] { pass_time(); }));
  }
  VirtualThreads(const VirtualThreads&) = delete;
  VirtualThreads& operator=(const VirtualThreads&) = delete;

  ~VirtualThreads() {
    is_over_ = true;
    for (const void* place : {place_of(works_), place_of(blocking_), place_of(timers_)})
      schedule_.tell(place);
    for (const Actor* actor : actors_)
      schedule_.join(*actor);
    for (std::deque<Work*>* queue : {&works_, &blocking_})
      for (Work* work : *queue)
        work->drop();
    for (Timer* timer : timers_)
      timer->drop();
  }

  [[nodiscard]] const std::int64_t& now() const noexcept { return now_; }
  [[nodiscard]] const Crew& crew() const noexcept { return crew_; }

  /// From now on so many timers may come due while others run.
  void let_time_pass(int timers) noexcept {
    timers_left_ = timers;
    schedule_.tell(&timers_);
  }

  /// So much time passes at once.
  void advance(std::chrono::nanoseconds by) noexcept {
    now_ += by.count();
    schedule_.tell(&works_);
    schedule_.tell(&timers_);
  }

  void post(Work& work, bool is_blocking) noexcept {
    expect_no_lock("work is posted");
    std::deque<Work*>& queue = is_blocking ? blocking_ : works_;
    queue.push_back(&work);
    schedule_.tell(&queue);
    point("posts");
  }

  bool wake_by(Timer& timer, std::int64_t at) noexcept {
    expect_no_lock("a timer is set");
    const bool was_armed = timer.place != Timer::not_armed;
    if (!was_armed) timers_.push_back(&timer);
    if (!was_armed || at < timer.due) timer.due = at;
    timer.place = 0;
    schedule_.tell(timer.due <= now_ ? place_of(works_) : place_of(timers_));
    point("sets a timer");
    return !was_armed;
  }

  bool cancel(Timer& timer) noexcept {
    expect_no_lock("a timer is cancelled");
    const bool was_armed = std::exchange(timer.place, Timer::not_armed) != Timer::not_armed;
    std::erase(timers_, &timer);
    point("cancels a timer");
    return was_armed;
  }

 private:
  static const void* place_of(const auto& object) noexcept { return &object; }

  void work(std::deque<Work*>& queue, bool has_timers) noexcept {
    for (;;) {
      Timer* const timer = has_timers ? due() : nullptr;
      if (is_over_) return;
      if (timer != nullptr && (queue.empty() || schedule_.random(2) == 0)) {
        cancel(*timer);
        timer->run();
      } else if (!queue.empty()) {
        Work& next = *queue.front();
        queue.pop_front();
        point("takes work");
        next.run();
      } else {
        schedule_.park("waits for work", &queue);
      }
    }
  }

  [[nodiscard]] Timer* due() const noexcept {
    const auto is_due = [this](const Timer* timer) { return timer->due <= now_; };
    const auto found = std::find_if(timers_.begin(), timers_.end(), is_due);
    return found == timers_.end() ? nullptr : *found;
  }

  [[nodiscard]] std::int64_t next_due() const noexcept {
    std::int64_t at = never;
    for (const Timer* timer : timers_)
      if (timer->due > now_) at = std::min(at, timer->due);
    return at;
  }

  void pass_time() noexcept {
    while (!is_over_) {
      if (next_due() == never) {
        schedule_.park("waits for timers", &timers_);
        continue;
      }
      if (timers_left_ > 0) {
        --timers_left_;
      } else if (schedule_.park("waits for all others", &timers_, Actor::Until::nobody_can_run)) {
        continue;  // told: the timers are others now
      }
      if (next_due() == never) continue;
      now_ = next_due();
      schedule_.tell(&works_);
      point("passes");
    }
  }

  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  Scheduler& schedule_;
  const Crew crew_;
  int timers_left_ = 0;
  std::int64_t now_ = 1'000'000'000;
  bool is_over_ = false;
  std::deque<Work*> works_;
  std::deque<Work*> blocking_;
  std::vector<Timer*> timers_;
  std::vector<const Actor*> actors_;
};

/// The executor policy: refers to the threads.
class VirtualExecutor {
 public:
  explicit VirtualExecutor(VirtualThreads& threads) noexcept : threads_{&threads} {}

  void post(Work& work) noexcept { threads_->post(work, false); }
  void post_blocking(Work& work) noexcept { threads_->post(work, true); }
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept {
    return static_cast<std::size_t>(threads_->crew().pool);
  }
  bool wake_by(Timer& timer, VirtualClock::time_point at) noexcept {
    return threads_->wake_by(timer, at.time_since_epoch().count());
  }
  bool cancel(Timer& timer) noexcept { return threads_->cancel(timer); }

 private:
  VirtualThreads* threads_;
};

static_assert(Clock<VirtualClock>);
static_assert(ExecutorFor<VirtualExecutor, VirtualClock>);
static_assert(BlockingExecutor<VirtualExecutor>);

}  // namespace heartbeat::interleaving
