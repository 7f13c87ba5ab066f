// SPDX-License-Identifier: BSL-1.0
// Question: how do I look into a running registry? A screen as `top` has one: the keys with their state, how late they
// are, how long they are still valid and what went wrong last, sorted and filtered as one likes. It looks with for_each
// and statistics(), which delay no beat. Here it looks at a fleet of its own, in which some fail, stall, are gone and
// come back. Where there is no terminal it prints one page at the end. Read next: monitor/table.hpp.

#include <charconv>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <optional>
#include <semaphore>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <heartbeat/boot_clock.hpp>

#include "monitor/fleet.hpp"
#include "monitor/screen.hpp"
#include "monitor/view.hpp"

namespace {

using namespace std::chrono_literals;

enum ExitStatus { left = 0, went_wrong = 1, bad_argument = 2 };

constexpr std::string_view usage =
    "monitor [--seconds N] [--sessions N] [--help]\n"
    "  Shows the sessions of a demonstration fleet, as top shows processes.\n"
    "  --seconds N    leaves by itself after so long (1 to 1,000,000; without it: at q)\n"
    "  --sessions N   how many there are (1 to 1,000; without it: 300)\n";

constexpr std::chrono::milliseconds between_pages = 200ms;

struct Arguments {
  std::optional<std::chrono::seconds> length;
  int sessions = 300;
  bool help = false;
};

// No value if the words are not understood.
std::optional<Arguments> parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--help") {
      arguments.help = true;
      continue;
    }
    const std::string_view value = i + 1 < count ? words[++i] : "";
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const int most = word == "--seconds" ? 1'000'000 : 1'000;
    if (error != std::errc{} || end != value.data() + value.size() || number < 1 || number > most) return std::nullopt;
    if (word == "--seconds") {
      arguments.length = std::chrono::seconds{number};
    } else if (word == "--sessions") {
      arguments.sessions = number;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

void show(const Arguments& arguments) {
  monitor::Fleet fleet{arguments.sessions};
  monitor::View view;
  monitor::Screen screen{between_pages};
  const auto end = heartbeat::BootClock::now() + arguments.length.value_or(1'000'000s);
  for (bool stays = true; stays && heartbeat::BootClock::now() < end;) {
    fleet.tick();
    if (screen.height() >= 8 && screen.width() >= 20) {
      screen.draw(view.page(fleet.rows(), fleet.sums(), screen.height(), screen.width()));
    }
    stays = view.press(screen.press(), screen.height() - 5);
  }
}

void print(const Arguments& arguments) {
  monitor::Fleet fleet{arguments.sessions};
  std::binary_semaphore nobody{0};
  const auto end = heartbeat::BootClock::now() + arguments.length.value_or(2s);
  while (heartbeat::BootClock::now() < end) {
    fleet.tick();
    static_cast<void>(nobody.try_acquire_for(between_pages));
  }
  monitor::View view;
  for (const monitor::Line& line : view.page(fleet.rows(), fleet.sums(), 24, 80))
    std::cout << line.text << '\n';
}

}  // namespace

int main(int count, char** words) {
  const std::optional<Arguments> arguments = parse(count, words);
  if (!arguments) {
    std::cerr << "monitor: not understood\n" << usage;
    return bad_argument;
  }
  if (arguments->help) {
    std::cout << usage;
    return left;
  }
  try {
    if (isatty(STDOUT_FILENO) != 0 && isatty(STDIN_FILENO) != 0) {
      show(*arguments);
    } else {
      print(*arguments);
    }
    return left;
  } catch (const std::exception& error) {
    std::cerr << "monitor: " << error.what() << '\n';
    return went_wrong;
  }
}
