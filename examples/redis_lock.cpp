// SPDX-License-Identifier: BSL-1.0
// Question: how do I write a distributed lock that its owner keeps while it lives, and that cannot be written under by
// one who has lost it? `redis_lock 127.0.0.1:6379` plays two programs, A and B, and prints
//   ok     A has the lock
//   ok     A writes
//   ok     A still has it, longer than its ttl
//   ok     B cannot have it
//   ok     somebody deletes the key: A is told that it is gone
//   ok     A's next write is refused by its own check
//   ok     B, who has waited, has it, with a greater fencing token
//   ok     B writes
//   ok     A was paused between check and write: the resource refuses the write
//   ok     B releases it, and A has it again
// Read next: redis_lock/transport.hpp, which is all that the library needs; then lock.hpp and resource.hpp.

#include <exception>
#include <future>
#include <iostream>
#include <optional>
#include <redis_lock/lock.hpp>
#include <redis_lock/redis.hpp>
#include <redis_lock/resource.hpp>
#include <string>
#include <string_view>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;
using redis_lock::Lock;
using redis_lock::Resource;

namespace {

bool all_is_right = true;

bool check(std::string_view what, bool is_right) {
  std::cout << (is_right ? "ok     " : "WRONG  ") << what << std::endl;
  all_is_right = all_is_right && is_right;
  return is_right;
}

// Two checks, because neither does what the other does: see resource.hpp.
bool write(Resource& resource, const Lock& lock, const std::string& value) {
  return lock.valid() && resource.write(lock.fence(), value);
}

void play(const std::string& address) {
  const std::string name = "example:orders";
  const redis_lock::LockOptions options{.ttl = 2s, .interval = 200ms};
  Resource orders;
  redis_lock::Locks locks_of_a{address, options};
  redis_lock::Locks locks_of_b{address, options};

  std::optional<Lock> a = locks_of_a.try_acquire(name);
  if (!check("A has the lock", a && a->valid())) return;
  check("A writes", write(orders, *a, "by A"));
  check("A still has it, longer than its ttl", redis_lock::pause(2500ms, a->stop_token()) && a->valid());
  check("B cannot have it", !locks_of_b.try_acquire(name));

  auto b_waits = std::async(std::launch::async, [&] { return locks_of_b.acquire(name); });
  const bool was_valid = a->valid();  // what A knew when it was paused
  redis_lock::Redis{address}.command({"DEL", name}, 2s);
  const bool is_told = !redis_lock::pause(10s, a->stop_token());
  check("somebody deletes the key: A is told that it is gone", is_told && a->ended() == heartbeat::EndReason::gone);
  check("A's next write is refused by its own check", !a->valid() && !write(orders, *a, "by A, too late"));

  std::optional<Lock> b = b_waits.get();
  if (!check("B, who has waited, has it, with a greater fencing token", b && b->fence() > a->fence())) return;
  check("B writes", write(orders, *b, "by B"));
  check("A was paused between check and write: the resource refuses the write",
        was_valid && !orders.write(a->fence(), "by A, later still") && orders.read(b->fence()) == "by B");

  b->release();
  a = locks_of_a.acquire(name);
  check("B releases it, and A has it again", a && a->fence() > b->fence() && write(orders, *a, "by A again"));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: redis_lock <address of a Redis server, as 127.0.0.1:6379>\n";
    return 2;
  }
  play(argv[1]);
  return all_is_right ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
