// SPDX-License-Identifier: BSL-1.0
// What happened, as one line for a log: to_string for what has fields, and operator<< and std::format (where the
// standard library has it) for all of it, with the same words. Optional, because it brings <ostream>; the enumerations'
// own words stand beside them. Read next: event.hpp, what the fields mean.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <locale>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

#include <heartbeat/beat_result.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/status.hpp>

namespace heartbeat {

namespace detail {

// Words that come from elsewhere stay on the line: control characters are written as in C++.
inline void append_words(std::string& line, std::string_view words) {
  static constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else {
      ((line += "\\x") += digits[byte >> 4U]) += digits[byte & 0xFU];
    }
  }
}

// The key as it prints itself, in the classic locale; one that does not, by its hash.
template <class Key>
[[nodiscard]] std::string words_of_key(const Key& key) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  if constexpr (requires { out << key; }) {
    out << key;
  } else {
    out << '#' << std::hex << std::hash<Key>{}(key);
  }
  std::string line;
  append_words(line, std::move(out).str());
  return line;
}

// "message", "message: text" or "text", whatever there is.
[[nodiscard]] inline std::string words_of(const std::error_code& error, std::string_view text) {
  std::string line;
  if (error) append_words(line, error.message());
  if (!line.empty() && !text.empty()) line += ": ";
  append_words(line, text);
  return line;
}

// "0 s", "2 ms", "5.002 s": the largest unit that leaves a whole part, and every digit that matters.
[[nodiscard]] inline std::string words_of(std::chrono::nanoseconds span) {
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

// "session-7 (generation 3) ", which every line about one heartbeat begins with.
template <class Key>
[[nodiscard]] std::string line_about(const Key& key, std::uint64_t generation) {
  return words_of_key(key) + " (generation " + std::to_string(generation) + ") ";
}

inline void append_failures(std::string& line, std::uint32_t failures) {
  if (failures == 0) return;
  line += " after " + std::to_string(failures) + (failures == 255 ? " or more" : "");
  line += failures == 1 ? " failure" : " failures";
}

inline void append_cause(std::string& line, const std::error_code& error, std::string_view text) {
  if (error || !text.empty()) line += ": " + words_of(error, text);
}

}  // namespace detail

/// The code in words.
[[nodiscard]] inline std::string_view to_string(errc code) noexcept {
  return detail::message_of(code);
}

/// The kind in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(BeatResult::Kind kind) noexcept {
  switch (kind) {
    case BeatResult::Kind::acknowledged: return "acknowledged";
    case BeatResult::Kind::gone: return "gone";
    case BeatResult::Kind::failed: return "failed";
  }
  return "unknown";
}

/// "acknowledged", "acknowledged, ttl 30 s", "gone", "failed (Connection refused: the server is down)".
[[nodiscard]] inline std::string to_string(const BeatResult& result) {
  std::string line{to_string(result.kind())};
  if (result.kind() == BeatResult::Kind::failed) line += " (" + detail::words_of(result.error(), result.text()) + ")";
  if (result.ttl()) line += ", ttl " + detail::words_of(std::chrono::nanoseconds{*result.ttl()});
  return line;
}

/// "session-7 (generation 3) jeopardy after 1 failure: Connection refused: the server is down",
/// "session-7 (generation 3) ended: stalled after 4 failures: DEADLINE_EXCEEDED": always one line. A key that has no
/// operator<< is told by its hash, `#1f`; control characters in a key or in the transport's words are escaped.
///
/// Allocates: the text. Throws: std::bad_alloc; what the key's operator<< or hash throws.
template <class Key, class C>
[[nodiscard]] std::string to_string(const Event<Key, C>& event) {
  std::string line = detail::line_about(event.key, event.generation);
  line += to_string(event.kind);
  if (event.kind == EventKind::ended) (line += ": ") += to_string(event.reason);
  detail::append_failures(line, event.failures);
  detail::append_cause(line, event.error, event.text);
  return line;
}

/// "session-7 (generation 3) ended: gone", with the last failed beat's error and words, as an event.
template <class Key>
[[nodiscard]] std::string to_string(const Failure<Key>& failure) {
  std::string line = detail::line_about(failure.key, failure.generation) + "ended: ";
  line += to_string(failure.reason);
  detail::append_cause(line, failure.error, failure.text);
  return line;
}

/// "session-7 (generation 3) waiting, valid until 12.5 s, in jeopardy after 2 failures". The time counts from the
/// epoch of the registry's clock.
template <class Key, class C>
[[nodiscard]] std::string to_string(const HeartbeatStatus<Key, C>& status) {
  std::string line = detail::line_about(status.key, status.generation);
  line += to_string(status.state);
  if (status.valid_until) {
    const auto until = std::chrono::duration_cast<std::chrono::nanoseconds>(status.valid_until->time_since_epoch());
    line += ", valid until " + detail::words_of(until);
  } else {
    line += ", not acknowledged yet";
  }
  if (status.is_in_jeopardy) line += ", in jeopardy";
  detail::append_failures(line, status.failures);
  return line;
}

namespace detail {

template <class T>
struct IsPrinted : std::bool_constant<std::is_same_v<T, EventKind> || std::is_same_v<T, EndReason> ||
                                      std::is_same_v<T, HeartbeatState> || std::is_same_v<T, errc> ||
                                      std::is_same_v<T, BeatResult> || std::is_same_v<T, BeatResult::Kind>> {};
template <class Key, class C>
struct IsPrinted<Event<Key, C>> : std::true_type {};
template <class Key>
struct IsPrinted<Failure<Key>> : std::true_type {};
template <class Key, class C>
struct IsPrinted<HeartbeatStatus<Key, C>> : std::true_type {};

// What this header prints, and nothing else.
template <class T>
concept Printed = IsPrinted<T>::value;

}  // namespace detail

/// The words of `to_string`, for each type above and for `EventKind`, `EndReason` and `HeartbeatState`.
template <detail::Printed T>
std::ostream& operator<<(std::ostream& out, const T& value) {
  return out << to_string(value);
}

}  // namespace heartbeat

#ifdef __cpp_lib_format
/// The words of `to_string`, with the format of a string: `std::format("{:>12}", event.kind)`.
template <heartbeat::detail::Printed T>
struct std::formatter<T> : std::formatter<std::string_view> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return std::formatter<std::string_view>::format(std::string_view{to_string(value)}, context);
  }
};
#endif
