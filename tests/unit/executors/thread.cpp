// SPDX-License-Identifier: BSL-1.0
// The thread executor with real threads, on each kind of clock: it wakes in time, loses nothing, runs or drops each
// post once, and ends from anywhere. Every wait here is for an event. Read next: clock_waiter.cpp.
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "../../calling.hpp"
#include "../../sanitized.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(thread)

using heartbeat::BasicThreadExecutor;
using heartbeat::BootClock;
using heartbeat::ThreadExecutor;
using heartbeat::ThreadExecutorOptions;
using heartbeat::testing::Calling;
using heartbeat::testing::ManualClock;
using heartbeat::testing::Signal;
using namespace std::chrono_literals;
using ManualThreads = BasicThreadExecutor<ManualClock>;

static_assert(heartbeat::ExecutorFor<BasicThreadExecutor<std::chrono::steady_clock>, std::chrono::steady_clock>);
static_assert(heartbeat::ExecutorFor<ManualThreads, ManualClock>);
static_assert(heartbeat::BlockingExecutor<ManualThreads>);
static_assert(!heartbeat::HelpingExecutor<ManualThreads>);

using Work = Calling<heartbeat::Work>;
using Timer = Calling<heartbeat::Timer>;

using RealClocks = boost::mpl::list<BootClock, std::chrono::steady_clock>;

BOOST_AUTO_TEST_CASE(a_posted_work_runs_on_another_thread) {
  Signal done;
  std::thread::id where;
  Work work{[&] {
    where = std::this_thread::get_id();
    done.raise();
  }};
  ThreadExecutor executor;

  executor.post(work);

  BOOST_REQUIRE(done.wait());
  BOOST_TEST((where != std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(one_thread_runs_works_in_the_order_of_posting) {
  Signal done;
  std::vector<int> order;
  std::vector<std::unique_ptr<Work>> works;
  ThreadExecutor executor;

  for (int i = 0; i < 100; ++i) {
    works.push_back(std::make_unique<Work>([&, i] {
      order.push_back(i);
      done.raise();
    }));
    executor.post(*works.back());
  }

  BOOST_REQUIRE(done.wait(100));
  for (int i = 0; i < 100; ++i)
    BOOST_TEST(order[static_cast<std::size_t>(i)] == i);
}

BOOST_AUTO_TEST_CASE(a_work_may_post_itself_again_from_its_run) {
  Signal done;
  Work work;
  ThreadExecutor executor{ThreadExecutorOptions{.threads = 2}};
  work.fn = [&] {
    if (work.ran < 1'000) {
      executor.post(work);
    } else {
      done.raise();
    }
  };

  executor.post(work);

  BOOST_REQUIRE(done.wait());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_timer_runs_at_its_time_and_not_before, C, RealClocks) {
  Signal done;
  const auto at = C::now() + 5ms;
  typename C::time_point ran_at{};
  Timer timer{[&] {
    ran_at = C::now();
    done.raise();
  }};
  BasicThreadExecutor<C> executor;

  BOOST_TEST(executor.wake_by(timer, at));

  BOOST_REQUIRE(done.wait());
  BOOST_TEST((ran_at >= at));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_time_that_has_passed_is_now, C, RealClocks) {
  Signal done;
  Timer timer{[&] { done.raise(); }};
  BasicThreadExecutor<C> executor;

  executor.wake_by(timer, typename C::time_point{});

  BOOST_TEST(done.wait());
}

// Again and again, so that the thread is met asleep, awake, and on its way between them.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_waiting_thread_is_woken_by_a_sooner_timer_and_by_a_work, C, RealClocks) {
  Signal timers_done, works_done;
  Timer far, near{[&] { timers_done.raise(); }};
  Work work{[&] { works_done.raise(); }};
  BasicThreadExecutor<C> executor;
  executor.wake_by(far, C::time_point::max());

  for (std::size_t i = 1; i <= 200; ++i) {
    executor.wake_by(near, C::now() + std::chrono::microseconds{i});
    BOOST_REQUIRE(timers_done.wait(i));
    executor.post(work);
    BOOST_REQUIRE(works_done.wait(i));
  }

  BOOST_TEST(far.ran == 0);
  BOOST_TEST(executor.cancel(far));
}

BOOST_AUTO_TEST_CASE(a_timer_may_arm_itself_again_from_its_run) {
  Signal done;
  std::atomic<int> idle{0};
  Timer timer;
  ThreadExecutor executor;
  timer.fn = [&] {
    if (timer.ran < 50) idle += executor.wake_by(timer, BootClock::now() + 10us) ? 1 : 0;
    done.raise();
  };

  executor.wake_by(timer, BootClock::now());

  BOOST_REQUIRE(done.wait(50));
  BOOST_TEST(idle == 49);
}

BOOST_AUTO_TEST_CASE(a_manual_clock_wakes_the_threads_that_wait_by_it) {
  Signal done;
  ManualClock clock;
  const auto start = clock.now();
  Timer timer{[&] { done.raise(); }}, later;
  Work work{[&] { done.raise(); }};
  ManualThreads executor{clock};
  executor.wake_by(timer, start + 5s);
  executor.wake_by(later, start + 5s + 1ns);

  executor.post(work);
  BOOST_REQUIRE(done.wait(1));
  BOOST_TEST(timer.ran == 0);
  clock.advance(5s);

  BOOST_REQUIRE(done.wait(2));
  BOOST_TEST(timer.ran == 1);
  BOOST_TEST(executor.cancel(later));
}

BOOST_AUTO_TEST_CASE(no_move_of_a_manual_clock_is_lost) {
  Signal done;
  ManualClock clock;
  Timer timer{[&] { done.raise(); }};
  ManualThreads executor{clock, ThreadExecutorOptions{.threads = 2}};

  for (std::size_t i = 1; i <= 500; ++i) {
    executor.wake_by(timer, clock.now() + 1s);
    clock.advance(1s);
    BOOST_REQUIRE(done.wait(i));
  }
}

BOOST_AUTO_TEST_CASE(the_earliest_time_asked_for_wins) {
  Signal done;
  ManualClock clock;
  const auto start = clock.now();
  Timer timer{[&] { done.raise(); }}, end{[&] { done.raise(); }};
  ManualThreads executor{clock};

  BOOST_TEST(executor.wake_by(timer, start + 10s));
  BOOST_TEST(!executor.wake_by(timer, start + 5s));
  BOOST_TEST(!executor.wake_by(timer, start + 20s));
  clock.advance(5s);
  BOOST_REQUIRE(done.wait(1));
  executor.wake_by(end, start + 30s);
  clock.advance(25s);

  BOOST_REQUIRE(done.wait(2));
  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE(cancel_is_true_only_if_the_timer_was_armed) {
  ManualClock clock;
  Timer timer;
  {
    ManualThreads executor{clock};

    BOOST_TEST(!executor.cancel(timer));
    executor.wake_by(timer, clock.now() + 5s);
    BOOST_TEST(executor.cancel(timer));
    BOOST_TEST(!executor.cancel(timer));
  }

  BOOST_TEST(timer.ran == 0);
  BOOST_TEST(timer.dropped == 0);
}

// Each waits for the others, so they finish only if each has a thread of its own; one thread leads all the while.
BOOST_AUTO_TEST_CASE(a_thread_for_each_work_is_woken_while_one_leads) {
  Signal arrived, done;
  ManualClock clock;
  Timer far;
  std::array<Work, 3> works;
  ManualThreads executor{clock, ThreadExecutorOptions{.threads = 3}};
  executor.wake_by(far, clock.now() + 1h);

  for (Work& work : works) {
    work.fn = [&] {
      arrived.raise();
      if (arrived.wait(3)) done.raise();
    };
    executor.post(work);
  }

  BOOST_TEST(done.wait(3));
  BOOST_TEST(executor.cancel(far));
}

// Many rounds, because only followers that are already asleep need the leader to hand on to them.
BOOST_AUTO_TEST_CASE(timers_due_together_run_on_a_thread_each) {
  Signal arrived, done;
  ManualClock clock;
  std::size_t expected = 0;
  std::array<Timer, 3> timers;
  ManualThreads executor{clock, ThreadExecutorOptions{.threads = 3}};
  for (Timer& timer : timers) {
    timer.fn = [&] {
      arrived.raise();
      if (arrived.wait(expected)) done.raise();
    };
  }

  for (std::size_t round = 1; round <= 200; ++round) {
    expected = 3 * round;
    for (Timer& timer : timers)
      executor.wake_by(timer, clock.now() + 1s);
    for (int i = 0; i < 100; ++i)
      std::this_thread::yield();
    clock.advance(1s);
    BOOST_REQUIRE(done.wait(expected));
  }
}

BOOST_AUTO_TEST_CASE(works_are_not_starved_by_timers_that_are_always_due) {
  Signal done;
  std::atomic<bool> over{false};
  Timer timer;
  Work work{[&] { done.raise(); }};
  ThreadExecutor executor;
  timer.fn = [&] {
    if (!over) executor.wake_by(timer, BootClock::time_point{});
  };

  executor.wake_by(timer, BootClock::time_point{});
  executor.post(work);

  BOOST_TEST(done.wait());
  over = true;
}

BOOST_AUTO_TEST_CASE(works_that_block_do_not_hold_up_the_engine_and_run_as_many_at_once_as_promised) {
  Signal arrived, release, done;
  std::array<Work, 4> blocking;
  for (Work& work : blocking) {
    work.fn = [&] {
      arrived.raise();
      if (release.wait()) done.raise();
    };
  }
  Work engine{[&] { release.raise(); }};
  ThreadExecutor executor{ThreadExecutorOptions{.threads = 1, .blocking_threads = 3}};
  BOOST_REQUIRE(executor.blocking_concurrency() == 3U);

  for (Work& work : blocking)
    executor.post_blocking(work);
  BOOST_REQUIRE(arrived.wait(3));
  executor.post(engine);

  BOOST_TEST(done.wait(4));
}

// What the executor says on a thread of the engine, and on one for work that may block.
struct Needed {
  bool of_engine = false;
  bool of_pool = false;
};
Needed needed_by(ThreadExecutorOptions options) {
  Signal done;
  Needed answer;
  ThreadExecutor executor{options};
  Work engine{[&] {
    answer.of_engine = heartbeat::detail::needs_this_thread(executor);
    done.raise();
  }};
  Work pool{[&] {
    answer.of_pool = heartbeat::detail::needs_this_thread(executor);
    done.raise();
  }};
  executor.post(engine);
  executor.post_blocking(pool);
  BOOST_REQUIRE(done.wait(2));
  return answer;
}

BOOST_AUTO_TEST_CASE(it_needs_the_threads_of_the_engine_and_the_only_one_that_may_block) {
  const Needed with_one_that_blocks = needed_by({.threads = 1, .blocking_threads = 1});
  const Needed with_two_that_block = needed_by({.threads = 1, .blocking_threads = 2});
  const Needed with_two_of_the_engine = needed_by({.threads = 2, .blocking_threads = 1});

  BOOST_TEST(with_one_that_blocks.of_engine);
  BOOST_TEST(with_one_that_blocks.of_pool);
  BOOST_TEST(with_two_that_block.of_engine);
  BOOST_TEST(!with_two_that_block.of_pool);
  BOOST_TEST(with_two_of_the_engine.of_engine);
  BOOST_TEST(with_two_of_the_engine.of_pool);
}

BOOST_AUTO_TEST_CASE(it_needs_no_thread_that_is_not_its_own) {
  Signal done;
  bool of_other = true;
  ThreadExecutor executor{{.threads = 1, .blocking_threads = 1}}, other;
  Work work{[&] {
    of_other = executor.needs_this_thread();
    done.raise();
  }};

  other.post(work);

  BOOST_REQUIRE(done.wait());
  BOOST_TEST(!of_other);
  BOOST_TEST(!executor.needs_this_thread());
}

// The running works are let go by the drop of those that wait behind them.
BOOST_AUTO_TEST_CASE(what_waits_at_the_end_is_dropped_and_what_runs_is_waited_for) {
  Signal running, dropped;
  std::atomic<bool> finished{false};
  Work busy{[&] {
    running.raise();
    if (dropped.wait(4)) finished = true;
  }};
  Work busy_blocking{busy.fn};
  const auto raise = [&] { dropped.raise(); };
  Work queued{[] {}, raise}, queued_too{[] {}, raise}, queued_blocking{[] {}, raise};
  Timer armed{[] {}, raise};
  auto executor = std::make_unique<ThreadExecutor>(ThreadExecutorOptions{.threads = 1, .blocking_threads = 1});
  executor->post(busy);
  executor->post_blocking(busy_blocking);
  BOOST_REQUIRE(running.wait(2));
  executor->post(queued);
  executor->post(queued_too);
  executor->post_blocking(queued_blocking);
  executor->wake_by(armed, BootClock::now() + 1h);

  executor.reset();

  BOOST_TEST(finished);
  BOOST_TEST(queued.dropped + queued_too.dropped + queued_blocking.dropped + armed.dropped == 4);
  BOOST_TEST(queued.ran + queued_too.ran + queued_blocking.ran + armed.ran == 0);
  BOOST_TEST(busy.dropped + busy_blocking.dropped == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_threads_end_with_the_last_handle, C, RealClocks) {
  Timer armed;
  {
    BasicThreadExecutor<C> executor{ThreadExecutorOptions{.threads = 3}};
    executor.wake_by(armed, C::now() + 1h);
    const BasicThreadExecutor<C> copy = executor;
  }

  BOOST_TEST(armed.dropped == 1);
}

template <class Post>
void end_on_its_own_thread(Post post) {
  auto handle = std::make_unique<ThreadExecutor>();
  Signal posted, done;
  Timer armed;
  Work ending{[&] {
    if (posted.wait()) handle.reset();
    done.raise();
  }};

  ThreadExecutor& executor = *handle;
  post(executor, ending);
  executor.wake_by(armed, BootClock::now() + 1h);
  posted.raise();

  BOOST_REQUIRE(done.wait());
  BOOST_TEST(armed.dropped == 1);
}

BOOST_AUTO_TEST_CASE(the_last_handle_may_die_on_a_thread_of_the_engine) {
  end_on_its_own_thread([](ThreadExecutor& executor, Work& work) { executor.post(work); });
}

BOOST_AUTO_TEST_CASE(the_last_handle_may_die_on_a_thread_of_the_pool) {
  end_on_its_own_thread([](ThreadExecutor& executor, Work& work) { executor.post_blocking(work); });
}

// The two threads that are always there are taken, so the one that ends it was made later. The drop of what is armed
// lets the others go.
BOOST_AUTO_TEST_CASE(the_last_handle_may_die_on_a_thread_that_the_pool_has_grown) {
  auto handle = std::make_unique<ThreadExecutor>();
  Signal arrived, release, posted, done;
  Timer armed{[] {}, [&] { release.raise(); }};
  std::array<Work, 2> busy;
  for (Work& work : busy) {
    work.fn = [&] {
      arrived.raise();
      if (release.wait()) done.raise();
    };
    handle->post_blocking(work);
  }
  BOOST_REQUIRE(arrived.wait(2));
  Work ending{[&] {
    if (posted.wait()) handle.reset();
    done.raise();
  }};

  ThreadExecutor& executor = *handle;
  executor.wake_by(armed, BootClock::now() + 1h);
  executor.post_blocking(ending);
  posted.raise();

  BOOST_REQUIRE(done.wait(3));
  BOOST_TEST(armed.dropped == 1);
}

BOOST_AUTO_TEST_CASE(each_post_is_run_or_dropped_once) {
  constexpr std::size_t count = 2'000;
  std::vector<std::unique_ptr<Work>> works(4 * count);
  for (auto& work : works)
    work = std::make_unique<Work>();
  {
    auto executor = std::make_unique<ThreadExecutor>(ThreadExecutorOptions{.threads = 2, .blocking_threads = 2});
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t, handle = *executor]() mutable {
        for (std::size_t i = 0; i < count; ++i) {
          t % 2 == 0 ? handle.post(*works[t * count + i]) : handle.post_blocking(*works[t * count + i]);
        }
      });
    }
    executor.reset();  // the last of the posting threads ends it
    for (auto& thread : threads)
      thread.join();
  }

  for (const auto& work : works)
    BOOST_TEST(work->ran + work->dropped == 1);
}

BOOST_AUTO_TEST_CASE(each_arming_is_run_cancelled_or_dropped_once) {
  std::array<Timer, 8> timers;
  std::atomic<int> armed{0};
  std::atomic<int> cancelled{0};
  {
    ThreadExecutor executor{ThreadExecutorOptions{.threads = 2}};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
      threads.emplace_back([&, t, handle = executor]() mutable {
        for (unsigned i = 0; i < 5'000; ++i) {
          Timer& timer = timers[(i * 7 + t) % timers.size()];
          armed += handle.wake_by(timer, BootClock::now() + std::chrono::microseconds{(i % 5) * 20}) ? 1 : 0;
          if (i % 3 == 0) cancelled += handle.cancel(timer) ? 1 : 0;
        }
      });
    }
    for (auto& thread : threads)
      thread.join();
  }

  int ended = cancelled;
  for (const Timer& timer : timers)
    ended += timer.ran + timer.dropped;
  BOOST_TEST(armed == ended);
}

BOOST_AUTO_TEST_CASE(a_number_of_threads_that_makes_no_sense_is_refused_and_named) {
  constexpr std::size_t greatest = std::numeric_limits<std::size_t>::max();
  const auto refusal = [](ThreadExecutorOptions options) {
    try {
      const ThreadExecutor executor{options};
    } catch (const std::system_error& error) {
      return error.code();
    }
    return std::error_code{};
  };

  for (const std::size_t count : {std::size_t{0}, std::size_t{10'001}, greatest / 2, greatest}) {
    const std::error_code threads = refusal({.threads = count});
    const std::error_code blocking = refusal({.blocking_threads = count});
    BOOST_CHECK(threads == heartbeat::errc::threads_not_positive);
    BOOST_CHECK(blocking == heartbeat::errc::blocking_threads_not_positive);
    BOOST_CHECK(threads == heartbeat::condition::bad_options && blocking == heartbeat::condition::bad_options);
    BOOST_TEST(threads.message().starts_with("threads must be"));
    BOOST_TEST(blocking.message().starts_with("blocking_threads must be"));
  }
  BOOST_CHECK(broken_rule(ThreadExecutorOptions{.threads = 10'000, .blocking_threads = 10'000}) == heartbeat::errc{});
}

// A manual clock that counts how often it is read.
struct CountingClock : ManualClock {
  time_point now() const {
    ++*readings;
    return ManualClock::now();
  }
  std::shared_ptr<std::atomic<int>> readings = std::make_shared<std::atomic<int>>(0);
};

BOOST_AUTO_TEST_CASE(with_nothing_armed_nobody_is_woken) {
  Signal done;
  CountingClock clock;
  int readings = 0;
  Work first{[&] { done.raise(); }}, second{[&] {
    readings = *clock.readings;
    done.raise();
  }};
  BasicThreadExecutor<CountingClock> executor{clock};
  executor.post(first);
  BOOST_REQUIRE(done.wait(1));

  for (int i = 0; i < 1'000; ++i) {
    clock.advance(1s);
    std::this_thread::yield();
  }
  executor.post(second);

  // One reading before the thread first slept, if it did, one for each work, and one before it slept in between.
  BOOST_REQUIRE(done.wait(2));
  BOOST_TEST(readings <= 4);
}

// Sanitizers need more address space than that test leaves.
#if !HEARTBEAT_TEST_SANITIZED
std::size_t count_threads() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::stoul(line.substr(8));
  }
  throw std::runtime_error{"/proc/self/status tells no number of threads"};
}

// Stacks take address space: with little of it left, a few threads can be made and many cannot.
BOOST_AUTO_TEST_CASE(when_a_thread_cannot_be_made_the_others_are_joined) {
  std::size_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  rlimit limit = before;
  limit.rlim_cur = pages * 4096 + 256 * 1024 * 1024;
  const std::size_t threads = count_threads();

  BOOST_REQUIRE(::setrlimit(RLIMIT_AS, &limit) == 0);
  BOOST_CHECK_THROW(ThreadExecutor{ThreadExecutorOptions{.threads = 1'000}}, std::system_error);
  BOOST_REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);

  BOOST_TEST(count_threads() == threads);
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
