// SPDX-License-Identifier: BSL-1.0
// The ways of waiting, alone: each returns when its time comes and when it is woken, also a wake given before the
// thread sleeps; none returns for ever late because a deadline became sooner. Read next: thread.cpp, where they work
// together.
#include <cerrno>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/executors/clock_waiter.hpp>
#include <heartbeat/testing/manual_clock.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(clock_waiter)

using heartbeat::BootClock;
using heartbeat::testing::ManualClock;
using namespace heartbeat::detail;
using namespace std::chrono_literals;

static_assert(heartbeat::AnnouncingClock<ManualClock>);
static_assert(!heartbeat::AnnouncingClock<BootClock>);

template <class TheClock, class TheWaiter>
struct Pair {
  using Clock = TheClock;
  using Waiter = TheWaiter;
};

using Real = boost::mpl::list<Pair<std::chrono::steady_clock, WaiterFor<std::chrono::steady_clock>::type>,
                              Pair<BootClock, WaiterFor<BootClock>::type>, Pair<BootClock, CappedWaiter<BootClock>>>;

// Waits until `over()`, as a leader does: a wait may return early.
template <class Waiter, class Over>
void wait_until(Waiter& waiter, std::mutex& mutex, typename Waiter::time_point at, Over over) {
  std::unique_lock lock{mutex};
  while (!over())
    waiter.wait(lock, at);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wait_ends_when_its_time_comes, P, Real) {
  std::mutex mutex;
  typename P::Waiter waiter{typename P::Clock{}, mutex};

  for (int i = 0; i < 5; ++i) {
    const auto at = P::Clock::now() + 1ms;
    wait_until(waiter, mutex, at, [at] { return P::Clock::now() >= at; });
  }
  wait_until(waiter, mutex, typename P::Clock::time_point{},
             [first = true]() mutable { return !std::exchange(first, false); });

  BOOST_TEST(mutex.try_lock());
  mutex.unlock();
}

// A thread that sleeps without a limit, and another that wakes it once it does. The fields are the mutex's.
struct SleepUntilWoken {
  template <class Waiter>
  void until_woken(Waiter& waiter, std::mutex& mutex) {
    wait_until(waiter, mutex, Waiter::time_point::max(), [this] {
      waiting = true;  // the lock is given up only where the waiter has begun
      return woken;
    });
  }
  template <class Waiter>
  void wake(Waiter& waiter, std::mutex& mutex) {
    for (bool done = false; !done; std::this_thread::yield()) {
      const std::lock_guard lock{mutex};
      done = waiting;
      if (!done) continue;
      woken = true;
      waiter.wake();
    }
  }

  bool waiting = false;
  bool woken = false;
};

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wait_ends_when_it_is_woken, P, Real) {
  std::mutex mutex;
  typename P::Waiter waiter{typename P::Clock{}, mutex};
  SleepUntilWoken sleep;

  std::thread sleeper{[&] { sleep.until_woken(waiter, mutex); }};
  sleep.wake(waiter, mutex);
  sleeper.join();

  BOOST_TEST(sleep.woken);
}

// Else the leader would never sleep again.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_wake_is_not_left_over_for_the_next_wait, P, Real) {
  std::mutex mutex;
  typename P::Waiter waiter{typename P::Clock{}, mutex};
  SleepUntilWoken sleep;
  typename P::Clock::time_point at{};
  typename P::Clock::time_point returned{};

  std::thread sleeper{[&] {
    sleep.until_woken(waiter, mutex);
    std::unique_lock lock{mutex};
    at = P::Clock::now() + 5ms;
    waiter.wait(lock, at);
    returned = P::Clock::now();
  }};
  sleep.wake(waiter, mutex);
  sleeper.join();

  BOOST_TEST((returned >= at));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wait_ends_at_the_time_that_has_become_sooner, P, Real) {
  std::mutex mutex;
  typename P::Waiter waiter{typename P::Clock{}, mutex};
  auto at = P::Clock::time_point::max();
  bool waiting = false;

  std::thread sleeper{[&] {
    std::unique_lock lock{mutex};
    while (P::Clock::now() < at) {
      waiting = true;
      waiter.wait(lock, at);
    }
  }};
  for (bool done = false; !done; std::this_thread::yield()) {
    const std::lock_guard lock{mutex};
    done = waiting;
    if (!done) continue;
    at = P::Clock::now() + 1ms;
    waiter.sooner(at);
  }
  sleeper.join();

  BOOST_TEST((P::Clock::now() >= at));
}

BOOST_AUTO_TEST_CASE(a_moved_clock_ends_the_wait_by_it) {
  ManualClock clock;
  std::mutex mutex;
  AnnouncedWaiter<ManualClock> waiter{clock, mutex};
  const auto at = clock.now() + 100s;

  std::thread sleeper{[&] { wait_until(waiter, mutex, at, [&] { return clock.now() >= at; }); }};
  for (int i = 0; i < 100; ++i) {
    clock.advance(1s);
    std::this_thread::yield();
  }
  sleeper.join();

  BOOST_TEST((clock.now() == at));
}

// A clock that is moved by somebody else right after it was read.
struct OvertakenClock : ManualClock {
  time_point now() const {
    const time_point reading = ManualClock::now();
    ManualClock{*this}.advance(10s);
    return reading;
  }
};

BOOST_AUTO_TEST_CASE(a_move_between_the_look_at_the_clock_and_the_sleep_is_not_lost) {
  OvertakenClock clock;
  std::mutex mutex;
  AnnouncedWaiter<OvertakenClock> waiter{clock, mutex};
  std::unique_lock lock{mutex};

  waiter.wait(lock, OvertakenClock::time_point{} + 5s);

  BOOST_TEST(lock.owns_lock());
}

#if defined(__linux__)
BOOST_AUTO_TEST_CASE(a_descriptor_that_could_not_be_made_is_an_error) {
  errno = EMFILE;
  BOOST_CHECK_EXCEPTION((Descriptor{-1, "eventfd"}), std::system_error,
                        [](const std::system_error& error) { return error.code() == std::errc::too_many_files_open; });
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
