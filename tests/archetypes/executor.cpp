// SPDX-License-Identifier: BSL-1.0
// The smallest executors: bare, with a pool for what blocks, one that the waiting thread drives, and one that knows its
// thread. Each operation is what executor.hpp asks for and nothing more.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/timer_queue.hpp>
#include <heartbeat/executors/work_queue.hpp>
#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(executor)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;

// What the executors below share: the test's thread drives it.
struct Loop {
  explicit Loop(const ManualClock& the_clock) : clock{the_clock} {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    while (!timers.empty())
      timers.take(0)->drop();
    works.drop_all();
    blocking.drop_all();
  }

  bool run_one() {
    if (Work* const work = timers.pop_due(clock.now().time_since_epoch().count())) return work->run(), true;
    if (Work* const work = works.pop()) return work->run(), true;
    if (Work* const work = blocking.pop()) return work->run(), true;
    return false;
  }
  // Moves the clock from timer to timer.
  void run_for(std::chrono::nanoseconds span) {
    const auto end = clock.now() + span;
    for (;;) {
      while (run_one()) {
      }
      if (timers.empty() || timers.first_due() > end.time_since_epoch().count()) break;
      clock.reach(ManualClock::time_point{std::chrono::nanoseconds{timers.first_due()}});
    }
    clock.reach(end);
  }

  const std::thread::id thread = std::this_thread::get_id();
  ManualClock clock;
  WorkQueue works;
  WorkQueue blocking;
  TimerQueue timers;
};

// [executor]
// No default, no assignment.
struct SmallestExecutor {
  explicit SmallestExecutor(Loop& the_loop) : loop{the_loop} {}
  SmallestExecutor(const SmallestExecutor&) = default;
  SmallestExecutor& operator=(const SmallestExecutor&) = delete;

  void post(Work& work) noexcept { loop.works.push(work); }
  bool wake_by(Timer& timer, ManualClock::time_point at) noexcept {
    return loop.timers.arm(timer, at.time_since_epoch().count());
  }
  bool cancel(Timer& timer) noexcept { return loop.timers.disarm(timer); }

  Loop& loop;
};
// [executor]

struct WithPool : SmallestExecutor {
  using SmallestExecutor::SmallestExecutor;
  void post_blocking(Work& work) noexcept { loop.blocking.push(work); }
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept { return 1; }
};

struct Helping : SmallestExecutor {
  using SmallestExecutor::SmallestExecutor;
  bool help_until(const std::function<bool()>& done) {
    while (!done()) {
      if (loop.run_one()) continue;
      if (loop.timers.empty()) return false;
      loop.clock.reach(ManualClock::time_point{std::chrono::nanoseconds{loop.timers.first_due()}});
    }
    return true;
  }
};

struct ThreadAware : SmallestExecutor {
  using SmallestExecutor::SmallestExecutor;
  [[nodiscard]] bool needs_this_thread() const noexcept { return std::this_thread::get_id() == loop.thread; }
};

struct Async {
  void async_beat(int key, const BeatContext&, BeatCompletion completion) {
    completion(key > 0 ? BeatResult::acknowledged() : BeatResult::gone());
  }
};

struct Blocking {
  BeatResult beat(int key, const BeatContext&) { return key > 0 ? BeatResult::acknowledged() : BeatResult::gone(); }
};

template <class Transport, class Executor>
using RegistryOn = HeartbeatRegistry<int, Transport, ManualClock, Executor>;

template <class Transport, class Executor>
void check_beats() {
  ManualClock clock;
  Loop loop{clock};
  int told = 0;
  {
    using Registry = RegistryOn<Transport, Executor>;
    Registry registry{{}, clock, Executor{loop}, [&](const typename Registry::EventType&) { ++told; }};
    const auto handle = registry.start(7, {.first_beat = FirstBeat::now});

    loop.run_for(12s);

    BOOST_TEST(registry.statistics().acknowledged == 3u);
    BOOST_TEST(handle.valid());
  }
  BOOST_TEST(told >= 2);
}

BOOST_AUTO_TEST_CASE(they_are_what_they_say) {
  static_assert(ExecutorFor<SmallestExecutor, ManualClock> && !BlockingExecutor<SmallestExecutor>);
  static_assert(ExecutorFor<WithPool, ManualClock> && BlockingExecutor<WithPool>);
  static_assert(ExecutorFor<Helping, ManualClock> && HelpingExecutor<Helping> && !BlockingExecutor<Helping>);
  static_assert(ExecutorFor<ThreadAware, ManualClock> && ThreadAwareExecutor<ThreadAware>);
  static_assert(!ThreadAwareExecutor<SmallestExecutor> && !BlockingExecutor<ThreadAware>);
}

BOOST_AUTO_TEST_CASE(a_bare_one_serves_asynchronous_transports) {
  check_beats<Async, SmallestExecutor>();
}

BOOST_AUTO_TEST_CASE(one_with_a_pool_serves_both_kinds) {
  check_beats<Async, WithPool>();
  check_beats<Blocking, WithPool>();
}

BOOST_AUTO_TEST_CASE(one_that_is_driven_serves_both_kinds) {
  check_beats<Async, Helping>();
  check_beats<Blocking, Helping>();
}

BOOST_AUTO_TEST_CASE(one_that_knows_its_thread_serves_as_the_bare_one_does) {
  check_beats<Async, ThreadAware>();
}

BOOST_AUTO_TEST_CASE(one_that_knows_its_thread_needs_no_other) {
  Loop loop{ManualClock{}};
  const ThreadAware executor{loop};
  bool needs_the_other = true;

  std::thread{[&] { needs_the_other = detail::needs_this_thread(executor); }}.join();

  BOOST_TEST(!needs_the_other);
  BOOST_TEST(detail::needs_this_thread(executor));
  BOOST_TEST(!detail::needs_this_thread(SmallestExecutor{loop}));
  BOOST_TEST(!detail::needs_this_thread(Helping{loop}));
}

BOOST_AUTO_TEST_CASE(a_group_is_waited_for_by_driving_it) {
  ManualClock clock;
  Loop loop{clock};
  RegistryOn<Async, Helping> registry{{}, clock, Helping{loop}};
  HeartbeatGroup group{registry};
  group.start(-1);
  group.start(7);

  BOOST_TEST(group.wait()->key == -1);
}

BOOST_AUTO_TEST_CASE(an_executor_that_ends_first_drops_what_it_has) {
  ManualClock clock;
  std::optional<Loop> loop{std::in_place, clock};
  {
    RegistryOn<Async, SmallestExecutor> registry{{}, clock, SmallestExecutor{*loop}};
    const auto handle = registry.start(7, {.first_beat = FirstBeat::now});
    loop->run_for(1s);
  }

  loop.reset();

  BOOST_TEST(!loop.has_value(), "nothing leaks, and nothing is touched: the sanitizers look");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
