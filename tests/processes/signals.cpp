// SPDX-License-Identifier: BSL-1.0
// Whose the signals are: the program's, though the library has threads. Each sentence that examples/guide/process.md
// says of signals is a case here. Read next: programs/signals.cpp, what is run.
#include <bit>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "programs.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(signals)

using heartbeat::processes::run;

// As the kernel writes a set of signals.
std::uint64_t bits(const std::string& digits) {
  return std::stoull(digits, nullptr, 16);
}

std::uint64_t bits(std::initializer_list<int> signals) {
  std::uint64_t set = 0;
  for (const int signal : signals)
    set |= std::uint64_t{1} << (signal - 1);
  return set;
}

const std::uint64_t stays_open = bits({SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF});
const std::uint64_t never_blocked = stays_open | bits({SIGKILL, SIGSTOP});
// The C library keeps two for itself, between the last of the old ones and its SIGRTMIN.
constexpr std::uint64_t of_the_c_library = std::uint64_t{3} << 31;

void expect_of(const std::string& what, const std::string& output) {
  const auto ran = run("signals", {what});

  BOOST_TEST(ran.output == output);
  BOOST_TEST(ran.status == 0);
}

BOOST_AUTO_TEST_CASE(a_program_may_block_a_signal_after_it_made_a_registry_and_wait_for_it) {
  expect_of("wait_for_sigterm", "lived\n");
}

BOOST_AUTO_TEST_CASE(also_when_threads_were_made_later_because_calls_hang) {
  expect_of("wait_for_sigterm_with_more_threads", "lived\n");
}

BOOST_AUTO_TEST_CASE(each_thread_has_a_name_and_blocks_all_but_what_is_its_own) {
  const auto ran = run("signals", {"show_threads"});

  int of_engine = 0;
  int of_pool = 0;
  std::istringstream lines{ran.output};
  for (std::string name, blocked; lines >> name >> blocked;) {
    if (name != "heartbeat" && name != "heartbeat-call") continue;  // the program's, a sanitizer's
    ++(name == "heartbeat" ? of_engine : of_pool);
    BOOST_TEST((bits(blocked) & never_blocked) == 0U, name << " blocks " << blocked);
    BOOST_TEST((bits(blocked) | never_blocked | of_the_c_library) == ~std::uint64_t{0}, name << " blocks " << blocked);
  }
  BOOST_TEST(of_engine == 1);
  BOOST_TEST(of_pool >= 5);
  BOOST_TEST(ran.status == 0);
}

BOOST_AUTO_TEST_CASE(a_callback_that_writes_to_a_closed_pipe_gets_an_error) {
  expect_of("write_without_reader", "EPIPE\n");
}

BOOST_AUTO_TEST_CASE(a_callback_sends_a_signal_to_the_process_not_to_itself) {
  expect_of("end_the_program_from_a_callback", "nothing came\nSIGTERM\n");
}

BOOST_AUTO_TEST_CASE(a_program_started_from_a_callback_inherits_what_is_blocked) {
  std::istringstream words{run("signals", {"spawn_from_a_callback"}).output};
  std::string blocked;
  words >> blocked >> blocked;

  BOOST_TEST((bits(blocked) & bits({SIGTERM, SIGINT, SIGPIPE})) == bits({SIGTERM, SIGINT, SIGPIPE}), blocked);
}

BOOST_AUTO_TEST_CASE(but_not_if_it_is_started_with_a_set_of_its_own) {
  const auto ran = run("signals", {"spawn_from_a_callback_with_no_signal_blocked"});

  BOOST_TEST(ran.output == "SigBlk:\t0000000000000000\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
