// SPDX-License-Identifier: BSL-1.0
// A rate kept on average: the first one at once, a burst after a rest, and never more than the rate allows over time;
// whoever comes too early knows when his turn is.
#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/token_bucket.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(token_bucket)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(without_a_rate_there_is_always_a_token) {
  TokenBucket bucket{{}};

  for (Instant now = 0; now < 1'000; ++now)
    BOOST_REQUIRE_EQUAL(bucket.take(now / 10), now / 10);
  BOOST_TEST(bucket.take(3) == 3, "a shard that waited for its lock brings an old time along");
}

BOOST_AUTO_TEST_CASE(the_first_comes_at_once_and_the_next_a_period_later) {
  TokenBucket bucket{{.period = 1000}};

  BOOST_TEST(bucket.take(0) == 0);
  BOOST_TEST(bucket.take(0) == 1000);
  BOOST_TEST(bucket.take(0) == 2000);
  BOOST_TEST(bucket.take(2500) == 3000);
}

BOOST_AUTO_TEST_CASE(after_a_rest_of_any_length_there_is_one_burst) {
  TokenBucket bucket{{.period = 1000, .burst = 5000}};
  (void)bucket.take(0);
  constexpr Instant late = 1'000'000'000;

  for (int i = 0; i < 5; ++i)
    BOOST_TEST(bucket.take(late) <= late);
  BOOST_TEST(bucket.take(late) == late + 1000);
  BOOST_TEST(bucket.take(late + 3500) <= late + 3500);
}

BOOST_AUTO_TEST_CASE(over_time_there_are_no_more_and_no_fewer_than_the_rate_says) {
  TokenBucket bucket{{.period = 700, .burst = 10'000}};
  int taken = 0;
  Instant mine = bucket.take(0);

  for (Instant now = 0; now <= 1'000'000; now += 13) {
    for (; mine <= now; mine = bucket.take(now))
      ++taken;
  }

  BOOST_TEST(taken >= 1'000'000 / 700);
  BOOST_TEST(taken <= 1'000'000 / 700 + 1);
}

BOOST_AUTO_TEST_CASE(threads_that_take_at_once_get_each_their_own) {
  TokenBucket bucket{{.period = 10}};
  constexpr std::size_t each = 10'000;
  std::vector<std::vector<Instant>> taken(4);

  std::vector<std::thread> threads;
  for (std::vector<Instant>& mine : taken) {
    threads.emplace_back([&bucket, &mine] {
      for (std::size_t i = 0; i < each; ++i)
        mine.push_back(bucket.take(0));
    });
  }
  for (std::thread& thread : threads)
    thread.join();

  std::vector<Instant> all;
  for (const std::vector<Instant>& mine : taken)
    all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i)
    BOOST_REQUIRE_EQUAL(all[i], static_cast<Instant>(10 * i));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
