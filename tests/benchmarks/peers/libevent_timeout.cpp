// SPDX-License-Identifier: BSL-1.0
// A libevent timer per session. All beats but the first wait for the same time, which libevent keeps in a list instead
// of its heap ("common timeout").
#include <cstdlib>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <thread>
#include <unordered_map>

#include "../measured.hpp"

namespace {

struct Hash {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

struct Session {
  event timer;
  benchmarks::SessionId id;
};

benchmarks::NoServer server;
const timeval* common_interval = nullptr;

void on_timer(evutil_socket_t, short, void* argument) {
  auto& session = *static_cast<Session*>(argument);
  server.beat(session.id);
  event_add(&session.timer, common_interval);
}

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  event_base* const base = event_base_new();
  const timeval interval{benchmarks::interval.count(), 0};
  common_interval = event_base_init_common_timeout(base, &interval);
  benchmarks::Phases phases;
  std::unordered_map<benchmarks::SessionId, Session, Hash> sessions;
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number) {
    Session& session = sessions[benchmarks::session_id(number)];
    session.id = benchmarks::session_id(number);
    event_assign(&session.timer, base, -1, 0, on_timer, &session);
    const auto first = phases.next().count();
    const timeval wait{first / 1000, first % 1000 * 1000};
    event_add(&session.timer, &wait);
  }
  std::thread runner{[&] { event_base_dispatch(base); }};
  const int status = benchmarks::measure(arguments, server, bytes_before);
  std::fflush(stdout);
  std::quick_exit(status);
}
