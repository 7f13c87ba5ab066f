// SPDX-License-Identifier: BSL-1.0
// Reads one registry's statistics again and again, and says which promise of theirs is broken: sums that add up in each
// snapshot, counters that only grow from one to the next. Read next: ../../include/heartbeat/statistics.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <heartbeat/metrics.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat::testing {

/// Threading: one thread, which takes the snapshots too.
class StatisticsReader {
 public:
  /// What is wrong with the next snapshot; empty if nothing is.
  [[nodiscard]] std::string complaints_of(const Statistics& s) {
    std::string wrong;
    const auto sum_of = [](const auto& numbers) {
      return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
    };
    if (s.started != s.running + sum_of(s.ended)) wrong += "started; ";
    if (s.sent != s.acknowledged + s.gone + s.failed + s.timed_out + s.discarded + s.in_flight) wrong += "sent; ";
    if (s.sent != sum_of(s.lateness.counts)) wrong += "lateness; ";
    if (s.closes_wanted < s.closes_done + s.closes_failed + s.closes_skipped + s.closes_withdrawn) wrong += "closes; ";
    std::vector<double> growing = growing_of(s);
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (growing[i] < before_[i]) {
        wrong += "a counter shrinks; ";
        break;
      }
    }
    before_ = std::move(growing);
    if (s.least_slack > least_slack_) wrong += "the least slack grows; ";
    least_slack_ = s.least_slack;
    return wrong;
  }

 private:
  // Everything that metrics() calls a counter, and each bucket.
  static std::vector<double> growing_of(const Statistics& statistics) {
    std::vector<double> values;
    for (const Metric& metric : metrics(statistics)) {
      if (metric.kind == MetricKind::gauge) continue;
      for (const MetricSample& sample : metric.samples)
        values.push_back(sample.value);
      if (metric.kind == MetricKind::histogram) values.push_back(metric.sum);
    }
    for (const std::uint64_t count : statistics.lateness.counts)
      values.push_back(static_cast<double>(count));
    return values;
  }

  std::vector<double> before_;
  std::chrono::nanoseconds least_slack_ = std::chrono::nanoseconds::max();
};

}  // namespace heartbeat::testing
