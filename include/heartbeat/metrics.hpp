// SPDX-License-Identifier: BSL-1.0
// A registry's statistics under the names that a monitoring system shows them by: one list of metrics, which
// open_metrics.hpp writes as text and a program hands to the client library that it has already. The names, types and
// labels follow OpenMetrics: a counter's samples are called as its metric with `_total` behind.
// Read next: open_metrics.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <heartbeat/end.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat {

/// What a metric's value may do.
enum class MetricKind : std::uint8_t {
  counter,    ///< only grows
  gauge,      ///< goes up and down
  histogram,  ///< counts by size
};

/// One value of a metric.
struct MetricSample {
  std::string_view label_value;  ///< of the metric's label; empty if it has none
  double value;                  ///< as it was counted
};

/// How many of a histogram's values were not above a limit.
struct MetricBucket {
  double limit;         ///< the last one is infinity
  std::uint64_t count;  ///< of everything up to the limit, so it grows from bucket to bucket
};

/// One metric. The views are of literals.
struct Metric {
  std::string_view name;              ///< without `_total`
  MetricKind kind;                    ///< what the value may do
  std::string_view help;              ///< what it means, in a sentence
  std::string_view unit;              ///< empty: it counts things
  std::string_view label;             ///< what tells its samples apart; empty: it has one sample
  std::vector<MetricSample> samples;  ///< one for each value of the label
  std::vector<MetricBucket> buckets;  ///< of a histogram, in place of samples
  double sum = 0;                     ///< of a histogram's values
};

namespace detail {

[[nodiscard]] constexpr double seconds_of(std::chrono::nanoseconds span) noexcept {
  return std::chrono::duration<double>{span}.count();
}

// Limits of 64 us, four times that and so on to 268 s, each the limit of a bucket that the statistics have.
[[nodiscard]] inline std::vector<MetricBucket> buckets_of(const LatenessHistogram& histogram) {
  constexpr std::size_t first = 19;
  constexpr std::size_t step = 8;
  constexpr std::size_t last = 107;
  static_assert(LatenessHistogram::limit_of(first) == std::chrono::microseconds{64});
  static_assert(LatenessHistogram::limit_of(first + step) == std::chrono::microseconds{256});
  std::vector<MetricBucket> buckets;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < LatenessHistogram::buckets; ++i) {
    count += histogram.counts[i];
    if (i >= first && i <= last && (i - first) % step == 0) {
      buckets.push_back({seconds_of(LatenessHistogram::limit_of(i)), count});
    }
  }
  buckets.push_back({std::numeric_limits<double>::infinity(), count});
  return buckets;
}

[[nodiscard]] inline Metric counter(std::string_view name, std::uint64_t value, std::string_view help) {
  return {name, MetricKind::counter, help, {}, {}, {{{}, static_cast<double>(value)}}, {}};
}

[[nodiscard]] inline Metric gauge(std::string_view name, std::uint64_t value, std::string_view help) {
  return {name, MetricKind::gauge, help, {}, {}, {{{}, static_cast<double>(value)}}, {}};
}

// A counter of several things that exclude each other.
[[nodiscard]] inline Metric counters(std::string_view name, std::string_view label,
                                     std::initializer_list<std::pair<std::string_view, std::uint64_t>> values,
                                     std::string_view help) {
  Metric metric{name, MetricKind::counter, help, {}, label, {}, {}};
  for (const auto& [label_value, value] : values)
    metric.samples.push_back({label_value, static_cast<double>(value)});
  return metric;
}

[[nodiscard]] inline Metric ends_of(const Statistics& statistics) {
  Metric metric = counters("heartbeat_ended", "reason", {}, "Heartbeats that have ended, by reason.");
  for (std::size_t i = 0; i < statistics.ended.size(); ++i)
    metric.samples.push_back({to_string(static_cast<EndReason>(i)), static_cast<double>(statistics.ended[i])});
  return metric;
}

[[nodiscard]] inline Metric lateness_of(const LatenessHistogram& lateness) {
  return {"heartbeat_lateness_seconds", MetricKind::histogram, "How late beats were sent.", "seconds", {}, {},
          buckets_of(lateness),         lateness.sum.count()};
}

[[nodiscard]] inline Metric least_slack_of(std::chrono::nanoseconds slack) {
  const bool is_none = slack == std::chrono::nanoseconds::max();
  const double seconds = is_none ? std::numeric_limits<double>::infinity() : seconds_of(slack);
  return {"heartbeat_least_slack_seconds",
          MetricKind::gauge,
          "The least validity that was left when a beat was acknowledged.",
          "seconds",
          {},
          {{{}, seconds}},
          {}};
}

}  // namespace detail

/// The statistics as metrics, always the same ones in the same order. With no acknowledgement yet, the least slack is
/// infinite. Numbers above 2^53 are rounded, as Prometheus does.
///
/// Threading: a pure function. Allocates: the list. Throws: std::bad_alloc.
[[nodiscard]] inline std::vector<Metric> metrics(const Statistics& s) {
  using detail::counter;
  using detail::counters;
  using detail::gauge;
  return {
      counter("heartbeat_started", s.started, "Heartbeats started."),
      gauge("heartbeat_running", s.running, "Heartbeats that run."),
      detail::ends_of(s),
      counter("heartbeat_beats_sent", s.sent, "Beats sent."),
      counters("heartbeat_beats_settled", "outcome",
               {{"acknowledged", s.acknowledged},
                {"gone", s.gone},
                {"failed", s.failed},
                {"timed_out", s.timed_out},
                {"discarded", s.discarded}},
               "Beats sent that are no longer in flight, by what they came to."),
      gauge("heartbeat_beats_in_flight", s.in_flight, "Beats sent whose answers are waited for."),
      gauge("heartbeat_in_flight_limit", s.in_flight_limit, "How many beats and closes may be in flight."),
      counter("heartbeat_beats_starved", s.starved, "Beats that waited longer than a tick because of a limit."),
      counter("heartbeat_beats_not_sent", s.not_sent, "Beats not sent: an earlier call was stuck, or no memory."),
      counter("heartbeat_beats_skipped", s.skipped, "Beats skipped: they could not be sent in time."),
      counter("heartbeat_beats_withheld", s.withheld, "Beats withheld, because their owner showed no progress."),
      counter("heartbeat_time_gaps", s.time_gaps, "Times that the process was away."),
      detail::lateness_of(s.lateness),
      detail::least_slack_of(s.least_slack),
      counter("heartbeat_closes_wanted", s.closes_wanted, "Sessions that the server was to close."),
      counters("heartbeat_closes_settled", "outcome",
               {{"done", s.closes_done},
                {"failed", s.closes_failed},
                {"skipped", s.closes_skipped},
                {"withdrawn", s.closes_withdrawn}},
               "Closes no longer under way, by what they came to."),
      counter("heartbeat_closes_repeated", s.closes_repeated, "Closes sent again after a failure."),
      counter("heartbeat_late_answers", s.late_answers, "Answers to beats that nobody waited for any more."),
      counter("heartbeat_second_answers", s.second_answers, "Answers to beats that had been answered."),
      counter("heartbeat_transport_exceptions", s.threw, "Exceptions that the transport threw."),
      counter("heartbeat_events_told", s.events_told, "Events told to the sink."),
      counter("heartbeat_events_dropped", s.events_dropped, "Events dropped because the sink was behind; no ends."),
      counter("heartbeat_sink_exceptions", s.sink_threw, "Exceptions that the sink threw."),
  };
}

}  // namespace heartbeat
