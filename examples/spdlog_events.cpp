// SPDX-License-Identifier: BSL-1.0
// Question: how do I log what happens to my sessions?
// The sink of a registry gets each event; to_string makes a line of it, for whatever logger the program has. The server
// here does not answer the second beat, and has forgotten the session when the third comes. Prints
//   session-7 (generation …) started
//   session-7 (generation …) acknowledged
//   session-7 (generation …) missed after 1 failure: Connection timed out: no answer
//   session-7 (generation …) jeopardy after 1 failure: Connection timed out: no answer
//   session-7 (generation …) ended: gone after 1 failure: Connection timed out: no answer
// each with the time and the level before it. Read next: prometheus_metrics.cpp.
#include <semaphore>
#include <spdlog/spdlog.h>
#include <string>
#include <system_error>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/printing.hpp>

using namespace std::chrono_literals;

int main() {
  heartbeat::FunctionTransport server{[beats = 0](const std::string&, const heartbeat::BeatContext&) mutable {
    switch (++beats) {
      case 1: return heartbeat::BeatResult::acknowledged();
      case 2: return heartbeat::BeatResult::failed(std::make_error_code(std::errc::timed_out), "no answer");
      default: return heartbeat::BeatResult::gone();
    }
  }};
  // [log]
  heartbeat::HeartbeatRegistry<std::string, decltype(server)> registry{
      server, [](const auto& event) { spdlog::info(to_string(event)); }};
  // [log]
  const auto beat = registry.start("session-7", {.interval = 100ms, .ttl = 10s});
  std::binary_semaphore lost{0};
  const std::stop_callback when_it_ends{beat.stop_token(), [&] { lost.release(); }};
  lost.acquire();  // the end may not be told yet: the registry's destructor sees to it
  return beat.ended() == heartbeat::EndReason::gone ? 0 : 1;
}
