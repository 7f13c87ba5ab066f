// SPDX-License-Identifier: BSL-1.0
// Question: how do I watch my sessions with Prometheus and Grafana?
// Through the client library that the program has already: prometheus-cpp asks for the numbers at each scrape. 100
// sessions are kept, of which the server knows 90. Prints where the metrics are, and serves them until its standard
// input ends or has a line. The dashboard to import is prometheus_metrics/grafana_dashboard.json.
// Read next: ../include/heartbeat/open_metrics.hpp, for a program that answers scrapes without a client library.
#include <functional>
#include <iostream>
#include <memory>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <string>
#include <utility>
#include <vector>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/metrics.hpp>

using namespace std::chrono_literals;

// [collectable]
// What prometheus-cpp asks at each scrape: a registry's statistics in its own types.
class HeartbeatMetrics : public prometheus::Collectable {
 public:
  explicit HeartbeatMetrics(std::function<heartbeat::Statistics()> read) : read_{std::move(read)} {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const heartbeat::Metric& metric : heartbeat::metrics(read_())) {
      const bool is_counter = metric.kind == heartbeat::MetricKind::counter;
      prometheus::MetricFamily family{std::string{metric.name} + (is_counter ? "_total" : ""),
                                      std::string{metric.help},
                                      is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
                                      {}};
      for (const heartbeat::MetricSample& sample : metric.samples) {
        prometheus::ClientMetric& value = family.metric.emplace_back();
        if (!metric.label.empty()) value.label = {{std::string{metric.label}, std::string{sample.label_value}}};
        value.counter.value = value.gauge.value = sample.value;  // the family's type says which
      }
      if (metric.kind == heartbeat::MetricKind::histogram) {
        family.type = prometheus::MetricType::Histogram;
        prometheus::ClientMetric::Histogram& histogram = family.metric.emplace_back().histogram;
        histogram.sample_count = metric.buckets.back().count;
        histogram.sample_sum = metric.sum;
        for (const heartbeat::MetricBucket& bucket : metric.buckets)
          histogram.bucket.push_back({bucket.count, bucket.limit});
      }
      families.push_back(std::move(family));
    }
    return families;
  }

 private:
  std::function<heartbeat::Statistics()> read_;
};
// [collectable]

int main() {
  heartbeat::FunctionTransport server{[](const int& session) { return session % 10 != 0; }};
  heartbeat::HeartbeatRegistry<int, decltype(server)> registry{server};
  std::vector<decltype(registry)::Handle> sessions;
  for (int session = 0; session < 100; ++session)
    sessions.push_back(registry.start(session, {.interval = 500ms, .ttl = 10s}));

  // [serve]
  const auto metrics = std::make_shared<HeartbeatMetrics>([&registry] { return registry.statistics(); });
  prometheus::Exposer exposer{"127.0.0.1:0"};  // a free port; in earnest 0.0.0.0:9464, say
  exposer.RegisterCollectable(metrics);
  // [serve]
  std::cout << "http://127.0.0.1:" << exposer.GetListeningPorts().front() << "/metrics\n" << std::flush;
  std::cin.get();
}
