// SPDX-License-Identifier: BSL-1.0
// The queue of timers: sorted whatever the order of arming, and the same as a sorted list under random use.
// Read next: thread.cpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/timer_queue.hpp>

namespace {

using heartbeat::TimerQueue;

struct Timer final : heartbeat::Timer {
  void run() noexcept override {}
  void drop() noexcept override {}
};

struct Fixture {
  std::array<Timer, 3> timers;
  TimerQueue queue;
};

BOOST_FIXTURE_TEST_SUITE(timer_queue, Fixture)

BOOST_AUTO_TEST_CASE(timers_come_out_when_they_are_due_the_first_one_first) {
  queue.arm(timers[0], 30);
  queue.arm(timers[1], 10);
  queue.arm(timers[2], 20);

  BOOST_TEST(queue.first_due() == 10);
  BOOST_TEST(queue.pop_due(9) == nullptr);
  BOOST_TEST(queue.pop_due(10) == &timers[1]);
  BOOST_TEST(queue.pop_due(100) == &timers[2]);
  BOOST_TEST(queue.pop_due(100) == &timers[0]);
  BOOST_TEST(queue.pop_due(100) == nullptr);
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_CASE(timers_due_together_come_out_as_they_were_armed) {
  for (Timer& timer : timers)
    queue.arm(timer, 10);

  for (Timer& timer : timers)
    BOOST_TEST(queue.pop_due(10) == &timer);
}

BOOST_AUTO_TEST_CASE(one_that_is_armed_again_for_the_same_time_keeps_its_place) {
  queue.arm(timers[0], 10);
  queue.arm(timers[1], 10);

  BOOST_TEST(!queue.arm(timers[0], 10));

  BOOST_TEST(queue.pop_due(10) == &timers[0]);
}

BOOST_AUTO_TEST_CASE(the_earliest_time_wins) {
  BOOST_TEST(queue.arm(timers[0], 10));
  BOOST_TEST(!queue.arm(timers[0], 20));
  BOOST_TEST(queue.first_due() == 10);

  BOOST_TEST(!queue.arm(timers[0], 5));

  BOOST_TEST(queue.first_due() == 5);
  BOOST_TEST(queue.count_due(100, 100) == 1U);
}

BOOST_AUTO_TEST_CASE(due_timers_are_counted_up_to_a_limit) {
  queue.arm(timers[0], 10);
  queue.arm(timers[1], 20);
  queue.arm(timers[2], 30);

  BOOST_TEST(queue.count_due(9, 100) == 0U);
  BOOST_TEST(queue.count_due(20, 100) == 2U);
  BOOST_TEST(queue.count_due(100, 2) == 2U);
  BOOST_TEST(queue.take(1) == &timers[1]);
  BOOST_TEST(queue.count_due(100, 100) == 2U);
}

BOOST_AUTO_TEST_CASE(random_use_agrees_with_a_map) {
  std::mt19937 random{7};
  std::array<Timer, 12> many;
  std::map<std::size_t, std::int64_t> model;

  for (int step = 0; step < 20'000; ++step) {
    const std::size_t index = random() % many.size();
    const auto due = static_cast<std::int64_t>(random() % 50);
    const auto found = model.find(index);
    switch (random() % 3) {
      case 0:
        BOOST_TEST(queue.arm(many[index], due) == (found == model.end()));
        model[index] = found == model.end() ? due : std::min(found->second, due);
        break;
      case 1: BOOST_TEST(queue.disarm(many[index]) == (model.erase(index) == 1)); break;
      default:
        if (const auto* timer = queue.pop_due(due)) {
          const auto place = static_cast<std::size_t>(static_cast<const Timer*>(timer) - many.data());
          BOOST_REQUIRE(model.count(place) == 1U);
          const std::int64_t popped = model.extract(place).mapped();
          for (const auto& [other, other_due] : model)
            BOOST_TEST(popped <= other_due);
          BOOST_TEST(popped <= due);
        } else {
          for (const auto& [other, other_due] : model)
            BOOST_TEST(other_due > due);
        }
    }
    BOOST_TEST(queue.count_due(INT64_MAX, 100) == model.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
