// SPDX-License-Identifier: BSL-1.0
// A turn does slices until there is none left, but no more than some at once.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/turn.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(turn)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(a_turn_is_over_when_a_slice_says_that_there_is_no_more) {
  int slices = 0;

  BOOST_TEST(!take_turn([&] { return ++slices < 3; }));

  BOOST_TEST(slices == 3);
}

BOOST_AUTO_TEST_CASE(with_nothing_to_do_one_slice_looks) {
  int slices = 0;

  BOOST_TEST(!take_turn([&] {
    ++slices;
    return false;
  }));

  BOOST_TEST(slices == 1);
}

BOOST_AUTO_TEST_CASE(the_last_slice_of_a_turn_may_be_the_last_of_all) {
  int slices = 0;

  BOOST_TEST(!take_turn([&] { return ++slices < slices_per_turn; }));

  BOOST_TEST(slices == slices_per_turn);
}

BOOST_AUTO_TEST_CASE(a_turn_leaves_the_thread_to_others_and_says_that_there_is_more) {
  int slices = 0;

  BOOST_TEST(take_turn([&] {
    ++slices;
    return true;
  }));

  BOOST_TEST(slices == slices_per_turn);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
