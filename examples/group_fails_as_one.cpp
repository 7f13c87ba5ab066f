// SPDX-License-Identifier: BSL-1.0
// Question: my job holds several sessions and is worth nothing without all of them. How do I end the others when one is
// lost, and learn which one it was? Prints
//   replica-2 is gone; 0 of 3 heartbeats run on
//   later starts are refused: the group has failed or was cancelled and takes no more heartbeats
// Read next: deterministic_test.cpp.

#include <iostream>
#include <optional>
#include <string>
#include <system_error>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;

int main() {
  // [group]
  // The server of replica-2 does not know its session any more; those of the others do.
  heartbeat::FunctionTransport servers{[](const std::string& replica) { return replica != "replica-2"; }};
  heartbeat::HeartbeatRegistry<std::string, decltype(servers)> registry{servers};

  heartbeat::HeartbeatGroup group{registry};
  for (const char* replica : {"replica-1", "replica-2", "replica-3"})
    group.start(replica, {.interval = 300ms, .ttl = 3s});

  const auto first = group.wait();  // all three have ended: the first one gone, the others cancelled
  std::cout << first->key << " is " << to_string(first->reason) << "; " << group.size() << " of 3 heartbeats run on\n";
  // [group]

  std::error_code error;
  group.start("replica-4", {}, error);
  std::cout << "later starts are refused: " << error.message() << '\n';

  const heartbeat::Statistics numbers = registry.statistics();
  const bool is_right = first->key == "replica-2" && first->reason == heartbeat::EndReason::gone &&
                        group.failures().size() == 1 && registry.size() == 0 &&
                        numbers.ended_for(heartbeat::EndReason::parent_cancelled) == 2 &&
                        error == heartbeat::errc::group_cancelled;
  return is_right ? 0 : 1;
}
