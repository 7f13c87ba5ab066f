// SPDX-License-Identifier: BSL-1.0
// How tests look into a child that fork() has made of them: it runs a function, says what was not as it should be, and
// ends by exit(), which destroys what is static. If it hangs, a signal ends it. Read next: processes/fork.cpp.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "sanitized.hpp"
#include "waiting.hpp"

namespace heartbeat::testing {

#if HEARTBEAT_TEST_SANITIZED
/// Made before all that tests make: when it dies in a child, so has all of that. A look for leaks would come next, and
/// find what the parent's threads had on their stacks.
struct LastOfChild {
  ~LastOfChild() {
    if (is_child) ::_exit(0);
  }
  bool is_child = false;
};
inline LastOfChild last_of_child;
#endif

#if HEARTBEAT_TEST_ADDRESS_SANITIZED
/// True, if all threads but the caller's are asleep.
[[nodiscard]] inline bool others_sleep() {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream file{task.path() / "stat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    // "ID (NAME) STATE ...", and none if the thread has just ended; proc(5)
    const auto end_of_name = text.rfind(") ");
    if (end_of_name != std::string::npos && text[end_of_name + 2] != 'S') return false;
  }
  return true;
}
#endif

/// What a child has to say to its parent.
class Child {
 public:
  explicit Child(int pipe) noexcept : pipe_{pipe} {}

  void check(bool is_so, std::string_view what) const {
    if (!is_so) say("not so: " + std::string{what} + "; ");
  }

 private:
  void say(const std::string& text) const {
    [[maybe_unused]] const auto written = ::write(pipe_, text.data(), text.size());
  }

  const int pipe_;
};

/// Forks. The child calls `fn(const Child&)` and exits. True, if it said nothing, and neither hung nor died.
template <class Fn>
[[nodiscard]] Waited in_child(Fn fn) {
#if HEARTBEAT_TEST_ADDRESS_SANITIZED
  // The C library's allocator survives a fork; that of clang 14's sanitizer does not: in the child its locks stay with
  // whoever allocated just then. A thread that sleeps does not allocate.
  if (Waited asleep = eventually("the other threads' sleep", [] { return others_sleep(); }); !asleep) return asleep;
#endif
  int ends[2];
  if (::pipe(ends) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
  std::fflush(nullptr);  // else the child prints it once more
  const ::pid_t child = ::fork();
  if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (child == 0) {
    // Whoever forked may have blocked it, as threads of the library have.
    sigset_t alarm{};
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    std::signal(SIGALRM, SIG_DFL);
    ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
    ::alarm(static_cast<unsigned>(generous_limit.count()));
#if HEARTBEAT_TEST_SANITIZED
    last_of_child.is_child = true;
#endif
    fn(Child{ends[1]});
    std::exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char some[256];
  for (ssize_t count = ::read(ends[0], some, sizeof some); count > 0; count = ::read(ends[0], some, sizeof some))
    said.append(some, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    said += WTERMSIG(status) == SIGALRM ? "it hung" : "it died of signal " + std::to_string(WTERMSIG(status));
  } else if (WEXITSTATUS(status) != 0) {
    said += "it exited with " + std::to_string(WEXITSTATUS(status));
  }
  Waited result{said.empty()};
  result.message() << "the child: " << said;
  return result;
}

}  // namespace heartbeat::testing
