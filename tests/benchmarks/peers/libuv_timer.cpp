// SPDX-License-Identifier: BSL-1.0
// A repeating libuv timer per session, one loop.
#include <cstdlib>
#include <thread>
#include <unordered_map>
#include <uv.h>

#include "../measured.hpp"

namespace {

struct Hash {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

struct Session {
  uv_timer_t timer;
  benchmarks::SessionId id;
};

benchmarks::NoServer server;

// A timer repeats from when it was run: one that is due before the loop runs would keep its lateness, and all such one
// phase. So all count from one reading of the clock, and the first is due when they have all been started.
constexpr std::chrono::seconds lead{2};

void on_timer(uv_timer_t* timer) {
  server.beat(static_cast<Session*>(timer->data)->id);
}

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  uv_loop_t loop;
  uv_loop_init(&loop);
  benchmarks::Phases phases;
  std::unordered_map<benchmarks::SessionId, Session, Hash> sessions;
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number) {
    Session& session = sessions[benchmarks::session_id(number)];
    session.id = benchmarks::session_id(number);
    uv_timer_init(&loop, &session.timer);
    session.timer.data = &session;
    uv_timer_start(&session.timer, on_timer, static_cast<std::uint64_t>((lead + phases.next()).count()),
                   static_cast<std::uint64_t>(std::chrono::milliseconds{benchmarks::interval}.count()));
  }
  std::thread runner{[&] { uv_run(&loop, UV_RUN_DEFAULT); }};
  const int status = benchmarks::measure(arguments, server, bytes_before);
  std::fflush(stdout);
  std::quick_exit(status);
}
