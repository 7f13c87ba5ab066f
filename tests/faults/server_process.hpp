// SPDX-License-Identifier: BSL-1.0
// The server process as a test holds it: what can be done to the process, and what can be asked of the server in it.
// Read next: programs/server.cpp, its other side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <typedb_server/port_reservation.hpp>
#include <unordered_set>

#include <heartbeat/transports/typedb/session_id.hpp>

#include "../servers/process.hpp"

namespace heartbeat::faults {

using typedb::SessionId;

/// What the server has counted; see typedb_server/counters.hpp.
struct ServerCounters {
  std::uint64_t opened, closed, expired, open, pulses, alive, unknown, disturbed;
};

/// Threading: one thread. Blocks: every call, until the server has answered; it does not while it is stopped.
class ServerProcess {
 public:
  /// With that many threads that answer calls; 0: one for each processor.
  explicit ServerProcess(unsigned threads = 0) : threads_{threads} { start(); }

  /// Starts it, after a kill on the port it had, which nobody could take meanwhile.
  void start() {
    process_.emplace(
        std::vector<std::string>{HEARTBEAT_FAULTS_SERVER, std::to_string(port()), std::to_string(threads_)});
    if (process_->read_line() != std::to_string(port())) throw std::runtime_error{"the server has another port"};
  }

  /// SIGKILL; it is gone when this returns, and with it all that it knew.
  void kill() { process_.reset(); }

  /// SIGSTOP; it stands still when this returns. Its sockets stay.
  void stop() {
    ::kill(process_->pid(), SIGSTOP);
    int status = 0;
    if (::waitpid(process_->pid(), &status, WUNTRACED) != process_->pid() || !WIFSTOPPED(status)) {
      throw std::runtime_error{"the server does not stop"};
    }
  }

  /// SIGCONT
  void go_on() { ::kill(process_->pid(), SIGCONT); }

  [[nodiscard]] int port() const { return port_.port(); }

  [[nodiscard]] ServerCounters counters() {
    std::istringstream numbers{ask("counters")};
    ServerCounters n{};
    numbers >> n.opened >> n.closed >> n.expired >> n.open >> n.pulses >> n.alive >> n.unknown >> n.disturbed;
    if (!numbers) throw std::runtime_error{"the server cannot count"};
    return n;
  }

  /// Those that are open now.
  [[nodiscard]] std::unordered_set<SessionId> sessions() {
    constexpr std::size_t digits = 32;
    const std::string hex = ask("sessions");
    std::unordered_set<SessionId> ids;
    for (std::size_t at = 0; at + digits <= hex.size(); at += digits) {
      SessionId id;
      for (std::size_t i = 0; i != id.bytes.size(); ++i)
        id.bytes[i] = static_cast<unsigned char>(std::stoi(hex.substr(at + 2 * i, 2), nullptr, 16));
      ids.insert(id);
    }
    return ids;
  }

  /// Answers every call of a session with that status; 0: with what is right.
  void fail(int code) { (void)ask("fail " + std::to_string(code)); }

  /// Hangs: what arrives waits, and is served when it goes on, also what was given up meanwhile but not cancelled.
  void pause() { (void)ask("pause"); }
  void resume() { (void)ask("resume"); }

 private:
  std::string ask(const std::string& line) {
    process_->write_line(line);
    return process_->read_line();
  }

  const unsigned threads_;
  const typedb_server::PortReservation port_{0};
  std::optional<testing::Process> process_;
};

}  // namespace heartbeat::faults
