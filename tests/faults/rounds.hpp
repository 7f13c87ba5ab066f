// SPDX-License-Identifier: BSL-1.0
// How much of a drill is run: a tenth of it unless HEARTBEAT_FULL=1 asks for all, and what it has measured then. Read
// next: many_makers.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace heartbeat::faults {

/// True where HEARTBEAT_FULL is 1; false where it is 0 or not set. Throws: std::invalid_argument, if it is another.
[[nodiscard]] inline bool is_full() {
  const char* const wanted = std::getenv("HEARTBEAT_FULL");
  const std::string_view text = wanted == nullptr ? "0" : wanted;
  if (text != "0" && text != "1") throw std::invalid_argument{"HEARTBEAT_FULL must be 0 or 1"};
  return text == "1";
}

/// How many of so many rounds are run.
[[nodiscard]] inline int rounds(int all) {
  return is_full() ? all : std::max(1, all / 10);
}

/// That many had the same thing to wait for, each so long.
class Waits {
 public:
  void add(std::chrono::nanoseconds wait) { waits_.insert(std::upper_bound(waits_.begin(), waits_.end(), wait), wait); }

  [[nodiscard]] std::size_t count() const { return waits_.size(); }

  /// What a share of [0, 1] of them did not exceed; zero if there are none.
  [[nodiscard]] std::chrono::nanoseconds quantile(double share) const {
    if (waits_.empty()) return {};
    const auto last = static_cast<double>(waits_.size() - 1);
    return waits_[static_cast<std::size_t>(share * last + 0.5)];
  }
  [[nodiscard]] std::chrono::nanoseconds median() const { return quantile(0.5); }
  [[nodiscard]] std::chrono::nanoseconds longest() const { return quantile(1); }

 private:
  std::vector<std::chrono::nanoseconds> waits_;  // in order
};

}  // namespace heartbeat::faults
