// SPDX-License-Identifier: BSL-1.0
// What the fuzzing targets share: bytes read as choices, and a check that ends the process where the fuzzer sees it.
// Bytes that are missing read as zero, so that every input means something and a shortened one still means much of the
// same. Read next: timing_wheel.cpp, the simplest target.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

namespace heartbeat::fuzz {

/// Ends the process, with what was to hold, unless it does.
inline void require(bool holds, const char* what, std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold: %s\n", at.file_name(), static_cast<unsigned>(at.line()), what);
  std::abort();
}

/// The input as a row of choices.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_{data, size} {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }

  bool flag() { return (byte() & 1U) != 0; }

  /// A number of [0, limit). REQUIRES: 0 < limit <= 256.
  std::size_t below(std::size_t limit) { return byte() % limit; }

  /// One of a few.
  template <class T, std::size_t n>
  const T& one_of(const T (&choices)[n]) {
    return choices[below(n)];
  }

  /// Any number at all.
  std::uint64_t number() {
    std::uint64_t number = 0;
    for (int i = 0; i < 8; ++i)
      number = number << 8U | byte();
    return number;
  }

  /// A number of [0, 2^powers), more likely small, and often beside a power of two: borders are where faults are.
  /// REQUIRES: 0 < powers <= 63.
  std::int64_t length(unsigned powers) {
    const std::uint8_t choice = byte();
    const std::int64_t power = std::int64_t{1} << ((choice & 63U) % powers);
    switch (choice >> 6U) {
      case 0: return power - 1;
      case 1: return power;
      case 2: return power > 1 ? power + 1 : power;
      default: return power + static_cast<std::int64_t>(number() & static_cast<std::uint64_t>(power - 1));
    }
  }

  /// The next bytes, at most so many.
  std::string_view text(std::size_t most) {
    const auto taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace heartbeat::fuzz
