// SPDX-License-Identifier: BSL-1.0
// Question: how do I hold etcd leases, and learn that one was taken from me?
// Takes etcd's address; `examples/with_server.sh etcd <this program>` starts one. Prints
//   3 leases of 2 s
//   still held, 18 beats later
//   694d71dd9a68b50e: gone
//   694d71dd9a68b50c: stopped
//   694d71dd9a68b50d: stopped
// Read next: custom_transport.cpp, for what no transport comes along for.

#include <atomic>
#include <chrono>
#include <future>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/transports/etcd.hpp>

using namespace std::chrono_literals;
using heartbeat::etcd::LeaseId;
using Registry = heartbeat::HeartbeatRegistry<LeaseId, heartbeat::etcd::LeaseTransport>;

// Waits until somebody has counted so far.
void wait_for(const std::atomic<int>& count, int wanted) {
  for (int seen = count; seen < wanted; seen = count)
    count.wait(seen);
}

// Somebody else takes the lease away.
std::error_code revoke(heartbeat::etcd::LeaseTransport& etcd, LeaseId id) {
  std::promise<std::error_code> answer;
  auto completion = heartbeat::CloseCompletion::calling([&](std::error_code error) { answer.set_value(error); });
  etcd.async_close(id, heartbeat::BeatContext{10s}, std::move(completion));
  return answer.get_future().get();
}

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "127.0.0.1:2379";
  std::atomic<int> beats{0};
  std::atomic<int> ends{0};
  const auto sink = [&](const Registry::EventType& event) {
    if (event.kind == heartbeat::EventKind::ended) {
      std::cout << event.key << ": " << to_string(event.reason) << '\n';
      ++ends;
      ends.notify_all();
    } else if (event.kind == heartbeat::EventKind::acknowledged) {
      ++beats;
      beats.notify_all();
    }
  };

  // [leases]
  heartbeat::etcd::LeaseTransport etcd{heartbeat::etcd::channel_to(address)};
  Registry registry{etcd, sink};
  std::vector<Registry::Handle> leases;
  for (int i = 0; i != 3; ++i) {
    const auto asked_at = heartbeat::BootClock::now();  // before the call: the ttl may run from here on
    const auto lease = etcd.grant(2s);
    leases.push_back(registry.start(lease.id, {.interval = 500ms, .ttl = lease.ttl, .granted_at = asked_at}));
  }
  // A handle that dies, or its stop(), revokes the lease; its stop token fires when etcd does not know it any more.
  // [leases]
  std::cout << leases.size() << " leases of 2 s\n";

  wait_for(beats, 18);  // six of each are 2.5 s or more
  bool are_right = ends == 0;
  for (const auto& lease : leases)
    are_right = are_right && lease.valid();
  std::cout << (are_right ? "still held, 18 beats later\n" : "lost\n");

  are_right = are_right && !revoke(etcd, leases[2].key());
  wait_for(ends, 1);
  are_right = are_right && leases[2].ended() == heartbeat::EndReason::gone && leases[0].valid() && leases[1].valid();
  leases.clear();
  wait_for(ends, 3);
  return registry.shutdown(5s) && are_right ? 0 : 1;
}
