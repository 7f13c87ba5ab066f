// SPDX-License-Identifier: BSL-1.0
// Several who want the same lock: one has it at a time, the others wait until it is released, or until its owner is
// dead.
#include <atomic>
#include <future>
#include <optional>
#include <redis_lock/lock.hpp>
#include <redis_lock/resource.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

namespace heartbeat::redis_tests {

BOOST_AUTO_TEST_SUITE(contenders)

// Each has its own connections and registry, as another process would. Who comes in shows its fencing token to the
// resource: were there two inside, or a token out of order, it would be refused.
BOOST_AUTO_TEST_CASE(one_of_many_has_it_at_any_time_and_each_with_a_greater_fencing_token) {
  constexpr int threads = 4;
  constexpr int rounds = 40;
  World world;
  redis_lock::Resource resource;
  std::atomic<int> inside{0};
  std::atomic<int> wrong{0};
  std::atomic<int> entered{0};
  std::atomic<long long> last{0};

  std::vector<std::future<void>> all;
  for (int i = 0; i != threads; ++i) {
    all.push_back(std::async(std::launch::async, [&] {
      Locks locks{world.server.address(), lasting};
      for (int round = 0; round != rounds; ++round) {
        std::optional<Lock> lock = locks.acquire("orders");
        if (inside.fetch_add(1) != 0) ++wrong;
        if (!lock->valid() || last.exchange(lock->fence()) >= lock->fence()) ++wrong;
        if (!resource.write(lock->fence(), "x")) ++wrong;
        std::this_thread::yield();  // gives another one the time to come in
        ++entered;
        --inside;
        lock->release();
      }
    }));
  }
  for (std::future<void>& one : all)
    one.get();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(entered == threads * rounds);
  BOOST_TEST(last == threads * rounds);  // nobody was given a token who did not come in
}

BOOST_AUTO_TEST_CASE(who_waits_has_it_when_the_owner_releases_it) {
  World world;
  Locks first{world.server.address(), lasting};
  Locks second{world.server.address(), lasting};
  auto lock = first.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());

  BOOST_TEST(!second.try_acquire("orders").has_value());
  auto waiting = std::async(std::launch::async, [&] { return second.acquire("orders"); });
  lock->release();
  const auto next = waiting.get();

  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(next->fence() > lock->fence());
}

BOOST_AUTO_TEST_CASE(who_waits_has_it_when_the_owner_has_died) {
  World world;
  Locks locks{world.server.address(), lasting};
  world.ask({"SET", "orders", "of one who died", "PX", "500"});

  const auto lock = locks.acquire("orders");

  BOOST_REQUIRE(lock.has_value());
  BOOST_TEST(lock->valid());
}

BOOST_AUTO_TEST_CASE(who_waits_can_be_told_to_stop_waiting) {
  World world;
  Locks locks{world.server.address(), lasting};
  world.ask({"SET", "orders", "of somebody else"});
  std::stop_source stop;

  auto waiting = std::async(std::launch::async, [&] { return locks.acquire("orders", stop.get_token()).has_value(); });
  stop.request_stop();

  BOOST_TEST(!waiting.get());
}

BOOST_AUTO_TEST_CASE(locks_of_different_names_do_not_know_each_other) {
  World world;
  Locks locks{world.server.address(), lasting};

  const auto orders = locks.try_acquire("orders");
  const auto stock = locks.try_acquire("stock");

  BOOST_REQUIRE((orders && stock));
  BOOST_TEST(orders->fence() == 1);
  BOOST_TEST(stock->fence() == 1);
  BOOST_TEST(!locks.try_acquire("orders").has_value());  // nor has the one who has it twice what it has
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::redis_tests
