// SPDX-License-Identifier: BSL-1.0
// Of the owner and the last one out exactly the later one destroys the policies; the owner waits, but not in a callback
// of his own.
#include <chrono>
#include <latch>
#include <memory>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/farewell.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(farewell)

using namespace heartbeat::detail;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(it_is_quiet_once_the_last_one_is_out) {
  Farewell farewell;
  BOOST_TEST(!farewell.is_quiet());
  BOOST_TEST(!farewell.wait_until_quiet(0ns));

  (void)farewell.last_one_out();

  BOOST_TEST(farewell.is_quiet());
  BOOST_TEST(farewell.wait_until_quiet(0ns));
}

BOOST_AUTO_TEST_CASE(an_owner_who_comes_second_destroys) {
  Farewell farewell;

  BOOST_TEST(!farewell.last_one_out());
  BOOST_TEST(farewell.owner_lets_go(&farewell));
}

BOOST_AUTO_TEST_CASE(in_his_callback_the_owner_does_not_wait_and_the_last_one_out_destroys) {
  Farewell farewell;
  {
    const CallbackFrame frame{&farewell};
    BOOST_TEST(!farewell.owner_lets_go(&farewell));
  }
  BOOST_TEST(!farewell.is_quiet(), "an orphan is not quiet yet");

  BOOST_TEST(farewell.last_one_out());
}

BOOST_AUTO_TEST_CASE(in_his_callback_the_owner_destroys_what_is_quiet_already) {
  Farewell farewell;
  BOOST_TEST(!farewell.last_one_out());
  const CallbackFrame frame{&farewell};

  BOOST_TEST(farewell.owner_lets_go(&farewell));
}

// Outside callbacks the owner waits, so he is always the later one, and may free all of it at once.
BOOST_AUTO_TEST_CASE(outside_callbacks_the_owner_waits_for_the_last_one_out) {
  for (int round = 0; round < 2'000; ++round) {
    auto farewell = std::make_unique<Farewell>();
    std::latch both{2};
    bool is_last_ones = true;
    bool is_owners = false;
    bool was_quiet = false;

    std::jthread last{[&] {
      both.arrive_and_wait();
      is_last_ones = farewell->last_one_out();
    }};
    both.arrive_and_wait();
    is_owners = farewell->owner_lets_go(farewell.get());
    was_quiet = farewell->is_quiet();
    last.join();
    farewell.reset();

    BOOST_REQUIRE(is_owners);
    BOOST_REQUIRE(was_quiet);
    BOOST_REQUIRE(!is_last_ones);
  }
}

BOOST_AUTO_TEST_CASE(of_two_threads_that_do_not_wait_exactly_one_destroys) {
  for (int round = 0; round < 5'000; ++round) {
    Farewell farewell;
    std::latch both{2};
    bool is_last_ones = false;
    bool is_owners = false;

    {
      const std::jthread last{[&] {
        both.arrive_and_wait();
        is_last_ones = farewell.last_one_out();
      }};
      const std::jthread owner{[&] {
        const CallbackFrame frame{&farewell};
        both.arrive_and_wait();
        is_owners = farewell.owner_lets_go(&farewell);
      }};
    }

    BOOST_REQUIRE(is_last_ones != is_owners);
    BOOST_REQUIRE(farewell.is_quiet());
  }
}

BOOST_AUTO_TEST_CASE(who_waits_for_quiet_is_woken_by_the_last_one_out) {
  Farewell farewell;
  std::latch both{2};
  bool is_quiet = false;

  {
    const std::jthread waiting{[&] {
      both.arrive_and_wait();
      is_quiet = farewell.wait_until_quiet(1h);
    }};
    both.arrive_and_wait();
    (void)farewell.last_one_out();
  }

  BOOST_TEST(is_quiet);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
