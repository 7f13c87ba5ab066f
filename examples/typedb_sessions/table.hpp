// SPDX-License-Identifier: BSL-1.0
// The numbers on the screen: a table that is redrawn in place, or a line for each reading where the output is no
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "typedb_sessions/reading.hpp"

namespace typedb_sessions {

/// A span in the unit that reads best: `850 us`, `2.1 ms`, `4.2 s`.
inline std::string in_words(std::chrono::nanoseconds span) {
  std::ostringstream out;
  const double micros = std::chrono::duration<double, std::micro>{span}.count();
  if (micros < 1000) {
    out << std::fixed << std::setprecision(0) << micros << " us";
  } else if (micros < 1e6) {
    out << std::setprecision(3) << micros / 1e3 << " ms";
  } else {
    out << std::fixed << std::setprecision(1) << micros / 1e6 << " s";
  }
  return out.str();
}

class Table {
 public:
  explicit Table(std::string_view title) : redraws_{is_terminal()} { std::cout << title << '\n' << std::flush; }

  /// How long one reading stays.
  [[nodiscard]] std::chrono::milliseconds pace() const { return std::chrono::milliseconds{redraws_ ? 250 : 1000}; }

  void show(const Reading& reading) {
    std::ostringstream out;
    redraws_ ? draw(out, reading) : write_line(out, reading);
    std::cout << out.str() << std::flush;
  }

 private:
  using Number = std::optional<std::uint64_t>;

  // One that can be drawn on: cursor movements are understood, and the table fits.
  static bool is_terminal() {
    const char* kind = std::getenv("TERM");
    winsize size{};
    return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string_view{kind} != "dumb" &&
           ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 15;
  }

  // Up to where the last table began, and away with it. Lines do not wrap meanwhile, or there would be more of them
  // than counted.
  void draw(std::ostream& out, const Reading& reading) {
    out << "\x1b[?7l";
    if (lines_ > 0) out << "\x1b[" << lines_ << "A\x1b[J";
    lines_ = 0;
    using typedb_server::Counters;
    const auto& server = reading.server;
    const auto of_server = [&](std::uint64_t Counters::*number) -> Number {
      if (!server) return std::nullopt;
      return (*server).*number;
    };
    end_line(out << std::setw(32) << "here" << std::setw(12) << (server ? "server" : "") << "     "
                 << in_words(reading.elapsed) << " of " << in_words(reading.duration));
    row(out, "opened", reading.numbers.started, of_server(&Counters::opened));
    row(out, "open now", reading.numbers.running, of_server(&Counters::open));
    row(out, "closed", reading.closed(), of_server(&Counters::closed), server ? "there with the stalled ones" : "");
    row(out, "gone", reading.gone(), of_server(&Counters::forgotten), server ? "forgotten by the server" : "");
    row(out, "stalled", reading.stalled(), {}, server ? "pulses not answered" : "");
    row(out, "failed", reading.failed());
    row(out, "beats acknowledged", reading.numbers.acknowledged, of_server(&Counters::alive));
    row(out, "beats per second", static_cast<std::uint64_t>(reading.beats_per_second + 0.5));
    row(out, "beats timed out", reading.numbers.timed_out);
    end_line(out << "  99 % of beats at most " << in_words(reading.numbers.lateness.quantile(0.99))
                 << " late, 99.9 % at most " << in_words(reading.numbers.lateness.quantile(0.999)));
    end_line(out << "  now: " << reading.doing);
    out << "\x1b[?7h";
  }

  void row(std::ostream& out, std::string_view name, std::uint64_t here, Number server = {},
           std::string_view remark = {}) {
    out << "  " << std::left << std::setw(20) << name << std::right << std::setw(10) << here;
    if (server) out << std::setw(12) << *server;
    if (!remark.empty()) out << std::setw(server ? 5 : 17) << "" << remark;
    end_line(out);
  }

  void end_line(std::ostream& out) {
    out << '\n';
    ++lines_;
  }

  static void write_line(std::ostream& out, const Reading& reading) {
    const auto put = [&](std::string_view name, std::uint64_t number) { out << "  " << name << ' ' << number; };
    out << std::fixed << std::setprecision(1) << std::setw(5) << std::chrono::duration<double>{reading.elapsed}.count()
        << " s";
    put("open", reading.numbers.running);
    put("beats/s", static_cast<std::uint64_t>(reading.beats_per_second + 0.5));
    put("acknowledged", reading.numbers.acknowledged);
    put("gone", reading.gone());
    put("stalled", reading.stalled());
    put("closed", reading.closed());
    out << "  99 % at most " << in_words(reading.numbers.lateness.quantile(0.99)) << " late: " << reading.doing << '\n';
  }

  bool redraws_;
  int lines_ = 0;
};

}  // namespace typedb_sessions
