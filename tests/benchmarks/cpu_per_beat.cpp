// SPDX-License-Identifier: BSL-1.0
// A registry with its default clock and executor, as a user has it: CPU per beat and resident bytes per heartbeat.
// Read next: peers/, the same with what people use otherwise.
#include <cstdlib>

#include <heartbeat/registry.hpp>

#include "measured.hpp"

template <>
struct std::hash<benchmarks::SessionId> {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

namespace {

struct Transport {
  benchmarks::NoServer* server;
  void async_beat(const benchmarks::SessionId& id, const heartbeat::BeatContext&, heartbeat::BeatCompletion done) {
    server->beat(id);
    done(heartbeat::BeatResult::acknowledged());
  }
};

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  benchmarks::NoServer server;
  heartbeat::HeartbeatRegistry<benchmarks::SessionId, Transport> registry{Transport{&server}};
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number)
    registry.start(benchmarks::session_id(number), {.interval = benchmarks::interval}).detach();
  const int status = benchmarks::measure(arguments, server, bytes_before);
  std::fflush(stdout);
  std::quick_exit(status);  // stopping them all is no part of this
}
