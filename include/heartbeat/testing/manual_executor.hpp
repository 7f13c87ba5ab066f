// SPDX-License-Identifier: BSL-1.0
// An executor in virtual time: the test's own thread runs the works, and the clock jumps from one armed timer to the
// next, so that hours pass in milliseconds. The order of works that are ready together is drawn from a seed by a
// generator of its own: one seed gives one order, with every standard library. Read next: scripted_transport.hpp.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include <heartbeat/duration.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/timer_queue.hpp>
#include <heartbeat/executors/work_queue.hpp>
#include <heartbeat/testing/manual_clock.hpp>

namespace heartbeat::testing {

/// Runs works when the test says so. A handle: copies are the same executor; works still queued when the last one dies
/// are dropped.
///
/// If somebody else advanced the clock, what became due runs late, at the next `run_...`: a time gap.
/// Threading: posting, arming and cancelling from any thread; `run_...` and `help_until` from one thread at a time,
/// inside a work too. Allocates: in `run_at` and `run_after` alone.
class ManualExecutor {
 public:
  using time_point = ManualClock::time_point;  ///< of the manual clock

  /// REQUIRES: nothing; any seed is as good as any other.
  explicit ManualExecutor(ManualClock clock, std::uint64_t seed = 0)
      : state_{std::make_shared<State>(std::move(clock), seed)} {}

  // What an executor does.

  /// Queues the work; it runs in an order drawn from the seed.
  void post(Work& work) noexcept {
    const std::lock_guard lock{state_->mutex};
    state_->ready.push(work);
  }

  /// Arms the timer; the earliest time asked for wins. True if it was idle.
  bool wake_by(Timer& timer, time_point at) noexcept {
    const std::lock_guard lock{state_->mutex};
    return state_->timers.arm(timer, at.time_since_epoch().count());
  }

  /// True if the timer was armed: it is idle now.
  bool cancel(Timer& timer) noexcept {
    const std::lock_guard lock{state_->mutex};
    return state_->timers.disarm(timer);
  }

  // How a test drives it.

  /// Runs one work that is ready now, drawn from the seed; false if none is.
  ///
  /// Throws: what an event of `run_at` or `run_after` throws.
  bool run_one() {
    Work* work = state_->take_ready();
    if (work == nullptr) return false;
    work->run();
    if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    return true;
  }

  /// Runs what is ready now, and what that makes ready, without moving the clock. Returns how many.
  std::size_t run_ready() {
    std::size_t count = 0;
    while (run_one()) {
      ++count;
    }
    return count;
  }

  /// Runs everything due within `span`, each at its time; the clock ends that much later. Returns how many works ran.
  ///
  /// Throws: std::invalid_argument if `span` is negative.
  std::size_t run_for(Duration span) {
    if (span.count() < 0) throw std::invalid_argument{"ManualExecutor::run_for: time does not go backward"};
    return run_until(clock().now() + std::chrono::nanoseconds{span});
  }

  /// Runs everything due up to `end`, that moment included; the clock ends at `end`. Returns how many works ran.
  ///
  /// Throws: std::invalid_argument if `end` has passed already.
  std::size_t run_until(time_point end) {
    if (end < clock().now()) throw std::invalid_argument{"ManualExecutor::run_until: the end has passed already"};
    std::size_t count = run_ready();
    for (auto next = next_wake(); next && *next <= end; next = next_wake()) {
      state_->clock.reach(*next);
      count += run_ready();
    }
    state_->clock.reach(end);
    return count;
  }

  /// Runs works, and moves the clock from timer to timer, until `done()` is true or nothing is left. Returns `done()`.
  template <std::predicate Done>
  bool help_until(Done&& done) {
    while (!done()) {
      if (run_one()) continue;
      const auto next = next_wake();
      if (!next) return done();
      state_->clock.reach(*next);
    }
    return true;
  }

  /// Runs an event of the test's own at that time (soon, if it has passed). `fn` may be move-only, and may throw: the
  /// exception leaves the `run_...` that ran it.
  template <std::invocable Fn>
  void run_at(time_point at, Fn fn) {
    auto event = std::make_unique<EventOf<Fn>>(*state_, std::move(fn));
    const std::lock_guard lock{state_->mutex};
    state_->events.emplace(at.time_since_epoch().count(), std::move(event));
  }

  /// As `run_at`, that long from now.
  template <std::invocable Fn>
  void run_after(Duration delay, Fn fn) {
    run_at(clock().now() + std::chrono::nanoseconds{delay}, std::move(fn));
  }

  // What a test may ask.

  /// When the next timer or event is due, which may be in the past; none if nothing is armed.
  [[nodiscard]] std::optional<time_point> next_wake() const {
    const std::lock_guard lock{state_->mutex};
    std::optional<std::int64_t> next;
    if (!state_->timers.empty()) next = state_->timers.first_due();
    if (!state_->events.empty()) {
      const std::int64_t due = state_->events.begin()->first;
      next = next ? std::min(*next, due) : due;
    }
    if (!next) return std::nullopt;
    return time_point{ManualClock::duration{*next}};
  }

  /// True if nothing is queued and nothing is armed: without a call from outside, nothing will ever happen.
  [[nodiscard]] bool is_idle() const {
    const std::lock_guard lock{state_->mutex};
    return state_->ready.empty() && state_->timers.empty() && state_->events.empty();
  }

  /// The clock that it moves.
  [[nodiscard]] const ManualClock& clock() const noexcept { return state_->clock; }
  /// What the order is drawn from.
  [[nodiscard]] std::uint64_t seed() const noexcept { return state_->seed; }

 private:
  struct State;

  // An event of the test's own; owns itself once it is in the ready queue.
  class Event : public Work {
   public:
    virtual ~Event() = default;
    void drop() noexcept override { delete this; }
  };

  template <class Fn>
  class EventOf final : public Event {
   public:
    EventOf(State& state, Fn fn) : state_{state}, fn_{std::move(fn)} {}

    void run() noexcept override {
      const std::unique_ptr<EventOf> self{this};
      try {
        fn_();
      } catch (...) {
        state_.thrown = std::current_exception();
      }
    }

   private:
    State& state_;
    Fn fn_;
  };

  struct State {
    State(ManualClock the_clock, std::uint64_t the_seed)
        : clock{std::move(the_clock)}, seed{the_seed}, random{the_seed} {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    ~State() {
      while (!timers.empty())
        timers.take(0)->drop();
      ready.drop_all();
    }

    // One of the works ready now, each with the same chance; the chance is dealt among the oldest 64 posted works and
    // the first 64 due timers, which keeps the walk short.
    Work* take_ready() {
      constexpr std::size_t window = 64;
      const std::int64_t now = clock.now().time_since_epoch().count();
      const std::lock_guard lock{mutex};
      while (!events.empty() && events.begin()->first <= now) {
        ready.push(*events.begin()->second.release());
        events.erase(events.begin());
      }
      const std::size_t posted = std::min(window, ready.size());
      const std::size_t due = timers.count_due(now, window);
      if (posted + due == 0) return nullptr;
      const auto drawn = static_cast<std::size_t>(next_random() % (posted + due));
      if (drawn < posted) return ready.take(drawn);
      return timers.take(drawn - posted);
    }

    // splitmix64
    std::uint64_t next_random() noexcept {
      std::uint64_t mixed = random += 0x9E3779B97F4A7C15ULL;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
      return mixed ^ (mixed >> 31);
    }

    ManualClock clock;
    const std::uint64_t seed;
    std::exception_ptr thrown;  // of the running thread alone
    std::mutex mutex;           // guards what follows
    std::uint64_t random;
    WorkQueue ready;
    TimerQueue timers;
    std::multimap<std::int64_t, std::unique_ptr<Event>> events;
  };

  std::shared_ptr<State> state_;
};

static_assert(ExecutorFor<ManualExecutor, ManualClock>);
static_assert(HelpingExecutor<ManualExecutor>);
static_assert(!BlockingExecutor<ManualExecutor>);

}  // namespace heartbeat::testing
