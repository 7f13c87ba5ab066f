// SPDX-License-Identifier: BSL-1.0
// A real redis-server on a port of its own, and what can be done to its process. It writes nothing to the disk: killed
// and started again, it knows nothing. Read next: process.hpp.
#pragma once

#include <optional>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <typedb_server/port_reservation.hpp>
#include <vector>

#include "process.hpp"

namespace heartbeat::testing {

/// Threading: one thread; its address, any.
class RedisServer {
 public:
  /// Throws: std::system_error and std::runtime_error, where there is no redis-server or it does not start.
  RedisServer() { start(); }

  /// Starts it, after a kill on the port it had, which nobody could take meanwhile; it takes connections when this
  /// returns.
  void start() {
    process_.emplace(std::vector<std::string>{"redis-server", "--bind", "127.0.0.1", "--port",
                                              std::to_string(port_.port()), "--save", "", "--appendonly", "no"});
    while (process_->read_line().find("Ready to accept connections") == std::string::npos) {
    }
  }

  /// SIGKILL; it is gone when this returns.
  void kill() { process_.reset(); }

  /// SIGSTOP; it stands still when this returns. Its sockets stay, and take connections.
  void stop() {
    ::kill(process_->pid(), SIGSTOP);
    int status = 0;
    if (::waitpid(process_->pid(), &status, WUNTRACED) != process_->pid() || !WIFSTOPPED(status)) {
      throw std::runtime_error{"redis-server does not stop"};
    }
  }

  /// SIGCONT
  void go_on() { ::kill(process_->pid(), SIGCONT); }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_.port()); }

 private:
  const typedb_server::PortReservation port_{0};
  std::optional<Process> process_;
};

}  // namespace heartbeat::testing
