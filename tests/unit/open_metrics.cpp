// SPDX-License-Identifier: BSL-1.0
// Statistics as text, line by line: both formats, several registries in one text, labels whatever is in them, numbers
// whatever the locale. Read next: ../observability/prometheus.cpp, what Prometheus itself says to it.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/open_metrics.hpp>
#include <heartbeat/statistics.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(open_metrics)

using namespace std::chrono_literals;
using heartbeat::LabelledStatistics;
using heartbeat::metrics_text;
using heartbeat::MetricsFormat;
using heartbeat::Statistics;
using Labels = std::vector<std::pair<std::string, std::string>>;

Statistics counted() {
  Statistics s;
  s.started = 3;
  s.running = 2;
  s.ended[static_cast<std::size_t>(heartbeat::EndReason::gone)] = 1;
  s.sent = 12'000'000;
  s.least_slack = 1500ms;
  s.lateness.add(3'000'000);
  s.lateness.add(90'000);
  return s;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

// The lines about one metric: its description and its samples.
std::vector<std::string> about(const std::string& text, std::string_view name) {
  std::vector<std::string> lines;
  for (const std::string& line : lines_of(text))
    if (line.find(name) != line.npos) lines.push_back(line);
  return lines;
}

// The labels of one metric that has no others.
std::string labels_of(Labels labels) {
  const std::string line =
      about(metrics_text({{std::move(labels), {}}}), "heartbeat_running").back();  // heartbeat_running{…} 0
  return line.substr(17, line.size() - 19);
}

using Lines = std::vector<std::string>;

BOOST_AUTO_TEST_CASE(a_counter_has_total_behind_its_samples_alone) {
  const std::string text = metrics_text({{{}, counted()}});

  BOOST_TEST(about(text, "heartbeat_beats_sent") ==
                 (Lines{"# TYPE heartbeat_beats_sent counter", "# HELP heartbeat_beats_sent Beats sent.",
                        "heartbeat_beats_sent_total 12000000"}),
             boost::test_tools::per_element());
  BOOST_TEST(about(text, "heartbeat_running") ==
                 (Lines{"# TYPE heartbeat_running gauge", "# HELP heartbeat_running Heartbeats that run.",
                        "heartbeat_running 2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_metric_with_a_label_has_a_sample_for_each_of_its_values) {
  const std::string text = metrics_text({{{{"pool", "a"}}, counted()}});

  BOOST_TEST(about(text, "heartbeat_ended") == (Lines{"# TYPE heartbeat_ended counter",
                                                      "# HELP heartbeat_ended Heartbeats that have ended, by reason.",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"stopped\"} 0",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"parent_cancelled\"} 0",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"gone\"} 1",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"failed\"} 0",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"stalled\"} 0",
                                                      "heartbeat_ended_total{pool=\"a\",reason=\"shut_down\"} 0"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_unit_is_told_and_a_histogram_ends_with_its_count_and_sum) {
  const std::string text = metrics_text({{{}, counted()}});

  BOOST_TEST(about(text, "heartbeat_lateness_seconds") ==
                 (Lines{"# TYPE heartbeat_lateness_seconds histogram", "# UNIT heartbeat_lateness_seconds seconds",
                        "# HELP heartbeat_lateness_seconds How late beats were sent.",
                        "heartbeat_lateness_seconds_bucket{le=\"6.4e-05\"} 0",
                        "heartbeat_lateness_seconds_bucket{le=\"0.000256\"} 1",
                        "heartbeat_lateness_seconds_bucket{le=\"0.001024\"} 1",
                        "heartbeat_lateness_seconds_bucket{le=\"0.004096\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"0.016384\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"0.065536\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"0.262144\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"1.048576\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"4.194304\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"16.777216\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"67.108864\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"268.435456\"} 2",
                        "heartbeat_lateness_seconds_bucket{le=\"+Inf\"} 2", "heartbeat_lateness_seconds_count 2",
                        "heartbeat_lateness_seconds_sum 0.00309"}),
             boost::test_tools::per_element());
  BOOST_TEST(about(text, "heartbeat_least_slack_seconds").back() == "heartbeat_least_slack_seconds 1.5");
  BOOST_TEST(about(metrics_text({{{}, {}}}), "heartbeat_least_slack_seconds").back() ==
             "heartbeat_least_slack_seconds +Inf");
}

BOOST_AUTO_TEST_CASE(open_metrics_ends_with_eof_and_every_line_ends) {
  const std::string text = metrics_text({{{}, counted()}});

  BOOST_TEST(text.substr(text.size() - 7) == "\n# EOF\n");
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == static_cast<std::ptrdiff_t>(lines_of(text).size()));
  BOOST_TEST(metrics_text({}) == "# EOF\n");
  BOOST_TEST(metrics_text({}, MetricsFormat::prometheus).empty());
}

BOOST_AUTO_TEST_CASE(the_older_format_names_counters_with_total_and_has_neither_unit_nor_eof) {
  const std::string text = metrics_text({{{}, counted()}}, MetricsFormat::prometheus);

  BOOST_TEST(about(text, "heartbeat_beats_sent") ==
                 (Lines{"# TYPE heartbeat_beats_sent_total counter", "# HELP heartbeat_beats_sent_total Beats sent.",
                        "heartbeat_beats_sent_total 12000000"}),
             boost::test_tools::per_element());
  BOOST_TEST(about(text, "# UNIT").empty());
  BOOST_TEST(about(text, "# EOF").empty());
}

BOOST_AUTO_TEST_CASE(several_registries_share_each_metric_s_description) {
  const std::string text = metrics_text({{{{"pool", "a"}}, counted()}, {{{"pool", "b"}}, {}}});

  BOOST_TEST(about(text, "heartbeat_running") ==
                 (Lines{"# TYPE heartbeat_running gauge", "# HELP heartbeat_running Heartbeats that run.",
                        "heartbeat_running{pool=\"a\"} 2", "heartbeat_running{pool=\"b\"} 0"}),
             boost::test_tools::per_element());
  std::vector<std::string> described = about(text, "# TYPE ");
  std::sort(described.begin(), described.end());
  BOOST_TEST((std::adjacent_find(described.begin(), described.end()) == described.end()));
}

BOOST_AUTO_TEST_CASE(labels_are_sorted_by_name_and_their_values_escaped) {
  BOOST_TEST(labels_of({{"b", "2"}, {"a", "1"}}) == "{a=\"1\",b=\"2\"}");
  BOOST_TEST(labels_of({{"a", "x\"y\\z\nü"}}) == "{a=\"x\\\"y\\\\z\\nü\"}");
  BOOST_TEST(labels_of({{"_a9", ""}}) == "{_a9=\"\"}");
}

BOOST_AUTO_TEST_CASE(labels_that_no_metric_may_have_are_refused) {
  for (const char* name : {"", "9a", "a-b", "a b", "ü", "__name__", "le", "reason", "outcome"})
    BOOST_CHECK_THROW(labels_of({{name, "x"}}), std::invalid_argument);
  BOOST_CHECK_THROW(labels_of({{"a", "1"}, {"a", "2"}}), std::invalid_argument);
  const std::vector<LabelledStatistics> twice{{{{"a", "1"}, {"b", "2"}}, {}}, {{{"b", "2"}, {"a", "1"}}, {}}};
  BOOST_CHECK_THROW(static_cast<void>(metrics_text(twice)), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_global_locale_changes_nothing) {
  struct German : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::string expected = metrics_text({{{}, counted()}});
  const std::locale before = std::locale::global(std::locale{std::locale::classic(), new German});

  const std::string text = metrics_text({{{}, counted()}});
  std::locale::global(before);

  BOOST_TEST(text == expected);
}

BOOST_AUTO_TEST_CASE(the_content_type_names_the_format) {
  BOOST_TEST(content_type(MetricsFormat::open_metrics) == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  BOOST_TEST(content_type(MetricsFormat::prometheus) == "text/plain; version=0.0.4; charset=utf-8");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
