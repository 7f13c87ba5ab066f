// SPDX-License-Identifier: BSL-1.0
// etcd leases in a registry, as a user has them: CPU per keepalive on the client's side, memory, and leases lost.
// Read next: peers/etcd_client.go, the same leases kept by etcd's own Go client.
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include <heartbeat/registry.hpp>
#include <heartbeat/transports/etcd.hpp>

#include "measured.hpp"

namespace {

using heartbeat::etcd::LeaseId;
using heartbeat::etcd::LeaseTransport;
using Registry = heartbeat::HeartbeatRegistry<LeaseId, LeaseTransport>;

constexpr std::chrono::seconds ttl{6};
// The Go client looks each 500 ms for leases whose last answer is a third of the ttl ago, so it beats each 2.5 s.
constexpr std::chrono::milliseconds interval{2500};
constexpr int grants_at_once = 32;

void grant_and_start(Registry& registry, LeaseTransport& transport, std::uint64_t count) {
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    while (next.fetch_add(1) < count) {
      const auto asked_at = heartbeat::BootClock::now();
      const auto lease = transport.grant(ttl);
      registry.start(lease.id, {.interval = interval, .ttl = lease.ttl, .granted_at = asked_at}).detach();
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i != grants_at_once; ++i)
    threads.emplace_back(work);
}

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  LeaseTransport transport{heartbeat::etcd::channel_to(arguments.address)};
  heartbeat::RegistryOptions options;
  options.tick = std::chrono::round<std::chrono::microseconds>(benchmarks::Seconds{arguments.tick});
  Registry registry{transport, {}, options};
  grant_and_start(registry, transport, arguments.heartbeats);
  const int status = benchmarks::measure(
      arguments, interval, bytes_before, [&] { return registry.statistics().acknowledged; },
      [&] { return arguments.heartbeats - registry.statistics().running; });
  std::fflush(stdout);
  std::quick_exit(status);  // revoking them all is no part of this
}
