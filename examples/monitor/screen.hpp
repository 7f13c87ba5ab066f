// SPDX-License-Identifier: BSL-1.0
// A terminal by ncurses: draws lines, hears keys, follows the window's size; in colour where the terminal has any. Read
// next: view.hpp, what is drawn.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#define NCURSES_NOMACROS  // erase, timeout and the like are words of ours as well
#include <curses.h>
#include <stdexcept>
#include <vector>

#include "view.hpp"

namespace monitor {

/// The terminal, from when it is made until it dies. One at a time.
class Screen {
 public:
  /// Throws: std::runtime_error where there is no terminal.
  explicit Screen(std::chrono::milliseconds patience) : screen_{newterm(nullptr, stdout, stdin)} {
    if (screen_ == nullptr) throw std::runtime_error{"this is no terminal: TERM names none that is known"};
    set_term(screen_);
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, true);
    set_escdelay(25);
    timeout(static_cast<int>(patience.count()));
    if (has_colors()) {
      start_color();
      use_default_colors();
      init_pair(1, COLOR_GREEN, -1);
      init_pair(2, COLOR_YELLOW, -1);
      init_pair(3, COLOR_RED, -1);
    }
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() {
    endwin();
    delscreen(screen_);
  }

  [[nodiscard]] std::size_t height() const { return static_cast<std::size_t>(getmaxy(stdscr)); }
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(getmaxx(stdscr)); }

  void draw(const std::vector<Line>& lines) {
    erase();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const attr_t look = look_of(lines[i].style);
      attr_on(look, nullptr);
      mvaddnstr(static_cast<int>(i), 0, lines[i].text.c_str(), static_cast<int>(width()));
      attr_off(look, nullptr);
    }
    refresh();
  }

  /// Waits for a key, up to the patience.
  [[nodiscard]] Press press() {
    const int code = getch();
    switch (code) {
      case ERR:
      case KEY_RESIZE: return {};
      case KEY_UP: return {Press::Kind::up};
      case KEY_DOWN: return {Press::Kind::down};
      case KEY_PPAGE: return {Press::Kind::page_up};
      case KEY_NPAGE: return {Press::Kind::page_down};
      case KEY_ENTER:
      case '\n':
      case '\r': return {Press::Kind::enter};
      case 27: return {Press::Kind::escape};
      case KEY_BACKSPACE:
      case 127:
      case '\b': return {Press::Kind::backspace};
      default: break;
    }
    if (code < ' ' || code > '~') return {};
    return {Press::Kind::character, static_cast<char>(code)};
  }

 private:
  static chtype look_of(Style style) {
    const auto colour = [](short pair, chtype otherwise) {
      return has_colors() ? static_cast<chtype>(COLOR_PAIR(pair)) : otherwise;
    };
    switch (style) {
      case Style::plain: return A_NORMAL;
      case Style::title: return A_BOLD;
      case Style::heading: return A_REVERSE;
      case Style::good: return colour(1, A_NORMAL);
      case Style::warning: return colour(2, A_BOLD);
      case Style::bad: return colour(3, A_BOLD);
    }
    return A_NORMAL;
  }

  SCREEN* screen_;
};

}  // namespace monitor
