// SPDX-License-Identifier: BSL-1.0
// Question: what do I set, watch and do at the end when this goes to production?
// A lease of 3 s that a server renews; the program works while it may, looks at the counters, and leaves in order.
// Prints
//   lease-1: started
//   worked while the lease was valid: yes
//   healthy: yes
//   lease-1: ended, stopped
//   left in order: yes
// Read next: ../include/heartbeat/options.hpp, where each option stands with its range and its rule.

#include <atomic>
#include <iostream>
#include <stop_token>
#include <string>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;

namespace {

// [sink]
// Told one event at a time, on a thread of its own: it may log, page somebody, or block. Not every acknowledgement is
// worth a line; these are.
void tell(const heartbeat::Event<std::string>& event) {
  using heartbeat::EventKind;
  switch (event.kind) {
    case EventKind::acknowledged: return;
    case EventKind::ended: std::cout << event.key << ": ended, " << to_string(event.reason) << '\n'; return;
    default: std::cout << event.key << ": " << to_string(event.kind) << ' ' << event.text << '\n';
  }
}
// [sink]

}  // namespace

int main() {
  // What a real program calls to get its lease, and to renew it.
  const auto grant = [] { return std::string{"lease-1"}; };
  std::atomic<int> renewals{0};
  heartbeat::FunctionTransport server{[&](const std::string&) {
    ++renewals;
    renewals.notify_all();
    return true;
  }};

  // [registry]
  const heartbeat::RegistryOptions limits{
      .gap_threshold = 1s,            // a wake-up later than this means that the process was away
      .max_in_flight = 1'000,         // what the server answers within a beat timeout, at its worst
      .max_sends_per_second = 5'000,  // and what it bears, when everybody comes back at once
      .tick = 10ms};                  // a coarser one costs less; lateness grows by as much
  heartbeat::HeartbeatRegistry<std::string, decltype(server)> registry{server, tell, limits};
  // [registry]

  // [start]
  std::stop_source program;  // a signal handler's, say: cancelling it ends all that the program holds
  const auto before = registry.clock().now();
  const std::string lease = grant();
  auto beat = registry.start(lease, {.interval = 300ms,       // several beats in a ttl: attempts have to fit
                                     .ttl = 3s,               // what the server was asked for, or told
                                     .beat_timeout = 500ms,   // above the slowest answer of a healthy server
                                     .safety_margin = 200ms,  // how long it takes to stop working, and the drift
                                     .granted_at = before,    // valid at once; counted from before the grant
                                     .parent = program.get_token()});
  // [start]

  // [work]
  bool worked = false;
  const auto work = [&] { worked = true; };
  for (int seen = 0; seen < 3; seen = renewals) {
    if (!beat.valid()) break;  // before each step that only the holder may do
    work();
    renewals.wait(seen);
  }
  // [work]
  std::cout << "worked while the lease was valid: " << (worked ? "yes" : "NO") << std::endl;

  // [statistics]
  // What to put on a dashboard: the least validity that was ever left when an answer came tells a loss before it
  // happens, lateness tells that the machine is too busy, `starved` that a limit is too low.
  const heartbeat::Statistics counted = registry.statistics();
  const bool is_healthy = counted.failed + counted.timed_out == 0 && counted.starved == 0 && counted.time_gaps == 0 &&
                          counted.lateness.quantile(0.99) < 1s && counted.least_slack > 1s;
  // [statistics]
  std::cout << "healthy: " << (is_healthy ? "yes" : "no, or the machine is too busy") << std::endl;

  // [shutdown]
  beat.stop();                                  // no beat follows; the server is told where the transport can
  const bool is_quiet = registry.shutdown(5s);  // waits for closes, callbacks and events
  std::cout << "left in order: " << (is_quiet ? "yes" : "NO") << '\n';  // if not: a callback hangs
  // [shutdown]
  return worked && is_quiet ? 0 : 1;
}
