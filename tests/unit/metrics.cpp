// SPDX-License-Identifier: BSL-1.0
// Statistics as metrics: every number is there once, under a name that OpenMetrics allows, and the histogram's buckets
// are sums of the statistics' own. Read next: open_metrics.cpp.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <heartbeat/metrics.hpp>
#include <heartbeat/statistics.hpp>

BOOST_AUTO_TEST_SUITE(metrics)

namespace {

using namespace std::chrono_literals;
using heartbeat::Metric;
using heartbeat::MetricKind;
using heartbeat::metrics;
using heartbeat::Statistics;

Metric found(const Statistics& statistics, std::string_view name) {
  for (const Metric& metric : metrics(statistics))
    if (metric.name == name) return metric;
  throw std::runtime_error{"no metric " + std::string{name}};
}

double value_of(const Statistics& statistics, std::string_view name, std::string_view label_value = {}) {
  for (const auto& sample : found(statistics, name).samples)
    if (sample.label_value == label_value) return sample.value;
  throw std::runtime_error{"no sample " + std::string{label_value} + " of " + std::string{name}};
}

// Each counter of the statistics holds a number of its own.
Statistics all_different() {
  Statistics s;
  std::uint64_t next = 101;
  for (std::uint64_t* counter :
       {&s.started,      &s.running,        &s.sent,           &s.acknowledged,     &s.gone,
        &s.failed,       &s.timed_out,      &s.discarded,      &s.in_flight,        &s.starved,
        &s.not_sent,     &s.skipped,        &s.withheld,       &s.time_gaps,        &s.closes_wanted,
        &s.closes_done,  &s.closes_failed,  &s.closes_skipped, &s.closes_withdrawn, &s.closes_repeated,
        &s.late_answers, &s.second_answers, &s.threw,          &s.events_told,      &s.events_dropped,
        &s.sink_threw,   &s.in_flight_limit})
    *counter = next++;
  for (std::uint64_t& counter : s.ended)
    counter = next++;
  s.least_slack = std::chrono::seconds{next++};
  s.lateness.counts[0] = next++;
  return s;
}

// As many 8-byte words as there are: a counter that is added to Statistics is missed here.
constexpr std::size_t numbers = 27 + 6 + 1 + 1;
static_assert(sizeof(Statistics) == (numbers - 1 + heartbeat::LatenessHistogram::buckets + 1) * 8);

}  // namespace

BOOST_AUTO_TEST_CASE(every_number_of_the_statistics_is_told_once) {
  std::multiset<double> told;
  for (const Metric& metric : heartbeat::metrics(all_different())) {
    for (const auto& sample : metric.samples)
      told.insert(sample.value);
    if (!metric.buckets.empty()) told.insert(static_cast<double>(metric.buckets.back().count));
  }

  BOOST_TEST(told.size() == numbers);
  for (std::size_t i = 0; i < numbers; ++i)
    BOOST_TEST(told.count(static_cast<double>(101 + i)) == 1u, "number " << 101 + i);
}

BOOST_AUTO_TEST_CASE(each_number_stands_under_its_own_name) {
  const Statistics s = all_different();

  BOOST_TEST(value_of(s, "heartbeat_started") == static_cast<double>(s.started));
  BOOST_TEST(value_of(s, "heartbeat_running") == static_cast<double>(s.running));
  BOOST_TEST(value_of(s, "heartbeat_beats_sent") == static_cast<double>(s.sent));
  BOOST_TEST(value_of(s, "heartbeat_beats_settled", "acknowledged") == static_cast<double>(s.acknowledged));
  BOOST_TEST(value_of(s, "heartbeat_beats_settled", "gone") == static_cast<double>(s.gone));
  BOOST_TEST(value_of(s, "heartbeat_beats_settled", "failed") == static_cast<double>(s.failed));
  BOOST_TEST(value_of(s, "heartbeat_beats_settled", "timed_out") == static_cast<double>(s.timed_out));
  BOOST_TEST(value_of(s, "heartbeat_beats_settled", "discarded") == static_cast<double>(s.discarded));
  BOOST_TEST(value_of(s, "heartbeat_beats_in_flight") == static_cast<double>(s.in_flight));
  BOOST_TEST(value_of(s, "heartbeat_in_flight_limit") == static_cast<double>(s.in_flight_limit));
  BOOST_TEST(value_of(s, "heartbeat_beats_starved") == static_cast<double>(s.starved));
  BOOST_TEST(value_of(s, "heartbeat_beats_not_sent") == static_cast<double>(s.not_sent));
  BOOST_TEST(value_of(s, "heartbeat_beats_skipped") == static_cast<double>(s.skipped));
  BOOST_TEST(value_of(s, "heartbeat_beats_withheld") == static_cast<double>(s.withheld));
  BOOST_TEST(value_of(s, "heartbeat_time_gaps") == static_cast<double>(s.time_gaps));
  BOOST_TEST(value_of(s, "heartbeat_closes_wanted") == static_cast<double>(s.closes_wanted));
  BOOST_TEST(value_of(s, "heartbeat_closes_settled", "done") == static_cast<double>(s.closes_done));
  BOOST_TEST(value_of(s, "heartbeat_closes_settled", "failed") == static_cast<double>(s.closes_failed));
  BOOST_TEST(value_of(s, "heartbeat_closes_settled", "skipped") == static_cast<double>(s.closes_skipped));
  BOOST_TEST(value_of(s, "heartbeat_closes_settled", "withdrawn") == static_cast<double>(s.closes_withdrawn));
  BOOST_TEST(value_of(s, "heartbeat_closes_repeated") == static_cast<double>(s.closes_repeated));
  BOOST_TEST(value_of(s, "heartbeat_late_answers") == static_cast<double>(s.late_answers));
  BOOST_TEST(value_of(s, "heartbeat_second_answers") == static_cast<double>(s.second_answers));
  BOOST_TEST(value_of(s, "heartbeat_transport_exceptions") == static_cast<double>(s.threw));
  BOOST_TEST(value_of(s, "heartbeat_events_told") == static_cast<double>(s.events_told));
  BOOST_TEST(value_of(s, "heartbeat_events_dropped") == static_cast<double>(s.events_dropped));
  BOOST_TEST(value_of(s, "heartbeat_sink_exceptions") == static_cast<double>(s.sink_threw));
  for (std::size_t i = 0; i < s.ended.size(); ++i)
    BOOST_TEST(value_of(s, "heartbeat_ended", to_string(static_cast<heartbeat::EndReason>(i))) ==
               static_cast<double>(s.ended[i]));
}

BOOST_AUTO_TEST_CASE(names_are_as_open_metrics_wants_them) {
  std::set<std::string_view> names;
  for (const Metric& metric : heartbeat::metrics({})) {
    BOOST_TEST(names.insert(metric.name).second, metric.name << " is there twice");
    BOOST_TEST(metric.name.substr(0, 10) == "heartbeat_");
    BOOST_TEST(metric.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == metric.name.npos);
    BOOST_TEST((metric.name.size() < 6 || metric.name.substr(metric.name.size() - 6) != "_total"));
    BOOST_TEST(!metric.help.empty());
    if (!metric.unit.empty()) BOOST_TEST(metric.name.substr(metric.name.size() - metric.unit.size()) == metric.unit);
    BOOST_TEST((metric.kind == MetricKind::histogram) == metric.samples.empty());
    BOOST_TEST((metric.kind == MetricKind::histogram) == !metric.buckets.empty());
  }
}

BOOST_AUTO_TEST_CASE(the_lateness_is_a_histogram_from_64_us_to_268_s_in_steps_of_four) {
  Statistics s;
  s.lateness.add(std::chrono::nanoseconds{63us}.count());
  s.lateness.add(std::chrono::nanoseconds{255us}.count());
  s.lateness.add(std::chrono::nanoseconds{256us}.count());
  s.lateness.add(std::chrono::nanoseconds{1h}.count());

  const Metric metric = found(s, "heartbeat_lateness_seconds");

  BOOST_REQUIRE(metric.buckets.size() == 13u);
  double limit = 64e-6;
  for (std::size_t i = 0; i < 12; ++i, limit *= 4) {
    BOOST_TEST(std::abs(metric.buckets[i].limit - limit) < 1e-9);
    BOOST_TEST(metric.buckets[i].count == (i == 0 ? 1u : i == 1 ? 2u : 3u));
  }
  BOOST_TEST(std::isinf(metric.buckets[12].limit));
  BOOST_TEST(metric.buckets[12].count == 4u);
  BOOST_TEST(std::abs(metric.sum - 3600.000574) < 1e-9);
}

BOOST_AUTO_TEST_CASE(the_least_slack_is_infinite_until_there_is_one_and_may_be_negative) {
  Statistics s;
  BOOST_TEST(std::isinf(value_of(s, "heartbeat_least_slack_seconds")));

  s.least_slack = -1500ms;

  BOOST_TEST(value_of(s, "heartbeat_least_slack_seconds") == -1.5);
}

BOOST_AUTO_TEST_SUITE_END()
