// SPDX-License-Identifier: BSL-1.0
// Question: how do I notice, as the server, that a client has died?
// A monitor watches the clients' names and is touched when their beats arrive. Three clients beat, here in the same
// program with a registry; one of them dies without a word. Prints
//   bob has been silent for too long
//   right: bob alone was told, once
//   right: alice and carol live
//   right: a client that says goodbye is not missed
// Read next: custom_transport.cpp, for the clients' side.

#include <chrono>
#include <iostream>
#include <semaphore>
#include <string>
#include <string_view>

#include <heartbeat/heartbeat.hpp>

namespace {

int wrong = 0;

void check(std::string_view what, bool holds) {
  std::cout << (holds ? "right: " : "WRONG: ") << what << '\n';
  if (!holds) ++wrong;
}

}  // namespace

int main() {
  using namespace std::chrono_literals;

  // [server]
  std::counting_semaphore<> told{0};
  heartbeat::HeartbeatMonitor<std::string> monitor{[&](const auto& expiry) {
    std::cout << expiry.key << " has been silent for too long" << std::endl;  // give up what it held
    told.release();
  }};
  // Once for each client, when it introduces itself:
  for (const char* client : {"alice", "bob", "carol"})
    monitor.watch(client, {.ttl = 2s});
  // For each beat that arrives; the answer is what the client is told: it lives, or is gone.
  const auto serve = [&](const std::string& client) { return monitor.touch(client); };
  // [server]

  heartbeat::FunctionTransport network{serve};
  heartbeat::HeartbeatRegistry<std::string, decltype(network)> clients{network};
  auto alice = clients.start("alice", {.interval = 200ms, .ttl = 2s});
  auto bob = clients.start("bob", {.interval = 200ms, .ttl = 2s});
  auto carol = clients.start("carol", {.interval = 200ms, .ttl = 2s});

  bob.stop();
  const bool was_told = told.try_acquire_for(30s);

  check("bob alone was told, once", was_told && !told.try_acquire() && !monitor.contains("bob"));
  check("alice and carol live", monitor.size() == 2 && alice.valid() && carol.valid());

  carol.stop();
  const bool was_known = monitor.forget("carol");
  check("a client that says goodbye is not missed", was_known && !told.try_acquire_for(2500ms));
  return wrong;
}
