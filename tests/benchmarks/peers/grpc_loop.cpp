// SPDX-License-Identifier: BSL-1.0
// The least that keeps TypeDB sessions alive: one thread walks them in the order of their phases and starts a pulse of
// each with gRPC's callback API. Nothing is retried, cancelled or told, and no session can be added or stopped.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../measured.hpp"
#include "../typedb_sessions.hpp"

namespace {

namespace protocol = typedb::protocol;

struct Session {
  std::chrono::milliseconds phase;
  protocol::Session::Pulse::Req request;
};

struct Pulse {
  grpc::ClientContext context;
  protocol::Session::Pulse::Res response;
};

std::atomic<std::uint64_t> acknowledged{0};

void send(protocol::TypeDB::Stub& stub, const Session& session) {
  auto* const pulse = new Pulse;
  pulse->context.set_deadline(std::chrono::system_clock::now() + benchmarks::pulse_interval);
  stub.async()->session_pulse(&pulse->context, &session.request, &pulse->response, [pulse](const grpc::Status& status) {
    if (status.ok() && pulse->response.alive()) {
      acknowledged.fetch_add(1, std::memory_order_relaxed);  // a count, read when it is compared with what was due
    }
    delete pulse;
  });
}

void keep_alive(protocol::TypeDB::Stub& stub, const std::vector<Session>& sessions) {
  for (auto round = std::chrono::steady_clock::now();; round += benchmarks::pulse_interval) {
    for (const Session& session : sessions) {
      std::this_thread::sleep_until(round + session.phase);
      send(stub, session);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  const auto stub = protocol::TypeDB::NewStub(benchmarks::channel_of(arguments));
  std::vector<Session> sessions;
  benchmarks::Phases phases{benchmarks::pulse_interval};
  for (const std::string& id : benchmarks::open_sessions(*stub, arguments)) {
    sessions.push_back({phases.next(), {}});
    sessions.back().request.set_session_id(id);
  }
  std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) { return a.phase < b.phase; });
  std::thread loop{keep_alive, std::ref(*stub), std::cref(sessions)};
  const int status =
      benchmarks::measure(arguments, benchmarks::pulse_interval, bytes_before, [] { return acknowledged.load(); });
  std::fflush(stdout);
  std::quick_exit(status);
}
