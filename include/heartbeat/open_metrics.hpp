// SPDX-License-Identifier: BSL-1.0
// Statistics as text, for a program that answers Prometheus' scrapes itself: OpenMetrics 1.0, or the older format of
// Prometheus. Optional: the umbrella does not include it. The two differ in three places: the older one names a counter
// with its `_total` everywhere, has no UNIT, and no EOF. Read next: metrics.hpp, what is told.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heartbeat/metrics.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat {

/// The format of a text of metrics, and what its `Content-Type` must say.
enum class MetricsFormat : std::uint8_t {
  open_metrics,  ///< `application/openmetrics-text; version=1.0.0; charset=utf-8`
  prometheus,    ///< `text/plain; version=0.0.4; charset=utf-8`
};

/// The value of `Content-Type` for a format.
[[nodiscard]] constexpr std::string_view content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::prometheus ? "text/plain; version=0.0.4; charset=utf-8"
                                             : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

/// One registry's statistics, and labels that tell them from another's: `{{{"pool", "orders"}},
/// registry.statistics()}`. Names are of letters, digits and `_`; values are any UTF-8.
struct LabelledStatistics {
  std::vector<std::pair<std::string, std::string>> labels;  ///< name and value
  Statistics statistics;                                    ///< as `statistics()` gave them
};

namespace detail {

// Writes metrics of several registries: each metric once, then its samples of all of them.
class MetricsText {
 public:
  explicit MetricsText(MetricsFormat format) : format_{format} {}

  void begin(const Metric& metric) {
    name_ = metric.name;
    is_counter_ = metric.kind == MetricKind::counter;
    static constexpr std::array<std::string_view, 3> kinds{"counter", "gauge", "histogram"};
    describe("TYPE", kinds[static_cast<std::size_t>(metric.kind)]);
    if (format_ == MetricsFormat::open_metrics && !metric.unit.empty()) describe("UNIT", metric.unit);
    describe("HELP", metric.help);
  }

  void add(const Metric& metric, const std::string& labels) {
    for (const MetricSample& sample : metric.samples)
      line(is_counter_ ? "_total" : "", with(labels, metric.label, sample.label_value), number(sample.value));
    if (metric.kind != MetricKind::histogram) return;
    for (const MetricBucket& bucket : metric.buckets)
      line("_bucket", with(labels, "le", number(bucket.limit)), std::to_string(bucket.count));
    line("_count", labels, std::to_string(metric.buckets.back().count));
    line("_sum", labels, number(metric.sum));
  }

  std::string end() {
    if (format_ == MetricsFormat::open_metrics) text_ += "# EOF\n";
    return std::move(text_);
  }

  // The labels between the braces: checked, in the order of their names.
  static std::string checked(std::vector<std::pair<std::string, std::string>> labels) {
    std::sort(labels.begin(), labels.end());
    std::string text;
    std::string_view before;
    for (const auto& [name, value] : labels) {
      if (!is_free(name) || name == before) throw std::invalid_argument{"not a label's name, or twice: " + name};
      text = with(text, name, value);
      before = name;
    }
    return text;
  }

 private:
  // A number as both formats have it, whatever the locale; whole ones without an exponent.
  static std::string number(double value) {
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    std::array<char, 32> buffer{};
    const bool is_whole = std::abs(value) < 9e15 && value == std::floor(value);
    const auto end = is_whole ? std::to_chars(buffer.begin(), buffer.end(), static_cast<std::int64_t>(value))
                              : std::to_chars(buffer.begin(), buffer.end(), value);
    return {buffer.begin(), end.ptr};
  }

  static std::string with(std::string labels, std::string_view name, std::string_view value) {
    if (name.empty()) return labels;
    if (!labels.empty()) labels += ',';
    (labels += name) += "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') labels += '\\';
      labels += c == '\n' ? std::string_view{"\\n"} : std::string_view{&c, 1};
    }
    return labels += '"';
  }

  // Letters, digits and `_`, not a digit first, not `__` first, and none of those that metrics have already.
  static bool is_free(std::string_view name) {
    static constexpr std::string_view letters = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return !name.empty() && name.find_first_not_of(letters) == name.npos && !(name[0] >= '0' && name[0] <= '9') &&
           name.substr(0, 2) != "__" && name != "le" && name != "reason" && name != "outcome";
  }

  void describe(std::string_view what, std::string_view value) {
    ((text_ += "# ") += what) += ' ';
    text_ += name_;
    if (is_counter_ && format_ == MetricsFormat::prometheus) text_ += "_total";
    ((text_ += ' ') += value) += '\n';
  }

  void line(std::string_view suffix, const std::string& labels, std::string_view value) {
    (text_ += name_) += suffix;
    if (!labels.empty()) ((text_ += '{') += labels) += '}';
    ((text_ += ' ') += value) += '\n';
  }

  MetricsFormat format_;
  std::string_view name_;
  bool is_counter_ = false;
  std::string text_;
};

}  // namespace detail

/// The statistics of all these registries as one text, which ends with its last newline. No two may have the same
/// labels.
///
/// Threading: a pure function. Allocates: the text. Throws: std::invalid_argument for a label that no metric may have
/// (`le`, `reason`, `outcome`, one beginning with `__`, and what is no name), the same label twice, and the same labels
/// twice; std::bad_alloc.
[[nodiscard]] inline std::string metrics_text(const std::vector<LabelledStatistics>& registries,
                                              MetricsFormat format = MetricsFormat::open_metrics) {
  std::vector<std::string> labels;
  std::vector<std::vector<Metric>> all;
  for (const LabelledStatistics& registry : registries) {
    labels.push_back(detail::MetricsText::checked(registry.labels));
    if (std::find(labels.begin(), labels.end() - 1, labels.back()) != labels.end() - 1) {
      throw std::invalid_argument{"two registries with the same labels: {" + labels.back() + "}"};
    }
    all.push_back(metrics(registry.statistics));
  }
  detail::MetricsText text{format};
  for (std::size_t i = 0; !all.empty() && i < all.front().size(); ++i) {
    text.begin(all.front()[i]);
    for (std::size_t j = 0; j < all.size(); ++j)
      text.add(all[j][i], labels[j]);
  }
  return text.end();
}

}  // namespace heartbeat
