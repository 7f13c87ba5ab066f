// SPDX-License-Identifier: BSL-1.0
// How a thread of the library is made: its name, what it blocks from its first moment on, and that its creator's
// signals are as before, also where no thread could be made. Read next: tests/processes/signals.cpp, whole programs.
#include <array>
#include <csignal>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/library_thread.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(library_thread)

using heartbeat::detail::ProgramSignalsBlocked;

sigset_t blocked_here() {
  sigset_t signals;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &signals);
  return signals;
}

// The numbers of those in it, for messages that can be read.
std::string numbers(const sigset_t& signals) {
  std::string text;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (::sigismember(&signals, signal) == 1) text += std::to_string(signal) + ' ';
  }
  return text;
}

// Blocks that signal and no other on this thread, and puts all back.
struct OnlyBlocked {
  explicit OnlyBlocked(int signal) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_SETMASK, &one, &before);
  }
  OnlyBlocked(const OnlyBlocked&) = delete;
  OnlyBlocked& operator=(const OnlyBlocked&) = delete;
  ~OnlyBlocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }

  sigset_t before;
};

BOOST_AUTO_TEST_CASE(it_blocks_what_is_the_programs) {
  sigset_t blocked;
  heartbeat::detail::library_thread("heartbeat-test", [&] { blocked = blocked_here(); }).join();

  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGCHLD, SIGPIPE,
                           SIGXFSZ, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGURG, SIGRTMIN, SIGRTMAX})
    BOOST_TEST(::sigismember(&blocked, signal) == 1, signal << " is not blocked");
}

BOOST_AUTO_TEST_CASE(it_takes_its_own_faults_an_abort_and_what_a_profiler_sends) {
  sigset_t blocked;
  heartbeat::detail::library_thread("heartbeat-test", [&] { blocked = blocked_here(); }).join();

  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
    BOOST_TEST(::sigismember(&blocked, signal) == 0, signal << " is blocked");
}

BOOST_AUTO_TEST_CASE(what_its_creator_blocks_stays_blocked) {
  const OnlyBlocked only{SIGPROF};
  sigset_t blocked;

  heartbeat::detail::library_thread("heartbeat-test", [&] { blocked = blocked_here(); }).join();

  BOOST_TEST(::sigismember(&blocked, SIGPROF) == 1);
}

BOOST_AUTO_TEST_CASE(its_creator_blocks_afterwards_what_it_did_before) {
  const OnlyBlocked only{SIGUSR2};
  const std::string before = numbers(blocked_here());

  std::thread thread = heartbeat::detail::library_thread("heartbeat-test", [] {});

  BOOST_TEST(numbers(blocked_here()) == before);
  thread.join();
}

// Cannot be moved once the signals are blocked, and so not to where a thread would run it. That is the way out of a
// thread that the system refuses, too.
struct CannotBeKept {
  CannotBeKept() = default;
  CannotBeKept(CannotBeKept&&) {
    const sigset_t now = blocked_here();
    if (::sigismember(&now, SIGTERM) == 1) throw std::runtime_error{"cannot be kept"};
  }
  void operator()() const {}
};

BOOST_AUTO_TEST_CASE(its_creator_blocks_what_it_did_before_where_it_cannot_be_made) {
  const OnlyBlocked only{SIGUSR2};
  const std::string before = numbers(blocked_here());

  BOOST_CHECK_THROW((void)heartbeat::detail::library_thread("heartbeat-test", CannotBeKept{}), std::runtime_error);

  BOOST_TEST(numbers(blocked_here()) == before);
}

BOOST_AUTO_TEST_CASE(what_blocks_them_puts_back_what_was) {
  const OnlyBlocked only{SIGUSR2};
  const std::string before = numbers(blocked_here());
  {
    const ProgramSignalsBlocked meanwhile;
    const sigset_t inside = blocked_here();
    BOOST_TEST(::sigismember(&inside, SIGTERM) == 1);
    BOOST_TEST(::sigismember(&inside, SIGUSR2) == 1);
  }

  BOOST_TEST(numbers(blocked_here()) == before);
}

BOOST_AUTO_TEST_CASE(it_has_its_name) {
  std::array<char, 16> name{};
  heartbeat::detail::library_thread("fifteen letters", [&] {
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  }).join();

  BOOST_TEST(name.data() == "fifteen letters");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
