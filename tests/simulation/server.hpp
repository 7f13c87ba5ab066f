// SPDX-License-Identifier: BSL-1.0
// The server's own view of a simulation: which sessions it keeps, and until when. It is what `valid()` is measured
// against, and knows nothing of the library. Read next: model.hpp.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "dice.hpp"

namespace heartbeat::simulation {

/// Time since the simulation's beginning.
using Time = std::chrono::nanoseconds;

class Server {
 public:
  /// Keeps each session for so much longer than it says.
  explicit Server(Span patience) : patience_{patience} {}

  /// A session is given to somebody, who knows it by `owner`; whoever had it before has lost it.
  void grant(int id, int owner, Span ttl, Time now) { sessions_[id] = {owner, ttl, now + ttl, ttl}; }

  /// A beat that has arrived: how long the session is kept from now on; no value: not known.
  /// `share` of the session's ttl is what it tells.
  std::optional<Span> beat(int id, int owner, Time now, double share) {
    Session* session = find(id, owner, now);
    if (session == nullptr) return std::nullopt;
    const Span ttl = share == 1 ? session->ttl : std::chrono::duration_cast<Span>(session->ttl * share);
    // A promise stands, also when the next one is shorter.
    session->kept_until = std::max(session->kept_until, now + ttl);
    return ttl;
  }

  /// The same, and the session is kept as long as at first: so it need not tell how long. False: not known.
  bool beat_as_granted(int id, int owner, Time now) {
    Session* session = find(id, owner, now);
    if (session != nullptr) session->ttl = session->granted;
    return beat(id, owner, now, 1).has_value();
  }

  /// A close that has arrived closes whatever has that name by now: whose session it was; -1: none.
  int close(int id, Time now) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return -1;
    const int owner = found->second.kept_until + patience_ <= now ? -1 : found->second.owner;
    sessions_.erase(found);
    return owner;
  }

  [[nodiscard]] bool keeps(int id, int owner, Time now) { return find(id, owner, now) != nullptr; }

  void change_ttl(int id, Span ttl) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) found->second.ttl = ttl;
  }

  /// A thirtieth of what was granted less, down to a third of it; then all of it again.
  void run_out(int id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    Session& session = found->second;
    session.ttl = 3 * session.ttl < session.granted ? session.granted : session.ttl - session.granted / 30;
  }

  // It breaks its promise: nobody can be blamed for believing in it.
  void forget(int id) { sessions_.erase(id); }
  void restart() { sessions_.clear(); }

  /// While it is paused, time goes on and nothing is served.
  void pause_until(Time until) { served_from_ = std::max(served_from_, until); }
  [[nodiscard]] Time served_from() const { return served_from_; }

 private:
  struct Session {
    int owner;
    Span ttl;
    Time kept_until;
    Span granted;
  };

  Session* find(int id, int owner, Time now) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second.owner != owner || found->second.kept_until + patience_ <= now)
      return nullptr;
    return &found->second;
  }

  const Span patience_;
  std::map<int, Session> sessions_;
  Time served_from_{0};
};

}  // namespace heartbeat::simulation
