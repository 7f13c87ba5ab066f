// SPDX-License-Identifier: BSL-1.0
// A shortage: since when it is on, of what, how much of a lateness is its own, and that one is told of it.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/shortage.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(shortage)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(it_is_on_from_the_first_that_was_left_behind_until_nothing_waits) {
  Shortage shortage;
  BOOST_TEST(!shortage.is_on());
  BOOST_TEST(shortage.wait_of(100, 1'000) == 0);

  shortage.begin(500, Limit::calls);
  shortage.begin(700, Limit::rate);

  BOOST_TEST(shortage.is_on());
  BOOST_CHECK(shortage.limit() == Limit::rate);
  BOOST_TEST(shortage.wait_of(10'000, 1'000) == 500, "the rest of the lateness is not the shortage's");
  BOOST_TEST(shortage.wait_of(100, 1'000) == 100);
  shortage.end();
  BOOST_TEST(!shortage.is_on());
}

BOOST_AUTO_TEST_CASE(who_waited_before_it_was_known_makes_it_longer) {
  Shortage shortage;
  shortage.begin(500, Limit::calls);

  shortage.begin(200, Limit::calls);

  BOOST_TEST(shortage.wait_of(10'000, 1'000) == 800);
}

BOOST_AUTO_TEST_CASE(one_is_told_of_each) {
  Shortage shortage;
  shortage.begin(500, Limit::calls);
  BOOST_TEST(shortage.is_first_told());
  BOOST_TEST(!shortage.is_first_told());

  shortage.end();
  shortage.begin(900, Limit::calls);

  BOOST_TEST(shortage.is_first_told());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
