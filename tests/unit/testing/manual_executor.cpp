// SPDX-License-Identifier: BSL-1.0
// The manual executor: virtual time, an order drawn from the seed, and exactly one of run and drop for each post.
// Read next: scripted_transport.cpp.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/testing/manual_executor.hpp>

#include "../../calling.hpp"

namespace {

using heartbeat::testing::Calling;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using namespace std::chrono_literals;

constexpr ManualClock::time_point epoch{};

using Work = Calling<heartbeat::Work>;
using Timer = Calling<heartbeat::Timer>;

struct Fixture {
  ManualClock clock;
  ManualExecutor executor{clock, 42};
};

// The order in which `count` works run that are posted at once.
std::vector<int> order_of(int count, std::uint64_t seed) {
  ManualExecutor executor{ManualClock{}, seed};
  std::vector<int> order;
  std::vector<std::unique_ptr<Work>> works;
  for (int i = 0; i < count; ++i) {
    works.push_back(std::make_unique<Work>([&order, i] { order.push_back(i); }));
    executor.post(*works.back());
  }
  executor.run_ready();
  return order;
}

BOOST_FIXTURE_TEST_SUITE(manual_executor, Fixture)

BOOST_AUTO_TEST_CASE(nothing_runs_until_it_is_told_to) {
  Work work;
  executor.post(work);
  BOOST_TEST(work.ran == 0);

  BOOST_TEST(executor.run_ready() == 1U);

  BOOST_TEST(work.ran == 1);
  BOOST_TEST(executor.run_ready() == 0U);
  BOOST_TEST(executor.is_idle());
}

BOOST_AUTO_TEST_CASE(run_one_runs_one) {
  Work first, second;
  executor.post(first);
  executor.post(second);

  BOOST_TEST(executor.run_one());

  BOOST_TEST(first.ran + second.ran == 1);
  BOOST_TEST(executor.run_one());
  BOOST_TEST(!executor.run_one());
}

BOOST_AUTO_TEST_CASE(a_work_may_post_itself_again) {
  Work work;
  work.fn = [&] {
    if (work.ran < 3) executor.post(work);
  };
  executor.post(work);

  BOOST_TEST(executor.run_ready() == 3U);
}

// The first ones are spelled out: the same on every standard library, and for ever.
BOOST_AUTO_TEST_CASE(one_seed_gives_one_order) {
  BOOST_TEST((order_of(6, 1) == std::vector{5, 4, 2, 3, 1, 0}));
  BOOST_TEST((order_of(6, 2) == std::vector{4, 1, 5, 0, 3, 2}));
  BOOST_TEST((order_of(500, 3) == order_of(500, 3)));
  BOOST_TEST((order_of(500, 3) != order_of(500, 4)));
}

BOOST_AUTO_TEST_CASE(every_order_of_three_works_and_timers_is_drawn_by_some_seed) {
  std::vector<std::string> orders;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    ManualExecutor seeded{clock, seed};
    std::string order;
    Work work{[&] { order += 'w'; }};
    Timer timer{[&] { order += 't'; }};
    seeded.run_at(epoch, [&] { order += 'e'; });
    seeded.post(work);
    seeded.wake_by(timer, epoch);

    seeded.run_ready();

    if (std::find(orders.begin(), orders.end(), order) == orders.end()) orders.push_back(order);
  }

  BOOST_TEST(orders.size() == 6U);
}

BOOST_AUTO_TEST_CASE(run_for_moves_the_clock_from_timer_to_timer_and_ends_exactly) {
  std::vector<ManualClock::time_point> times;
  Timer timer;
  timer.fn = [&] {
    times.push_back(clock.now());
    executor.wake_by(timer, clock.now() + 5s);
  };
  executor.wake_by(timer, epoch + 5s);

  BOOST_TEST(executor.run_for(17s) == 3U);

  BOOST_TEST((times == std::vector{epoch + 5s, epoch + 10s, epoch + 15s}));
  BOOST_TEST((clock.now() == epoch + 17s));
  BOOST_TEST((executor.next_wake() == epoch + 20s));
  executor.cancel(timer);
}

BOOST_AUTO_TEST_CASE(what_is_due_at_the_end_still_runs) {
  Timer at_the_end, after_it;
  executor.wake_by(at_the_end, epoch + 5s);
  executor.wake_by(after_it, epoch + 5s + 1ns);

  executor.run_until(epoch + 5s);

  BOOST_TEST(at_the_end.ran == 1);
  BOOST_TEST(after_it.ran == 0);
  executor.cancel(after_it);
}

BOOST_AUTO_TEST_CASE(a_day_of_virtual_time_takes_no_time) {
  Timer timer;
  timer.fn = [&] { executor.wake_by(timer, clock.now() + 1s); };
  executor.wake_by(timer, epoch);

  executor.run_for(24h);

  BOOST_TEST(timer.ran == 86'401);
  executor.cancel(timer);
}

BOOST_AUTO_TEST_CASE(time_does_not_go_backward) {
  clock.advance(10s);

  BOOST_CHECK_THROW(executor.run_for(-1ns), std::invalid_argument);
  BOOST_CHECK_THROW(executor.run_until(epoch + 9s), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_timer_runs_late_when_somebody_else_moved_the_clock) {
  std::vector<ManualClock::time_point> times;
  Timer timer{[&] { times.push_back(clock.now()); }};
  executor.wake_by(timer, epoch + 1s);

  clock.advance(10s);
  BOOST_TEST(timer.ran == 0);
  executor.run_ready();

  BOOST_TEST((times == std::vector{epoch + 10s}));
}

BOOST_AUTO_TEST_CASE(the_earliest_time_asked_for_wins) {
  Timer timer;

  BOOST_TEST(executor.wake_by(timer, epoch + 10s));
  BOOST_TEST(!executor.wake_by(timer, epoch + 5s));
  BOOST_TEST(!executor.wake_by(timer, epoch + 20s));

  BOOST_TEST((executor.next_wake() == epoch + 5s));
  executor.run_for(1h);
  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE(cancel_tells_whether_the_timer_was_armed) {
  Timer timer;
  BOOST_TEST(!executor.cancel(timer));
  executor.wake_by(timer, epoch + 1s);
  clock.advance(2s);

  BOOST_TEST(executor.cancel(timer));
  BOOST_TEST(!executor.cancel(timer));

  executor.run_for(1h);
  BOOST_TEST(timer.ran + timer.dropped == 0);
  BOOST_TEST(executor.wake_by(timer, epoch));
  executor.cancel(timer);
}

BOOST_AUTO_TEST_CASE(help_until_moves_time_no_further_than_it_must) {
  Timer timer;
  Timer later;
  executor.wake_by(timer, epoch + 5s);
  executor.wake_by(later, epoch + 6s);

  BOOST_TEST(executor.help_until([&] { return timer.ran == 1; }));

  BOOST_TEST((clock.now() == epoch + 5s));
  BOOST_TEST(later.ran == 0);
  executor.cancel(later);
}

BOOST_AUTO_TEST_CASE(help_until_gives_up_when_nothing_is_left) {
  Timer timer;
  executor.wake_by(timer, epoch + 5s);

  BOOST_TEST(!executor.help_until([] { return false; }));

  BOOST_TEST(timer.ran == 1);
  BOOST_TEST(executor.is_idle());
}

BOOST_AUTO_TEST_CASE(a_work_may_help) {
  Timer timer;
  executor.wake_by(timer, epoch + 5s);
  bool helped = false;
  Work work{[&] { helped = executor.help_until([&] { return timer.ran == 1; }); }};
  executor.post(work);

  executor.run_for(1s);

  BOOST_TEST(helped);
  BOOST_TEST((clock.now() == epoch + 5s));
}

BOOST_AUTO_TEST_CASE(events_of_the_test_run_at_their_time) {
  std::vector<std::pair<int, ManualClock::time_point>> seen;
  executor.run_after(2s, [&, moved = std::make_unique<int>(2)] { seen.emplace_back(*moved, clock.now()); });
  executor.run_at(epoch + 1s, [&] { seen.emplace_back(1, clock.now()); });
  BOOST_TEST((executor.next_wake() == epoch + 1s));

  executor.run_for(10s);

  BOOST_TEST((seen == std::vector{std::pair{1, epoch + 1s}, std::pair{2, epoch + 2s}}));
}

BOOST_AUTO_TEST_CASE(an_exception_of_an_event_leaves_the_run_that_ran_it) {
  Work work;
  executor.run_after(1s, [] { throw std::runtime_error{"the event's own"}; });

  BOOST_CHECK_THROW(executor.run_for(2s), std::runtime_error);

  executor.post(work);
  executor.run_for(2s);
  BOOST_TEST(work.ran == 1);
}

BOOST_AUTO_TEST_CASE(what_is_queued_or_armed_when_the_last_handle_dies_is_dropped) {
  Work work;
  Timer timer;
  const auto held = std::make_shared<int>();
  {
    std::optional<ManualExecutor> first{std::in_place, clock};
    ManualExecutor second = *first;
    first->post(work);
    first->wake_by(timer, epoch + 1s);
    first->run_after(1s, [held] {});
    first.reset();
    BOOST_TEST(work.dropped + timer.dropped == 0);
  }

  BOOST_TEST(work.dropped == 1);
  BOOST_TEST(timer.dropped == 1);
  BOOST_TEST(work.ran + timer.ran == 0);
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(works_may_be_posted_and_timers_armed_from_other_threads) {
  constexpr int count = 1'000;
  std::vector<std::unique_ptr<Work>> works(2 * count);
  std::array<Timer, 2> timers;
  for (auto& work : works)
    work = std::make_unique<Work>();
  int ran = 0;
  std::vector<std::thread> threads;

  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < count; ++i) {
        executor.post(*works[static_cast<std::size_t>(t * count + i)]);
        executor.wake_by(timers[static_cast<std::size_t>(t)], epoch + 1h);
      }
    });
  }
  while (ran < 2 * count)
    ran += static_cast<int>(executor.run_ready());
  for (auto& thread : threads)
    thread.join();
  executor.run_for(1h);

  for (const auto& work : works)
    BOOST_TEST(work->ran == 1);
  for (const auto& timer : timers)
    BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
