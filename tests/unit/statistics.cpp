// SPDX-License-Identifier: BSL-1.0
// The counters as a value: the histogram's buckets and quantiles, the sums, and a start from nothing.
#include <chrono>
#include <cstdint>
#include <limits>
#include <numeric>

#include <boost/test/unit_test.hpp>

#include <heartbeat/statistics.hpp>

namespace {

using namespace std::chrono_literals;
using heartbeat::EndReason;
using heartbeat::LatenessHistogram;
using heartbeat::Statistics;

LatenessHistogram histogram_of(std::initializer_list<std::int64_t> nanoseconds) {
  LatenessHistogram histogram;
  for (const std::int64_t lateness : nanoseconds)
    histogram.add(lateness);
  return histogram;
}

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(a_bucket_holds_what_is_below_its_power_of_two_of_a_microsecond) {
  const LatenessHistogram histogram = histogram_of({0, 999, 1'000, 1'999, 2'000, 3'999, 4'000});

  BOOST_TEST(histogram.counts[0] == 2u);
  BOOST_TEST(histogram.counts[1] == 2u);
  BOOST_TEST(histogram.counts[2] == 2u);
  BOOST_TEST(histogram.counts[3] == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_early_counts_as_punctual) {
  BOOST_TEST(histogram_of({-1, std::numeric_limits<std::int64_t>::min()}).counts[0] == 2u);
}

BOOST_AUTO_TEST_CASE(the_last_bucket_takes_everything_that_is_left) {
  const LatenessHistogram histogram = histogram_of({std::numeric_limits<std::int64_t>::max()});

  BOOST_TEST(histogram.counts[LatenessHistogram::buckets - 1] == 1u);
}

BOOST_AUTO_TEST_CASE(every_value_is_counted_once) {
  LatenessHistogram histogram;
  for (std::int64_t lateness = 1; lateness < std::numeric_limits<std::int64_t>::max() / 3; lateness *= 3)
    histogram.add(lateness);

  const auto total = std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::uint64_t{0});

  BOOST_TEST(total == 39u);
}

BOOST_AUTO_TEST_CASE(a_quantile_is_never_below_the_true_one_and_less_than_twice_as_much) {
  LatenessHistogram histogram;
  for (std::int64_t microseconds = 1; microseconds <= 1000; ++microseconds)
    histogram.add(microseconds * 1000);

  for (const double share : {0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const double quantile = static_cast<double>(histogram.quantile(share).count());
    BOOST_TEST(quantile >= 1000 * share);
    BOOST_TEST(quantile <= 2 * (1000 * share + 1));
  }
}

BOOST_AUTO_TEST_CASE(the_extreme_shares_are_the_first_and_the_last_bucket_in_use) {
  const LatenessHistogram histogram = histogram_of({5'000, 300'000});

  BOOST_CHECK(histogram.quantile(0) == 8us);
  BOOST_CHECK(histogram.quantile(1) == 512us);
}

BOOST_AUTO_TEST_CASE(nothing_measured_is_no_lateness) {
  BOOST_CHECK(LatenessHistogram{}.quantile(0.5) == 0us);
  BOOST_CHECK(LatenessHistogram{}.quantile(1) == 0us);
}

BOOST_AUTO_TEST_CASE(histograms_add_up_bucket_by_bucket) {
  LatenessHistogram sum = histogram_of({500, 3'000});

  sum.add(histogram_of({700, 100'000}));

  BOOST_TEST(sum.counts[0] == 2u);
  BOOST_TEST(sum.counts[2] == 1u);
  BOOST_TEST(sum.counts[7] == 1u);
}

BOOST_AUTO_TEST_CASE(ends_are_counted_by_reason) {
  Statistics statistics;
  statistics.ended[static_cast<std::size_t>(EndReason::gone)] = 3;

  BOOST_TEST(statistics.ended_for(EndReason::gone) == 3u);
  BOOST_TEST(statistics.ended_for(EndReason::stalled) == 0u);
  BOOST_TEST(statistics.ended.size() == static_cast<std::size_t>(EndReason::shut_down) + 1);
}

BOOST_AUTO_TEST_CASE(a_new_registry_has_lost_no_slack) {
  BOOST_CHECK(Statistics{}.least_slack == std::chrono::nanoseconds::max());
  BOOST_TEST(Statistics{}.sent == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
