// SPDX-License-Identifier: BSL-1.0
// Values in the form in which a person reads them in a failed test: times with a unit that fits, keys of any type,
// answers in the words of the protocol. Read next: transcript.hpp, event_log.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <heartbeat/beat_result.hpp>

namespace heartbeat::testing {

/// "0 s", "2 ms", "5.002 s": the largest unit that leaves a whole part, and every digit that matters.
[[nodiscard]] inline std::string readable(std::chrono::nanoseconds span) {
  struct Unit {
    std::uint64_t size;
    std::string_view name;
  };
  static constexpr Unit units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}, {1, " ns"}};

  const bool negative = span.count() < 0;
  const auto count =
      negative ? std::uint64_t{0} - static_cast<std::uint64_t>(span.count()) : static_cast<std::uint64_t>(span.count());
  const Unit* unit = units;
  while (count != 0 && count < unit->size) {
    ++unit;
  }
  std::string text = (negative ? "-" : "") + std::to_string(count / unit->size);
  if (count % unit->size != 0) {
    // The leading 1 keeps the zeros after the point; it is overwritten by the point itself.
    std::string fraction = std::to_string(unit->size + count % unit->size);
    fraction.front() = '.';
    text += fraction.substr(0, fraction.find_last_not_of('0') + 1);
  }
  return text += unit->name;
}

/// The key as it prints itself; one that does not, by its hash.
template <class Key>
[[nodiscard]] std::string readable_key(const Key& key) {
  std::ostringstream out;
  if constexpr (requires { out << key; }) {
    out << key;
  } else {
    out << '#' << std::hex << std::hash<Key>{}(key);
  }
  return std::move(out).str();
}

/// "message", "message: text" or "text", whatever there is.
[[nodiscard]] inline std::string readable(const std::error_code& error, std::string_view text) {
  std::string line = error ? error.message() : std::string{};
  if (!line.empty() && !text.empty()) line += ": ";
  return line += text;
}

/// "acknowledged", "acknowledged, ttl 30 s", "gone", "failed (Connection refused: the server is down)".
[[nodiscard]] inline std::string readable(const BeatResult& result) {
  if (result.kind() == BeatResult::Kind::gone) return "gone";
  if (result.kind() == BeatResult::Kind::failed) return "failed (" + readable(result.error(), result.text()) + ")";
  if (result.ttl()) return "acknowledged, ttl " + readable(std::chrono::nanoseconds{*result.ttl()});
  return "acknowledged";
}

}  // namespace heartbeat::testing
