// SPDX-License-Identifier: BSL-1.0
// Where a close stands, and what that means for its key (F15): each arrow of the drawing, and each word on the key.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/close_standing.hpp>

namespace {

using heartbeat::detail::CloseStanding;
using At = CloseStanding::At;

BOOST_AUTO_TEST_SUITE(close_standing)

CloseStanding sent() {
  CloseStanding close;
  close.begin(false);
  close.sent();
  return close;
}

CloseStanding resting(bool has_timed_out) {
  CloseStanding close = sent();
  close.failed(has_timed_out);
  return close;
}

BOOST_AUTO_TEST_CASE(without_a_close_nothing_is_left_to_be_closed) {
  const CloseStanding close;

  BOOST_CHECK(close.at() == At::none);
  BOOST_TEST(close.is_settled());
  BOOST_TEST(!close.is_open());
  BOOST_TEST(!close.has_followed());
  BOOST_TEST(!close.is_in_doubt());
}

BOOST_AUTO_TEST_CASE(it_waits_for_its_beat_if_one_is_in_flight) {
  CloseStanding close;
  close.begin(true);
  BOOST_CHECK(close.at() == At::behind_beat);
  BOOST_TEST(close.was_behind());
  BOOST_TEST(close.is_unsent());

  close.beat_over();

  BOOST_CHECK(close.at() == At::waiting);
  BOOST_TEST(close.is_unsent());
  BOOST_TEST(close.is_open());
  BOOST_TEST(close.has_followed());
  BOOST_TEST(!close.is_on_its_way());
}

BOOST_AUTO_TEST_CASE(a_beat_that_was_not_sent_after_all_gives_it_no_more_time) {
  CloseStanding close;
  close.begin(true);

  close.beat_withdrawn();

  BOOST_TEST(!close.was_behind());
  BOOST_CHECK(close.at() == At::behind_beat);
}

BOOST_AUTO_TEST_CASE(the_first_one_takes_the_key_while_it_is_on_its_way) {
  CloseStanding close = sent();
  BOOST_TEST(close.is_on_its_way());
  BOOST_TEST(!close.is_unsent());
  BOOST_TEST(!close.is_settled());
  BOOST_TEST(!close.is_in_doubt(), "it will be answered, or time out");

  close.confirmed();

  BOOST_TEST(!close.is_on_its_way());
  BOOST_TEST(close.is_settled());
  BOOST_TEST(!close.is_open());
  BOOST_TEST(!close.is_in_doubt());
}

BOOST_AUTO_TEST_CASE(one_that_failed_rests_and_a_repeat_takes_no_key) {
  CloseStanding close = resting(false);
  BOOST_CHECK(close.at() == At::resting);
  BOOST_TEST(close.is_open());
  BOOST_TEST(!close.is_in_doubt(), "the server has answered");

  close.repeat();
  BOOST_CHECK(close.at() == At::waiting);
  BOOST_TEST(close.is_repeat());
  BOOST_TEST(!close.is_unsent(), "the server has heard of it");

  close.sent();
  BOOST_TEST(!close.is_on_its_way());
  BOOST_TEST(close.is_in_doubt(), "the server may execute it now");
}

BOOST_AUTO_TEST_CASE(one_that_timed_out_is_in_doubt_for_good) {
  CloseStanding close = resting(true);
  BOOST_TEST(close.is_in_doubt());
  close.repeat();
  close.sent();
  close.confirmed();

  BOOST_TEST(close.is_settled());
  BOOST_TEST(close.is_in_doubt(), "the one that was not answered may still come");
}

BOOST_AUTO_TEST_CASE(an_error_after_a_timeout_takes_no_doubt_away) {
  CloseStanding close = resting(true);
  close.repeat();
  close.sent();

  close.failed(false);

  BOOST_TEST(close.is_in_doubt());
}

BOOST_AUTO_TEST_CASE(one_that_is_left_while_it_is_under_way_is_in_doubt) {
  CloseStanding close = sent();
  close.leave();
  BOOST_TEST(close.is_in_doubt());
  BOOST_TEST(!close.is_open());
  BOOST_TEST(!close.is_settled());

  CloseStanding unsent;
  unsent.begin(false);
  unsent.leave();
  BOOST_TEST(!unsent.is_in_doubt());
  BOOST_TEST(!unsent.is_settled());
  BOOST_TEST(unsent.has_followed());
}

BOOST_AUTO_TEST_CASE(a_close_that_was_skipped_at_the_end_has_not_followed_it) {
  CloseStanding close;
  close.leave();

  BOOST_TEST(!close.has_followed());
  BOOST_TEST(!close.is_settled());
}

BOOST_AUTO_TEST_CASE(the_end_of_the_repeats_leaves_what_is_under_way_alone) {
  CloseStanding close = sent();
  close.end_repeats();

  BOOST_TEST(close.is_last());
  BOOST_TEST(close.is_on_its_way());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
