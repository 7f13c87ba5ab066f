// SPDX-License-Identifier: BSL-1.0
// Runs many worlds, one for each seed, and stops at the first that the model objects to. One seed decides everything,
// so a failing one is a bug report: the command that runs it again is printed.
//
//    simulate [--first N] [--seeds N] [--minutes N]    many worlds; with minutes, until the time is over
//    simulate --seed N                                 one world, told step by step
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <unistd.h>

#include "world.hpp"

namespace {

using heartbeat::simulation::make_plan;
using heartbeat::simulation::World;

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 20'000;
  std::uint64_t minutes = 0;
  std::uint64_t seed = 0;
};

bool read(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; i += 2) {
    const std::string name = words[i];
    std::uint64_t* const value = name == "--first"     ? &arguments.first
                                 : name == "--seeds"   ? &arguments.seeds
                                 : name == "--minutes" ? &arguments.minutes
                                 : name == "--seed"    ? &arguments.seed
                                                       : nullptr;
    char* end = nullptr;
    if (value == nullptr || i + 1 == count || (*value = std::strtoull(words[i + 1], &end, 10), *end != '\0')) {
      std::cerr << "there are --first N, --seeds N, --minutes N, --seed N; each wants a number\n";
      return false;
    }
  }
  return true;
}

// A world that makes no progress: it takes milliseconds, and half a minute on the slowest machine is none of its own.
char hanging[96];
void on_alarm(int) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, hanging, std::strlen(hanging));
  std::_Exit(3);
}

std::string run(std::uint64_t seed, std::ostream* trace) {
  std::snprintf(hanging, sizeof hanging, "objection: the world hangs; again: simulate --seed %llu\n",
                static_cast<unsigned long long>(seed));
  ::alarm(30);
  std::string objection = World{make_plan(seed), trace}.run();
  ::alarm(0);
  return objection;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!read(count, words, arguments)) return 2;
  std::signal(SIGALRM, on_alarm);
  if (arguments.seed != 0) {
    const std::string objection = run(arguments.seed, &std::cout);
    std::cout << (objection.empty() ? "no objection" : "objection: " + objection) << '\n';
    return objection.empty() ? 0 : 1;
  }
  const std::time_t until = std::time(nullptr) + static_cast<std::time_t>(60 * arguments.minutes);
  std::uint64_t seed = arguments.first;
  for (; arguments.minutes != 0 ? std::time(nullptr) < until : seed < arguments.first + arguments.seeds; ++seed) {
    if (const std::string objection = run(seed, nullptr); !objection.empty()) {
      std::cerr << "objection: " << objection << "\nafter " << seed - arguments.first << " worlds; again: " << words[0]
                << " --seed " << seed << '\n';
      return 1;
    }
  }
  std::cout << seed - arguments.first << " worlds, no objection\n";
  return 0;
}
