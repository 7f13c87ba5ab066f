// SPDX-License-Identifier: BSL-1.0
// The server of a run: one of the program's own, which can be told to misbehave and asked for its numbers, or somebody
// else's, which can be neither.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <typedb_server/server.hpp>
#include <utility>
#include <vector>

#include <heartbeat/transports/typedb/session_id.hpp>

namespace typedb_sessions {

class Peer {
 public:
  /// The server at that address; one of its own if there is none. Throws: std::system_error.
  explicit Peer(std::string address) : address_{std::move(address)} {
    if (!address_.empty()) return;
    own_.emplace();
    address_ = own_->address();
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] bool is_own() const { return own_.has_value(); }

  /// Has the own server forget these sessions; how many of them it knew.
  std::uint64_t forget(const std::vector<heartbeat::typedb::SessionId>& sessions) {
    std::uint64_t count = 0;
    for (const auto& id : sessions)
      count += own_->forget(id.view()) ? 1 : 0;
    return count;
  }

  /// Has the own server lose the pulses of these sessions.
  void lose_pulses(const std::vector<heartbeat::typedb::SessionId>& sessions) {
    for (const auto& id : sessions)
      own_->set_faults(id.view(), {.pulse = typedb_server::Fault::request_lost()});
  }

  /// What the own server counted.
  [[nodiscard]] std::optional<typedb_server::Counters> counters() const {
    if (!own_) return std::nullopt;
    return own_->counters();
  }

 private:
  std::string address_;
  std::optional<typedb_server::Server> own_;
};

}  // namespace typedb_sessions
