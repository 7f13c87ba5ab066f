// SPDX-License-Identifier: BSL-1.0
// Question: what is the least I must write to keep a session alive, and to learn that it was lost?
// Any function is a transport. This one stands for a server that forgets the session when the third beat comes. Prints
//   beat for session-7
//   beat for session-7
//   beat for session-7
//   ended: gone
// Read next: custom_transport.cpp.

// [program]
#include <iostream>
#include <semaphore>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;

int main() {
  heartbeat::FunctionTransport server{[beats = 0](const std::string& key) mutable {
    std::cout << "beat for " << key << '\n';
    return ++beats < 3;  // true: the session lives; false: it is gone
  }};
  heartbeat::HeartbeatRegistry<std::string, decltype(server)> registry{server};
  auto beat = registry.start("session-7", {.interval = 300ms, .ttl = 3s});
  std::binary_semaphore lost{0};
  std::stop_callback when_it_ends{beat.stop_token(), [&] { lost.release(); }};
  lost.acquire();
  std::cout << "ended: " << to_string(*beat.ended()) << '\n';
  return beat.ended() == heartbeat::EndReason::gone ? 0 : 1;
}
// [program]
