// SPDX-License-Identifier: BSL-1.0
// A rate kept on average: the first one at once, a burst after a rest, and never more than the rate allows over time.
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/token_bucket.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(token_bucket)

using namespace heartbeat::detail;

int taken_at(TokenBucket& bucket, Instant now) {
  int count = 0;
  while (count < 1'000'000 && bucket.take(now))
    ++count;
  return count;
}

BOOST_AUTO_TEST_CASE(without_a_rate_there_is_always_a_token) {
  TokenBucket bucket;

  BOOST_TEST(taken_at(bucket, 0) == 1'000'000);
  BOOST_TEST(bucket.next_at() == 0);
}

BOOST_AUTO_TEST_CASE(the_first_comes_at_once_and_the_next_a_period_later) {
  TokenBucket bucket{1000, 0};

  BOOST_TEST(bucket.next_at() == 0);
  BOOST_TEST(taken_at(bucket, 0) == 1);
  BOOST_TEST(bucket.next_at() == 1000);
  BOOST_TEST(taken_at(bucket, 999) == 0);
  BOOST_TEST(taken_at(bucket, 1000) == 1);
}

BOOST_AUTO_TEST_CASE(after_a_rest_of_any_length_there_is_one_burst) {
  TokenBucket bucket{1000, 5000};
  (void)taken_at(bucket, 0);

  BOOST_TEST(taken_at(bucket, 1'000'000'000) == 5);
  BOOST_TEST(taken_at(bucket, 1'000'000'000) == 0);
  BOOST_TEST(taken_at(bucket, 1'000'002'500) == 2);
}

BOOST_AUTO_TEST_CASE(over_time_there_are_no_more_and_no_fewer_than_the_rate_says) {
  TokenBucket bucket{700, 10'000};
  int taken = 0;

  for (Instant now = 0; now <= 1'000'000; now += 13)
    taken += taken_at(bucket, now);

  BOOST_TEST(taken >= 1'000'000 / 700);
  BOOST_TEST(taken <= 1'000'000 / 700 + 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
