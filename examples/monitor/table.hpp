// SPDX-License-Identifier: BSL-1.0
// The table of keys apart from any terminal: rows, their order, a filter, and how each looks as text. Read next:
// view.hpp, what the user does with it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include <heartbeat/status.hpp>

namespace monitor {

using std::chrono::nanoseconds;

/// What the owner of a key may rely on, from good to bad.
enum class Health : std::uint8_t { valid, unconfirmed, jeopardy, lapsed };

[[nodiscard]] constexpr std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::valid: return "valid";
    case Health::unconfirmed: return "new";
    case Health::jeopardy: return "jeopardy";
    case Health::lapsed: return "lapsed";
  }
  return "unknown";
}

/// One key at the moment it was looked at.
struct Row {
  std::string key;
  Health health = Health::unconfirmed;
  heartbeat::HeartbeatState state = heartbeat::HeartbeatState::waiting;
  nanoseconds late{};               ///< since its beat was due and has no answer; negative: until it is due
  std::optional<nanoseconds> left;  ///< of its validity; negative: over since
  std::uint32_t failures = 0;
  std::uint64_t generation = 0;
  std::string error;
};

/// A row of what a registry says. `now` is of the registry's clock.
template <class Key, class C>
[[nodiscard]] Row row_of(const heartbeat::HeartbeatStatus<Key, C>& status, typename C::time_point now,
                         std::string_view name) {
  Row row;
  row.key = name;
  row.state = status.state;
  row.late = now - status.due;
  if (status.valid_until) row.left = *status.valid_until - now;
  if (!row.left) {
    row.health = Health::unconfirmed;
  } else if (*row.left <= nanoseconds{0}) {
    row.health = Health::lapsed;
  } else {
    row.health = status.is_in_jeopardy ? Health::jeopardy : Health::valid;
  }
  row.failures = status.failures;
  row.generation = status.generation;
  if (status.error) row.error = status.error.message();
  return row;
}

enum class Column : std::uint8_t { key, health, state, late, left, failures, error };
inline constexpr std::size_t columns = 7;

struct ColumnLook {
  std::string_view heading;
  std::size_t width;  // without the space that follows it; the last one takes what is left
  bool is_number;
};

inline constexpr std::array<ColumnLook, columns> looks{{{"KEY", 18, false},
                                                        {"HEALTH", 8, false},
                                                        {"STATE", 9, false},
                                                        {"LATE", 8, true},
                                                        {"LEFT", 8, true},
                                                        {"FAILS", 5, true},
                                                        {"LAST ERROR", 0, false}}};

[[nodiscard]] constexpr const ColumnLook& look_of(Column column) noexcept {
  return looks[static_cast<std::size_t>(column)];
}

/// "12.3 s", "850 ms", "-1.2 s", "3 min", "5 h".
[[nodiscard]] inline std::string readable(nanoseconds span) {
  const double seconds = std::chrono::duration<double>{span}.count();
  const double size = seconds < 0 ? -seconds : seconds;
  std::array<char, 32> text{};
  if (size < 0.9995) {
    std::snprintf(text.data(), text.size(), "%.0f ms", seconds * 1000);
  } else if (size < 100) {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  } else if (size < 7200) {
    std::snprintf(text.data(), text.size(), "%.0f min", seconds / 60);
  } else {
    std::snprintf(text.data(), text.size(), "%.0f h", seconds / 3600);
  }
  return std::string{text.data()} == "-0 ms" ? "0 ms" : text.data();
}

/// The text of one cell, not yet cut to its column.
[[nodiscard]] inline std::string cell(const Row& row, Column column) {
  switch (column) {
    case Column::key: return row.key;
    case Column::health: return std::string{to_string(row.health)};
    case Column::state: return std::string{heartbeat::to_string(row.state)};
    case Column::late: return row.late > nanoseconds{0} ? readable(row.late) : "";
    case Column::left: return row.left ? readable(*row.left) : "";
    case Column::failures: return row.failures == 0 ? "" : std::to_string(row.failures);
    case Column::error: return row.error;
  }
  return {};
}

/// Cut or filled to `width`; what was cut ends with a tilde.
[[nodiscard]] inline std::string fitted(std::string text, std::size_t width, bool is_right = false) {
  if (text.size() > width) {
    text.resize(width);
    if (width > 0) text.back() = '~';
    return text;
  }
  text.insert(is_right ? 0 : text.size(), width - text.size(), ' ');
  return text;
}

/// One line of the table, exactly `width` wide; `text_of` gives each column's text.
template <class TextOf>
[[nodiscard]] std::string line(std::size_t width, TextOf text_of) {
  std::string whole;
  for (std::size_t i = 0; i < columns; ++i) {
    const auto column = static_cast<Column>(i);
    const std::size_t left = width > whole.size() ? width - whole.size() : 0;
    const std::size_t wanted = column == Column::error ? left : look_of(column).width;
    whole += fitted(text_of(column), wanted, look_of(column).is_number) + ' ';
  }
  return fitted(whole.substr(0, width), width);
}

[[nodiscard]] inline std::string line_of(const Row& row, std::size_t width) {
  return line(width, [&](Column column) { return cell(row, column); });
}

/// True if the key, a word of its state, or its error contains the text.
[[nodiscard]] inline bool matches(const Row& row, std::string_view text) {
  return row.key.find(text) != std::string::npos || to_string(row.health).find(text) != std::string_view::npos ||
         heartbeat::to_string(row.state).find(text) != std::string_view::npos ||
         row.error.find(text) != std::string::npos;
}

/// Whether `a` stands before `b` in a table sorted by that column, upward.
[[nodiscard]] inline bool is_before(const Row& a, const Row& b, Column column) {
  switch (column) {
    case Column::key: return a.key < b.key;
    case Column::health: return a.health < b.health;
    case Column::state: return a.state < b.state;
    case Column::late: return a.late < b.late;
    case Column::left: return a.left < b.left;  // none comes first
    case Column::failures: return a.failures < b.failures;
    case Column::error: return a.error < b.error;
  }
  return false;
}

/// The rows that match, sorted; rows that are equal in that column by key, upward.
[[nodiscard]] inline std::vector<const Row*> selected(const std::vector<Row>& rows, std::string_view filter, Column by,
                                                      bool is_downward) {
  std::vector<const Row*> some;
  for (const Row& row : rows) {
    if (matches(row, filter)) some.push_back(&row);
  }
  std::sort(some.begin(), some.end(), [&](const Row* a, const Row* b) {
    if (is_before(*a, *b, by)) return !is_downward;
    if (is_before(*b, *a, by)) return is_downward;
    return std::tie(a->key, a->generation) < std::tie(b->key, b->generation);
  });
  return some;
}

}  // namespace monitor
