// SPDX-License-Identifier: BSL-1.0
// The counters as a value: the histogram's buckets and quantiles, the sums, a start from nothing, and what every
// snapshot promises.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "../observability/statistics_reader.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(statistics)

using namespace std::chrono_literals;
using heartbeat::BeatResult;
using heartbeat::EndReason;
using heartbeat::LatenessHistogram;
using heartbeat::Statistics;

LatenessHistogram histogram_of(std::initializer_list<std::int64_t> nanoseconds) {
  LatenessHistogram histogram;
  for (const std::int64_t lateness : nanoseconds)
    histogram.add(lateness);
  return histogram;
}

// Answers each beat somehow, or not; some close calls fail.
class Server {
 public:
  void async_beat(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    if (unanswered_.size() > 3) unanswered_.pop_front();  // answers late
    switch (++calls_ % 10) {
      case 3: return completion(BeatResult::failed(std::make_error_code(std::errc::timed_out)));
      case 5: unanswered_.push_back(std::move(completion)); return;
      case 7: return completion(calls_ > 200 ? BeatResult::gone() : BeatResult::acknowledged(40s));
      default: return completion(BeatResult::acknowledged());
    }
  }
  void async_close(const int& key, const heartbeat::BeatContext&, heartbeat::CloseCompletion completion) {
    completion(key % 2 == 0 ? std::error_code{} : std::make_error_code(std::errc::io_error));
  }

 private:
  int calls_ = 0;
  std::deque<heartbeat::BeatCompletion> unanswered_;
};

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

  const std::chrono::nanoseconds limit = LatenessHistogram::limit_of(LatenessHistogram::buckets - 1);
  BOOST_TEST(histogram_of({limit.count()}).counts[LatenessHistogram::buckets - 1] == 1u, "the first beyond the limits");
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

BOOST_AUTO_TEST_CASE(what_all_were_late_together_is_kept_beside_the_counts) {
  LatenessHistogram histogram = histogram_of({-5, 1'500'000'000});
  BOOST_TEST(histogram.sum.count() == 1.5);

  histogram.add(histogram_of({500'000'000}));

  BOOST_TEST(histogram.sum.count() == 2.0);
}

BOOST_AUTO_TEST_CASE(a_sum_of_the_greatest_latenesses_neither_overflows_nor_shrinks) {
  LatenessHistogram histogram;
  for (int i = 0; i < 2000; ++i) {
    const auto before = histogram.sum;
    histogram.add(std::numeric_limits<std::int64_t>::max());
    BOOST_REQUIRE(histogram.sum > before);
  }
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

// What a registry's snapshot promises, at each step of a session that is answered, fails, times out and is closed.
BOOST_AUTO_TEST_CASE(the_sums_add_up_in_every_snapshot_and_counters_only_grow) {
  heartbeat::testing::ManualClock clock;
  heartbeat::testing::ManualExecutor executor{clock, 1};
  heartbeat::HeartbeatRegistry<int, Server, heartbeat::testing::ManualClock, heartbeat::testing::ManualExecutor>
      registry{Server{}, clock, executor, {}, {.seed = 1, .shards = 4}};
  std::vector<decltype(registry)::Handle> handles;
  heartbeat::testing::StatisticsReader reader;
  for (int key = 0; key < 40; ++key) {
    handles.push_back(registry.start(key, {.interval = 5s, .ttl = 30s}));
    BOOST_TEST(reader.complaints_of(registry.statistics()) == "");
  }

  for (int step = 0; step < 400; ++step) {
    executor.run_for(250ms);
    if (step % 20 == 19) handles.pop_back();
    BOOST_TEST(reader.complaints_of(registry.statistics()) == "");
  }

  const Statistics statistics = registry.statistics();
  BOOST_TEST(statistics.started == 40u);
  BOOST_TEST(statistics.acknowledged > 0u);
  BOOST_TEST(statistics.failed > 0u);
  BOOST_TEST(statistics.timed_out > 0u);
  BOOST_TEST(statistics.late_answers > 0u);
  BOOST_TEST(statistics.ended_for(EndReason::gone) > 0u);
  BOOST_TEST(statistics.ended_for(EndReason::stopped) > 0u);
}

BOOST_AUTO_TEST_CASE(a_reader_would_notice_a_sum_that_is_off_and_a_counter_that_shrinks) {
  heartbeat::testing::StatisticsReader reader;
  Statistics statistics;
  statistics.started = 2;
  BOOST_TEST(reader.complaints_of(statistics) == "started; ");
  statistics.running = 2;
  statistics.sent = 1;
  BOOST_TEST(reader.complaints_of(statistics) == "sent; lateness; ");
  statistics.in_flight = 1;
  statistics.lateness.add(0);
  statistics.threw = 1;
  BOOST_TEST(reader.complaints_of(statistics) == "");
  statistics.threw = 0;
  statistics.least_slack = 1s;
  statistics.closes_done = 1;
  BOOST_TEST(reader.complaints_of(statistics) == "closes; a counter shrinks; ");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
