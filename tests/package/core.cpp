// SPDX-License-Identifier: BSL-1.0
// The program of somebody who uses the library: it compiles and runs when the package gave it all it needs.
#include <chrono>
#include <string>

#include <heartbeat/heartbeat.hpp>

struct SilentServer {
  heartbeat::BeatResult beat(const std::string&, const heartbeat::BeatContext&) {
    return heartbeat::BeatResult::acknowledged();
  }
};

int main() {
  heartbeat::HeartbeatRegistry<std::string, SilentServer> registry{SilentServer{}};
  auto beat = registry.start("session-7", {.interval = std::chrono::seconds{5}, .ttl = std::chrono::seconds{30}});
  return beat.stop() ? 0 : 1;
}
