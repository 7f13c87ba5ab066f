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

BOOST_AUTO_TEST_CASE(the_buckets_follow_each_other_without_a_gap_four_to_a_power_of_two) {
  for (std::size_t bucket = 0; bucket + 1 < LatenessHistogram::buckets; ++bucket) {
    const std::chrono::nanoseconds limit = LatenessHistogram::limit_of(bucket);
    const LatenessHistogram histogram = histogram_of({limit.count() - 1, limit.count()});

    BOOST_TEST(histogram.counts[bucket] == 1u);
    BOOST_TEST(histogram.counts[bucket + 1] == 1u);
  }
  BOOST_CHECK(LatenessHistogram::limit_of(3) == 4us);
  BOOST_CHECK(LatenessHistogram::limit_of(7) == 8us);
  BOOST_CHECK(LatenessHistogram::limit_of(8) == 10us);
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

BOOST_AUTO_TEST_CASE(a_quantile_is_never_below_the_true_one_and_at_most_a_quarter_too_large) {
  LatenessHistogram histogram;
  for (std::int64_t microseconds = 1; microseconds <= 1000; ++microseconds)
    histogram.add(microseconds * 1000);

  for (const double share : {0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const double quantile = static_cast<double>(histogram.quantile(share).count());
    BOOST_TEST(quantile >= 1000 * share);
    BOOST_TEST(quantile <= 1.25 * (1000 * share + 1));
  }
}

BOOST_AUTO_TEST_CASE(the_extreme_shares_are_the_first_and_the_last_bucket_in_use) {
  const LatenessHistogram histogram = histogram_of({5'000, 300'000});

  BOOST_CHECK(histogram.quantile(0) == 6us);
  BOOST_CHECK(histogram.quantile(1) == 320us);
}

BOOST_AUTO_TEST_CASE(nothing_measured_is_no_lateness) {
  BOOST_CHECK(LatenessHistogram{}.quantile(0.5) == 0us);
  BOOST_CHECK(LatenessHistogram{}.quantile(1) == 0us);
}

BOOST_AUTO_TEST_CASE(histograms_add_up_bucket_by_bucket) {
  LatenessHistogram sum = histogram_of({500, 3'000});

  sum.add(histogram_of({700, 100'000}));

  BOOST_TEST(sum.counts[0] == 2u);
  BOOST_TEST(sum.counts[3] == 1u);
  BOOST_TEST(sum.counts[22] == 1u);
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
