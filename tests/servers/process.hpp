// SPDX-License-Identifier: BSL-1.0
// A program of another language that a test starts and talks with by lines: its standard input and output are one
// socket of ours, its standard error is the test's own, so what it complains of is seen. Whatever does not come in time
// is an exception, and so a failed test. When this object dies the program is dead.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>

extern "C" char** environ;

namespace heartbeat::testing {

/// How long a test waits for another program before it has failed: longer than any machine needs that works.
inline constexpr std::chrono::seconds patience{60};

/// A running program.
///
/// Threading: one thread. Blocks: `read_line` and `wait`, to their limit.
class Process {
 public:
  /// Starts a program, which is looked for in PATH: `{"node", "pulse_server.js"}`.
  ///
  /// Throws: std::system_error, when it cannot be started.
  explicit Process(std::vector<std::string> command) : name_{command.at(0)} {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0 ? 0 : errno, "socketpair");
    socket_ = ends[0];
    std::vector<char*> arguments;
    for (std::string& argument : command)
      arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int error = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) ::close(socket_);
    check(error, "start");
  }

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Kills it if it still runs.
  ~Process() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      reap();
    }
    ::close(socket_);
  }

  /// Sends a line to its standard input. Throws: std::system_error, when it has none any more.
  void write_line(std::string_view line) {
    std::string bytes{line};
    bytes += '\n';
    for (std::string_view rest = bytes; !rest.empty();) {
      const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      check(sent < 0 ? errno : 0, "write to");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Its standard input ends; it can still be read from.
  void close_input() { ::shutdown(socket_, SHUT_WR); }

  /// The next line of its standard output, without the end of line.
  ///
  /// Throws: std::runtime_error, when none comes within the limit, or none will come because it has ended its output.
  std::string read_line(std::chrono::milliseconds limit = patience) {
    const auto until = BootClock::now() + limit;
    for (;;) {
      if (const auto end = unread_.find('\n'); end != std::string::npos) {
        std::string line = unread_.substr(0, end);
        unread_.erase(0, end + 1);
        return line;
      }
      if (!read_some(until)) {
        throw std::runtime_error{name_ + " has ended where a line was expected; its last words: '" + unread_ + "'"};
      }
    }
  }

  /// All that it still prints, once it has ended its output.
  ///
  /// Throws: std::runtime_error, when it has not ended its output within the limit.
  std::string read_to_end(std::chrono::milliseconds limit = patience) {
    const auto until = BootClock::now() + limit;
    while (read_some(until)) {
    }
    return std::exchange(unread_, {});
  }

  /// Waits for its end; its exit status, or 128 and the signal that killed it. What it still prints is dropped.
  ///
  /// Throws: std::runtime_error, when it has not ended its output within the limit.
  int wait(std::chrono::milliseconds limit = patience) {
    const auto until = BootClock::now() + limit;
    while (!status_ && read_some(until))
      unread_.clear();
    if (!status_) reap();
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_);
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  // Waits for output and takes it in; false when there will be none.
  bool read_some(BootClock::time_point until) {
    pollfd waiting{socket_, POLLIN, 0};
    int ready = 0;
    do {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - BootClock::now());
      ready = left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) throw std::runtime_error{name_ + " did not say what was expected in time"};
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (size > 0) unread_.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  void reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
  }

  void check(int error, const char* what) const {
    if (error != 0) throw std::system_error{error, std::generic_category(), std::string{what} + ' ' + name_};
  }

  std::string name_;
  int socket_ = -1;
  pid_t pid_ = -1;
  std::string unread_;         // output that no line was made of yet
  std::optional<int> status_;  // as waitpid gave it; none while it may run
};

}  // namespace heartbeat::testing
