// SPDX-License-Identifier: BSL-1.0
// Plays a scenario by many schedules, and tells of the first one that breaks it: the seed, who did what, and the
// command that replays it. Read next: scheduler.hpp.
//
//    HEARTBEAT_SCHEDULES=100000 …   more of them, per scenario
//    HEARTBEAT_SEED=4711 …          one schedule (or as many as asked for, from this seed on)
#pragma once

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <unistd.h>
#include <unordered_set>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "scheduler.hpp"

namespace heartbeat::interleaving {

/// What came of many schedules.
struct Exploration {
  std::size_t schedules = 0;
  std::size_t different = 0;
  std::size_t steps = 0;   // of the longest
  std::uint64_t seed = 0;  // of the last one, which is the first with a fault
  Outcome last;
};

/// The command that plays this case by one schedule.
inline std::string replay_command(std::uint64_t seed) {
  const auto& suite = boost::unit_test::framework::master_test_suite();
  return "HEARTBEAT_SEED=" + std::to_string(seed) + " " + suite.argv[0] +
         " --run_test=" + boost::unit_test::framework::current_test_case().full_name();
}

/// Tells, if the process crashes, which schedule crashed it. One at a time.
class CrashNote {
 public:
  CrashNote() {
    struct sigaction tell {};
    tell.sa_handler = [](int signal) {
      [[maybe_unused]] const auto written = write(STDERR_FILENO, command.data(), command.size());
      sigaction(signal, signal == SIGSEGV ? &before[0] : &before[1], nullptr);  // and returns, to crash again
    };
    sigaction(SIGSEGV, &tell, &before[0]);
    sigaction(SIGABRT, &tell, &before[1]);
  }
  CrashNote(const CrashNote&) = delete;
  CrashNote& operator=(const CrashNote&) = delete;
  ~CrashNote() {
    sigaction(SIGSEGV, &before[0], nullptr);
    sigaction(SIGABRT, &before[1], nullptr);
  }

  void plays(std::uint64_t seed) { command = "\ncrashed; replay: " + replay_command(seed) + "\n"; }

 private:
  static inline std::string command;
  static inline struct sigaction before[2];
};

/// Plays `body` with the seeds from `first` on, until one finds a fault.
inline Exploration explored(const std::function<void(Scheduler&)>& body, std::size_t schedules,
                            std::uint64_t first = 1) {
  Exploration sum;
  std::unordered_set<std::uint64_t> prints;
  CrashNote note;
  note.plays(0);
  sum.last = Scheduler::run(0, 100, body);  // always the same, so that a seed means the same in each run
  const std::size_t expected = sum.last.steps;
  while (sum.last.fault.empty() && sum.schedules < schedules) {
    sum.seed = first + sum.schedules++;
    note.plays(sum.seed);
    sum.last = Scheduler::run(sum.seed, expected, body);
    prints.insert(sum.last.print);
    sum.steps = std::max(sum.steps, sum.last.steps);
  }
  sum.different = prints.size();
  return sum;
}

/// Fails the test case if a schedule finds a fault.
inline void explore(const std::function<void(Scheduler&)>& body, std::size_t schedules = 1'000) {
  const char* seed = std::getenv("HEARTBEAT_SEED");
  const char* wanted = std::getenv("HEARTBEAT_SCHEDULES");
  if (seed != nullptr) schedules = 1;
  if (wanted != nullptr) schedules = std::strtoul(wanted, nullptr, 10);
  const Exploration sum = explored(body, schedules, seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));

  BOOST_TEST_MESSAGE(sum.schedules << " schedules, " << sum.different << " different ones, of up to " << sum.steps
                                   << " steps");
  BOOST_TEST(sum.last.fault.empty(), sum.last.fault << "\nschedule " << sum.seed << ":" << sum.last.story
                                                    << "\nreplay: " << replay_command(sum.seed));
}

}  // namespace heartbeat::interleaving
