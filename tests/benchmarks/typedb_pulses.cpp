// SPDX-License-Identifier: BSL-1.0
// TypeDB sessions in a registry, as a user has them: CPU per pulse on the client's side.
// Read next: peers/grpc_loop.cpp, the same pulses without us.
#include <cstdlib>

#include <heartbeat/registry.hpp>
#include <heartbeat/transports/typedb.hpp>

#include "measured.hpp"
#include "typedb_sessions.hpp"

int main(int count, char** words) {
  using heartbeat::typedb::SessionId;
  using heartbeat::typedb::SessionTransport;
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  SessionTransport transport{benchmarks::channel_of(arguments)};
  const auto ids = benchmarks::open_sessions(*transport.stub(), arguments);
  heartbeat::HeartbeatRegistry<SessionId, SessionTransport> registry{transport};
  for (const std::string& id : ids)
    registry.start(SessionId::from_bytes(id), {.interval = benchmarks::pulse_interval}).detach();
  const int status = benchmarks::measure(arguments, benchmarks::pulse_interval, bytes_before,
                                         [&] { return registry.statistics().acknowledged; });
  std::fflush(stdout);
  std::quick_exit(status);  // closing them all is no part of this
}
