// SPDX-License-Identifier: BSL-1.0
// The queue of works: in order, from both ends and the middle, and back to empty each way.
// Read next: timer_queue.cpp.
#include <array>
#include <functional>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/work_queue.hpp>

namespace {

using heartbeat::WorkQueue;

struct Work final : heartbeat::Work {
  void run() noexcept override {}
  void drop() noexcept override {
    ++dropped;
    if (on_drop) on_drop();
  }

  int dropped = 0;
  std::function<void()> on_drop;
};

struct Fixture {
  std::array<Work, 3> works;
  WorkQueue queue;

  void push_all() {
    for (Work& work : works)
      queue.push(work);
  }
};

BOOST_FIXTURE_TEST_SUITE(work_queue, Fixture)

BOOST_AUTO_TEST_CASE(works_come_out_in_the_order_in_which_they_went_in) {
  push_all();
  BOOST_TEST(queue.size() == 3U);

  for (Work& work : works)
    BOOST_TEST(queue.pop() == &work);

  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.pop() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_work_may_be_pushed_again_once_it_is_out) {
  push_all();

  queue.push(*queue.pop());

  BOOST_TEST(queue.pop() == &works[1]);
  BOOST_TEST(queue.pop() == &works[2]);
  BOOST_TEST(queue.pop() == &works[0]);
}

BOOST_AUTO_TEST_CASE(a_work_may_be_taken_from_any_place) {
  for (std::size_t place = 0; place < 3; ++place) {
    push_all();
    Work extra;

    BOOST_TEST(queue.take(place) == &works[place]);
    queue.push(extra);

    for (std::size_t other = 0; other < 3; ++other) {
      if (other != place) BOOST_TEST(queue.pop() == &works[other]);
    }
    BOOST_TEST(queue.pop() == &extra);
    BOOST_TEST(queue.empty());
  }
}

BOOST_AUTO_TEST_CASE(everything_moves_to_another_queue) {
  push_all();
  WorkQueue other;

  queue.move_to(other);
  queue.push(*other.pop());

  BOOST_TEST(other.size() == 2U);
  BOOST_TEST(other.pop() == &works[1]);
  BOOST_TEST(queue.pop() == &works[0]);
}

BOOST_AUTO_TEST_CASE(what_is_pushed_while_all_is_dropped_is_dropped_too) {
  Work late;
  works[1].on_drop = [&] { queue.push(late); };
  push_all();

  queue.drop_all();

  for (const Work& work : works)
    BOOST_TEST(work.dropped == 1);
  BOOST_TEST(late.dropped == 1);
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
