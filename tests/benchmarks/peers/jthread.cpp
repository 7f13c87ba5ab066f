// SPDX-License-Identifier: BSL-1.0
// A std::jthread per session: it waits for its stop token or for the time of its next beat.
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <vector>

#include "../measured.hpp"

namespace {

void keep_alive(std::stop_token stop, benchmarks::NoServer& server, benchmarks::SessionId id,
                std::chrono::steady_clock::time_point due) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock{mutex};
  while (!woken.wait_until(lock, stop, due, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    server.beat(id);
    due += benchmarks::interval;
  }
}

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  benchmarks::NoServer server;
  benchmarks::Phases phases;
  std::vector<std::jthread> sessions;
  sessions.reserve(arguments.heartbeats);
  try {
    for (std::uint64_t number = 0; number < arguments.heartbeats; ++number) {
      sessions.emplace_back(keep_alive, std::ref(server), benchmarks::session_id(number),
                            std::chrono::steady_clock::now() + phases.next());
    }
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "no thread for session %zu: %s\n", sessions.size(), error.what());
    std::quick_exit(3);
  }
  const int status = benchmarks::measure(arguments, server, bytes_before);
  std::fflush(stdout);
  std::quick_exit(status);
}
