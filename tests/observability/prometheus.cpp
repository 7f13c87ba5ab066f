// SPDX-License-Identifier: BSL-1.0
// A real Prometheus scrapes our example and our own text, and is asked what it has understood; promtool, its linter,
// has nothing to object to; and every expression of the Grafana dashboard has a value. Read next:
// ../../examples/prometheus_metrics.cpp.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#define BOOST_BIND_GLOBAL_PLACEHOLDERS  // what property_tree of Boost 1.74 includes tells of it otherwise
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/open_metrics.hpp>
#include <heartbeat/statistics.hpp>

#include "../servers/process.hpp"
#include "http.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(prometheus)

using namespace heartbeat::testing;  // NOLINT
using boost::property_tree::ptree;
using heartbeat::BootClock;
using heartbeat::metrics_text;
using heartbeat::MetricsFormat;
using heartbeat::Statistics;

// The port at the end of `text`, before `end`.
std::uint16_t port_in(const std::string& text, std::string_view end = {}) {
  const std::size_t colon = text.rfind(':');
  BOOST_REQUIRE_MESSAGE(colon != text.npos && text.substr(text.size() - end.size()) == end, "no port in " << text);
  return static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)));
}

ptree parsed(const std::string& json) {
  std::istringstream in{json};
  ptree tree;
  boost::property_tree::read_json(in, tree);  // throws for what is no JSON
  return tree;
}

// A folder that is there as long as the object.
class Folder {
 public:
  Folder() : path_{(std::filesystem::temp_directory_path() / "heartbeat-prometheus-XXXXXX").string()} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"cannot make " + path_};
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A Prometheus that scrapes one port each second, on a free port of its own, with data of its own.
class Prometheus {
 public:
  explicit Prometheus(std::uint16_t scraped) : process_{{"sh", "-c", command(scraped)}} {
    std::string line;
    do {
      line = process_.read_line();
      said_ += line + '\n';
    } while (line.find("msg=\"Listening on\"") == line.npos);
    port_ = port_in(line);
  }

  // The values of an expression by their labels `name`; nothing where it is not ready or has none.
  std::map<std::string, double> ask(const std::string& expression, const std::string& name = "instance") const {
    const HttpAnswer answer = http_get(port_, "/api/v1/query?query=" + url_encoded(expression));
    if (answer.status == 503) return {};  // still reads its own log
    const ptree tree = parsed(answer.body);
    if (answer.status != 200) {
      throw std::runtime_error{expression + ": " + tree.get<std::string>("error", answer.body)};
    }
    std::map<std::string, double> values;
    for (const auto& [none, series] : tree.get_child("data.result"))
      values[series.get<std::string>("metric." + name, "")] = std::stod(series.get_child("value").back().second.data());
    return values;
  }

  // What it has read of a metric's description; nothing before it has.
  std::optional<ptree> description_of(const std::string& metric) const {
    const ptree tree = parsed(http_get(port_, "/api/v1/metadata?metric=" + metric).body);
    const auto found = tree.get_child_optional(ptree::path_type{"data/" + metric, '/'});
    return found ? std::optional{found->front().second} : std::nullopt;
  }

 private:
  std::string command(std::uint16_t scraped) const {
    std::ofstream{folder_.path() + "/prometheus.yml"}
        << "global: {scrape_interval: 1s}\n"
           "scrape_configs: [{job_name: test, static_configs: [{targets: ['127.0.0.1:"
        << scraped << "']}]}]\n";
    return "exec prometheus --config.file=" + folder_.path() + "/prometheus.yml --storage.tsdb.path=" + folder_.path() +
           "/data --web.listen-address=127.0.0.1:0 2>&1";
  }

  Folder folder_;  // dies after the process
  Process process_;
  std::string said_;
  std::uint16_t port_ = 0;
};

// True once `done()` is; false if it is not within the limit. Each look is a request to another process.
template <class Done>
[[nodiscard]] bool eventually(Done done) {
  const auto limit = BootClock::now() + patience;
  while (!done()) {
    if (BootClock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

// The example, which serves its metrics until it is told to end.
class Example {
 public:
  Example() : process_{{HEARTBEAT_METRICS_EXAMPLE}}, port_{port_in(process_.read_line(), "/metrics")} {}

  [[nodiscard]] std::uint16_t port() const { return port_; }

  [[nodiscard]] int end() {
    process_.write_line("");
    return process_.wait();
  }

 private:
  Process process_;
  std::uint16_t port_;
};

// Its lines and its exit status, given a text of metrics.
std::string promtool_on(std::string_view text) {
  Process promtool{{"sh", "-c", "promtool check metrics 2>&1; echo status $?"}};
  promtool.write_line(text.substr(0, text.size() - 1));
  promtool.close_input();
  std::string said;
  while (said.find("status ") == said.npos)
    said += promtool.read_line() + '\n';
  return said;
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex name{"heartbeat_[a-z0-9_]+"};
  std::set<std::string> names;
  for (std::sregex_iterator i{text.begin(), text.end(), name}, end; i != end; ++i)
    names.insert(i->str());
  return names;
}

// Every expression of the dashboard, with values for its variables.
std::vector<std::string> expressions_of(const ptree& dashboard) {
  std::vector<std::string> expressions;
  for (const auto& [none, panel] : dashboard.get_child("panels"))
    for (const auto& [nothing, target] : panel.get_child("targets")) {
      std::string expression = target.get<std::string>("expr");
      expression = std::regex_replace(expression, std::regex{"[$]__rate_interval"}, "1m");
      expressions.push_back(std::regex_replace(expression, std::regex{"[$]instance"}, ".*"));
    }
  return expressions;
}

std::string dashboard_text() {
  std::ifstream file{HEARTBEAT_DASHBOARD};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Statistics counted() {
  Statistics s;
  s.started = 3;
  s.running = 2;
  s.ended[static_cast<std::size_t>(heartbeat::EndReason::gone)] = 1;
  s.sent = 12'000'000;
  s.lateness.add(3'000'000);
  return s;
}

BOOST_AUTO_TEST_CASE(prometheus_scrapes_the_example_and_knows_how_its_sessions_are) {
  Example example;
  Prometheus prometheus{example.port()};

  BOOST_TEST(eventually([&] { return prometheus.ask("heartbeat_ended_total{reason='gone'} == 10").size() == 1; }));
  BOOST_TEST(prometheus.ask("heartbeat_running == 90").size() == 1U);
  BOOST_TEST(prometheus.ask("heartbeat_started_total == 100").size() == 1U);
  BOOST_TEST(eventually([&] { return prometheus.ask("heartbeat_beats_sent_total > 400").size() == 1; }));
  BOOST_TEST(eventually([&] { return prometheus.ask("rate(heartbeat_beats_sent_total[1m]) > 0").size() == 1; }));
  BOOST_TEST(prometheus.ask("heartbeat_lateness_seconds_count == heartbeat_beats_sent_total").size() == 1U);
  BOOST_TEST(example.end() == 0);
}

BOOST_AUTO_TEST_CASE(prometheus_reads_our_own_text_as_open_metrics) {
  const std::string text = metrics_text({{{{"pool", "a \"b\" \\ c\nd"}}, counted()}, {{{"pool", "e"}}, {}}});
  const HttpResponder responder{content_type(MetricsFormat::open_metrics), text};
  Prometheus prometheus{responder.port()};

  BOOST_TEST(eventually([&] { return prometheus.ask("up == 1").size() == 1; }));

  const auto sent = prometheus.ask("heartbeat_beats_sent_total", "pool");
  BOOST_TEST((sent == std::map<std::string, double>{{"a \"b\" \\ c\nd", 12e6}, {"e", 0}}));
  BOOST_TEST(prometheus.ask("heartbeat_ended_total{pool!='e'}", "reason").at("gone") == 1);
  BOOST_TEST(prometheus.ask("heartbeat_lateness_seconds_bucket{pool!='e',le='0.004096'}").begin()->second == 1);
  BOOST_TEST(prometheus.ask("heartbeat_lateness_seconds_sum{pool!='e'}").begin()->second == 0.003);
  // Only where it was read as OpenMetrics is there a unit, and a counter described without its `_total`.
  std::optional<ptree> lateness;
  BOOST_REQUIRE(eventually([&] { return (lateness = prometheus.description_of("heartbeat_lateness_seconds")); }));
  BOOST_TEST(lateness->get<std::string>("unit") == "seconds");
  BOOST_TEST(lateness->get<std::string>("type") == "histogram");
  BOOST_TEST(prometheus.description_of("heartbeat_beats_sent").value().get<std::string>("type") == "counter");
}

BOOST_AUTO_TEST_CASE(prometheus_reads_our_own_text_in_its_older_format) {
  const std::string text = metrics_text({{{{"pool", "a"}}, counted()}}, MetricsFormat::prometheus);
  const HttpResponder responder{content_type(MetricsFormat::prometheus), text};
  Prometheus prometheus{responder.port()};

  BOOST_TEST(eventually([&] { return prometheus.ask("up == 1").size() == 1; }));

  BOOST_TEST(prometheus.ask("heartbeat_beats_sent_total", "pool").at("a") == 12e6);
  std::optional<ptree> sent;
  BOOST_REQUIRE(eventually([&] { return (sent = prometheus.description_of("heartbeat_beats_sent_total")); }));
  BOOST_TEST(sent->get<std::string>("type") == "counter");
}

// promtool reads the older format alone: it takes UNIT and EOF for comments, and misses a counter's help.
BOOST_AUTO_TEST_CASE(promtool_has_nothing_to_object_to) {
  Example example;
  const std::string served = http_get(example.port(), "/metrics").body;
  const std::string ours = metrics_text({{{{"pool", "a\"\\\n"}}, counted()}, {{}, {}}}, MetricsFormat::prometheus);

  BOOST_TEST(promtool_on(ours) == "status 0\n");
  // What prometheus-cpp says of itself is its own affair.
  const std::string said = promtool_on(served);
  BOOST_TEST(said.find("heartbeat_") == said.npos, said);
  BOOST_TEST(promtool_on("heartbeat_running{pool=\"a} 2\n") != "status 0\n");
}

BOOST_AUTO_TEST_CASE(the_example_serves_what_our_own_text_has) {
  Example example;

  const std::set<std::string> served = names_in(http_get(example.port(), "/metrics").body);

  const std::set<std::string> ours = names_in(metrics_text({{{}, {}}}, MetricsFormat::prometheus));
  BOOST_TEST(served == ours, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_dashboard_asks_for_nothing_that_is_not_there) {
  Example example;
  const std::set<std::string> served = names_in(http_get(example.port(), "/metrics").body);
  const std::set<std::string> asked = names_in(dashboard_text());

  BOOST_TEST(asked.size() > 15U);
  for (const std::string& name : asked)
    BOOST_TEST(served.count(name) == 1U, name << " is not served");
}

BOOST_AUTO_TEST_CASE(every_expression_of_the_dashboard_has_a_value) {
  const ptree dashboard = parsed(dashboard_text());
  Example example;
  Prometheus prometheus{example.port()};

  const std::vector<std::string> expressions = expressions_of(dashboard);

  BOOST_TEST(expressions.size() > 15U);
  for (const std::string& expression : expressions)
    BOOST_TEST(eventually([&] { return !prometheus.ask(expression).empty(); }), "no value: " << expression);
  BOOST_CHECK_THROW(prometheus.ask("sum by (instance heartbeat_running"), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
