// SPDX-License-Identifier: BSL-1.0
// What the user has chosen, and the page that comes of it: lines of text, each with a style. It knows no terminal, so a
// test presses keys and reads lines. Read next: screen.hpp, which draws them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <heartbeat/end.hpp>
#include <heartbeat/statistics.hpp>

#include "table.hpp"

namespace monitor {

/// A key on the keyboard.
struct Press {
  enum class Kind : std::uint8_t { nothing, character, up, down, page_up, page_down, enter, escape, backspace };
  Kind kind = Kind::nothing;
  char character = 0;
};

enum class Style : std::uint8_t { plain, title, heading, good, warning, bad };

struct Line {
  std::string text;
  Style style = Style::plain;
};

/// What is shown, and how.
class View {
 public:
  /// False when the user wants to leave.
  [[nodiscard]] bool press(Press press, std::size_t page) {
    switch (press.kind) {
      case Press::Kind::nothing: return true;
      case Press::Kind::up: first_ -= std::min<std::size_t>(first_, 1); return true;
      case Press::Kind::down: ++first_; return true;
      case Press::Kind::page_up: first_ -= std::min(first_, page); return true;
      case Press::Kind::page_down: first_ += page; return true;
      default: break;
    }
    if (is_typing_) {
      type(press);
      return true;
    }
    return press.kind != Press::Kind::character || command(press.character);
  }

  /// A page of exactly `height` lines, each `width` wide; at least 8 by 20.
  [[nodiscard]] std::vector<Line> page(const std::vector<Row>& rows, const heartbeat::Statistics& sums,
                                       std::size_t height, std::size_t width) {
    const auto shown = selected(rows, filter_, sorted_by_, is_downward_);
    const std::size_t room = height - other_lines;
    first_ = std::min(first_, shown.size() > room ? shown.size() - room : 0);
    std::vector<Line> lines{{counts_of(rows, shown.size()), Style::title}, {beats_of(sums)}, {ends_of(sums)}};
    lines.push_back({heading(width), Style::heading});
    for (std::size_t i = first_; i < shown.size() && i - first_ < room; ++i)
      lines.push_back({line_of(*shown[i], width), style_of(*shown[i])});
    lines.resize(height - 1);
    lines.push_back({is_typing_ ? "filter: " + filter_ + "_   Enter keeps it, Esc clears it"
                                : "1-7 or < > sort   r reverse   / filter   arrows, PgUp, PgDn scroll   q leave",
                     Style::title});
    for (Line& line : lines)
      line.text = fitted(std::move(line.text), width);
    return lines;
  }

  static constexpr std::size_t other_lines = 5;  // all but the rows

 private:
  void type(Press press) {
    switch (press.kind) {
      case Press::Kind::enter: is_typing_ = false; break;
      case Press::Kind::escape:
        is_typing_ = false;
        filter_.clear();
        break;
      case Press::Kind::backspace:
        if (!filter_.empty()) filter_.pop_back();
        break;
      default: filter_ += press.character; break;
    }
  }

  bool command(char what) {
    const auto by = static_cast<std::size_t>(sorted_by_);
    if (what >= '1' && what < '1' + static_cast<int>(columns)) sort(static_cast<std::size_t>(what - '1'));
    if (what == '>') sort((by + 1) % columns);
    if (what == '<') sort((by + columns - 1) % columns);
    if (what == 'r') is_downward_ = !is_downward_;
    if (what == '/') {
      is_typing_ = true;
      filter_.clear();
    }
    return what != 'q';
  }

  // What is worst comes first.
  void sort(std::size_t column) {
    sorted_by_ = static_cast<Column>(column);
    is_downward_ = sorted_by_ != Column::key && sorted_by_ != Column::left;
    first_ = 0;
  }

  [[nodiscard]] std::string heading(std::size_t width) const {
    return line(width, [&](Column column) {
      std::string text{look_of(column).heading};
      if (column == sorted_by_) text += is_downward_ ? 'v' : '^';
      return text;
    });
  }

  [[nodiscard]] std::string counts_of(const std::vector<Row>& rows, std::size_t shown) const {
    std::array<std::size_t, 4> counts{};
    for (const Row& row : rows)
      ++counts[static_cast<std::size_t>(row.health)];
    std::string text = "heartbeats: " + std::to_string(rows.size());
    if (!filter_.empty()) text += ", matching " + filter_ + ": " + std::to_string(shown);
    for (const Health health : {Health::valid, Health::unconfirmed, Health::jeopardy, Health::lapsed}) {
      text += "  " + std::string{to_string(health)} + " " + std::to_string(counts[static_cast<std::size_t>(health)]);
    }
    return text;
  }

  static std::string beats_of(const heartbeat::Statistics& sums) {
    return "beats: " + std::to_string(sums.sent) + " sent, " + std::to_string(sums.acknowledged) + " acknowledged, " +
           std::to_string(sums.failed) + " failed, " + std::to_string(sums.timed_out) + " timed out; 99% late < " +
           readable(sums.lateness.quantile(0.99));
  }

  static std::string ends_of(const heartbeat::Statistics& sums) {
    std::string text = "ended:";
    for (const auto reason : {heartbeat::EndReason::gone, heartbeat::EndReason::stalled, heartbeat::EndReason::failed,
                              heartbeat::EndReason::stopped}) {
      text += " " + std::to_string(sums.ended_for(reason)) + " " + std::string{heartbeat::to_string(reason)};
      if (reason != heartbeat::EndReason::stopped) text += ",";
    }
    return text;
  }

  static Style style_of(const Row& row) {
    switch (row.health) {
      case Health::valid: return Style::good;
      case Health::unconfirmed: return Style::plain;
      case Health::jeopardy: return Style::warning;
      case Health::lapsed: return Style::bad;
    }
    return Style::plain;
  }

  Column sorted_by_ = Column::left;
  bool is_downward_ = false;
  bool is_typing_ = false;
  std::string filter_;
  std::size_t first_ = 0;
};

}  // namespace monitor
