// SPDX-License-Identifier: BSL-1.0
// The manual clock: it stands still until it is moved, never goes backward, and tells its subscribers.
// Read next: manual_executor.cpp.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/testing/manual_clock.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(manual_clock)

using heartbeat::testing::ManualClock;
using namespace std::chrono_literals;

constexpr ManualClock::time_point epoch{};

BOOST_AUTO_TEST_CASE(time_stands_still_until_it_is_moved) {
  const ManualClock unmoved;
  ManualClock clock{epoch + 7s};

  clock.advance(3s);

  BOOST_TEST((unmoved.now() == epoch));
  BOOST_TEST((clock.now() == epoch + 10s));
}

BOOST_AUTO_TEST_CASE(copies_show_the_same_time) {
  ManualClock clock;
  const ManualClock copy = clock;

  clock.advance_to(epoch + 5s);

  BOOST_TEST((copy.now() == epoch + 5s));
}

BOOST_AUTO_TEST_CASE(time_does_not_go_backward) {
  ManualClock clock{epoch + 10s};

  BOOST_CHECK_THROW(clock.advance(-1ns), std::invalid_argument);
  BOOST_CHECK_THROW(clock.advance_to(epoch + 9s), std::invalid_argument);
  BOOST_CHECK_NO_THROW(clock.advance_to(epoch + 10s));
  clock.reach(epoch + 1s);

  BOOST_TEST((clock.now() == epoch + 10s));
}

BOOST_AUTO_TEST_CASE(time_ends_at_the_greatest_time_point) {
  ManualClock clock;

  for (int i = 0; i < 5; ++i)
    clock.advance(std::chrono::hours::max());

  BOOST_TEST((clock.now() == ManualClock::time_point::max()));
}

BOOST_AUTO_TEST_CASE(a_waker_is_called_after_each_advance_and_sees_the_new_time) {
  ManualClock clock;
  std::vector<ManualClock::time_point> seen;
  const auto subscription = clock.subscribe([&seen, clock] { seen.push_back(clock.now()); });

  clock.advance(1s);
  clock.advance_to(epoch + 4s);
  clock.reach(epoch + 5s);

  BOOST_TEST((seen == std::vector{epoch + 1s, epoch + 4s, epoch + 5s}));
}

BOOST_AUTO_TEST_CASE(a_waker_is_called_no_more_when_its_subscription_has_died) {
  ManualClock clock;
  int calls = 0;
  {
    auto first = clock.subscribe([&calls] { ++calls; });
    const auto moved = std::move(first);
    clock.advance(1s);
  }

  clock.advance(1s);

  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_waker_may_end_its_own_subscription) {
  ManualClock clock;
  std::optional<ManualClock::Subscription> subscription;
  int calls = 0;
  subscription.emplace(clock.subscribe([&] {
    ++calls;
    subscription.reset();
  }));

  clock.advance(1s);
  clock.advance(1s);

  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(unsubscribing_waits_for_the_waker_that_runs_on_another_thread) {
  ManualClock clock;
  std::atomic<bool> entered{false};
  std::atomic<bool> unsubscribing{false};
  std::atomic<bool> left{false};
  auto subscription = std::make_optional(clock.subscribe([&] {
    entered = true;
    entered.notify_one();
    unsubscribing.wait(false);
    for (int i = 0; i < 1'000; ++i)
      std::this_thread::yield();
    left = true;
  }));
  std::thread advancing{[&clock] { clock.advance(1s); }};
  entered.wait(false);

  unsubscribing = true;
  unsubscribing.notify_one();
  subscription.reset();
  const bool had_left = left;

  advancing.join();
  BOOST_TEST(had_left);
}

BOOST_AUTO_TEST_CASE(no_advance_is_lost_among_threads) {
  ManualClock clock;
  std::atomic<int> calls{0};
  const auto subscription = clock.subscribe([&calls] { ++calls; });
  std::vector<std::thread> threads;

  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([clock]() mutable {
      for (int i = 0; i < 500; ++i)
        clock.advance(1ms);
    });
  }
  for (auto& thread : threads)
    thread.join();

  BOOST_TEST((clock.now() == epoch + 2s));
  BOOST_TEST(calls == 2'000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
