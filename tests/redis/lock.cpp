// SPDX-License-Identifier: BSL-1.0
// One owner of the Redis lock: how long it has it, how it loses it, and what it is told then.
#include <chrono>
#include <memory>
#include <optional>
#include <redis_lock/lock.hpp>
#include <redis_lock/resource.hpp>
#include <stop_token>
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_context.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/options.hpp>

#include "world.hpp"

namespace heartbeat::redis_tests {

namespace {

// When Redis lets the key expire, in Redis' time, which is this machine's wall clock.
std::chrono::nanoseconds expiry_of(const char* name, World& world) {
  return std::chrono::milliseconds{world.ask({"PEXPIRETIME", name}).integer.value_or(0)};
}

// The clocks are read until they were read together.
std::chrono::nanoseconds on_the_wall(BootClock::time_point time) {
  while (true) {
    const auto before = BootClock::now();
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    if (BootClock::now() - before < 10ms) return wall + (time - before);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lock)

BOOST_AUTO_TEST_CASE(it_is_valid_from_the_taking_on_and_holds_the_token_with_a_ttl) {
  World world;
  Locks locks{world.server.address(), lasting};

  const auto lock = locks.try_acquire("orders");

  BOOST_REQUIRE(lock.has_value());
  BOOST_TEST(lock->valid());
  BOOST_TEST(lock->fence() == 1);
  BOOST_TEST(lock->key().token.size() == 32);
  BOOST_TEST(world.ask({"GET", "orders"}).text.value_or("nil") == lock->key().token);
  const long long left = world.ask({"PTTL", "orders"}).integer.value_or(0);
  BOOST_TEST((left > 0 && left <= 60'000));
}

BOOST_AUTO_TEST_CASE(it_outlives_its_ttl_as_long_as_it_is_extended) {
  World world;
  Told told;
  LockOptions options = brief;  // but longer than a busy machine keeps a process from running
  options.ttl = 15s;
  Locks locks{world.server.address(), options, told.sink()};
  const auto begin = BootClock::now();
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());

  const auto outlived = told.eventually("the ttl to pass, and the lock to be valid then",
                                        [&] { return BootClock::now() > begin + options.ttl && lock->valid(); });

  BOOST_TEST(outlived);
  BOOST_TEST(world.ask({"GET", "orders"}).text.value_or("nil") == lock->key().token);
}

// Redis counts the ttl from when it carries the command out, which here is a second after it was asked to.
BOOST_AUTO_TEST_CASE(its_validity_counts_from_before_redis_was_asked) {
  World world;
  const LockOptions options{.ttl = 2h, .interval = 1h, .command_timeout = 60s};  // its first beat: within an hour
  Locks locks{world.server.address(), options};
  world.ask({"CLIENT", "PAUSE", "1000"});

  const auto lock = locks.try_acquire("orders");

  BOOST_REQUIRE(lock.has_value());
  const Duration margin = safety_margin_of(HeartbeatOptions<>{.interval = 1h, .ttl = 2h}, RegistryOptions{}.tick);
  BOOST_TEST(
      (on_the_wall(lock->valid_until()) + std::chrono::nanoseconds{margin.count()} <= expiry_of("orders", world)));
}

BOOST_AUTO_TEST_CASE(it_ends_for_its_owner_before_redis_lets_it_expire) {
  World world;
  Told told;
  Locks locks{world.server.address(), lasting, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());
  const auto first = lock->valid_until();

  BOOST_REQUIRE(told.eventually("an extension", [&] { return lock->valid_until() > first; }));

  const auto until = lock->valid_until();  // read first: a beat after this makes the other one later only
  BOOST_TEST((on_the_wall(until) < expiry_of("orders", world)));
}

BOOST_AUTO_TEST_CASE(released_it_is_free_and_nobody_elses_token_frees_it) {
  World world;
  Locks locks{world.server.address(), lasting};
  auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());
  redis_lock::LockTransport stranger{std::make_shared<Redis>(world.server.address()), "60000"};
  const redis_lock::LockKey not_his{"orders", redis_lock::random_token()};
  const BeatContext context{patience};

  const bool is_refused_to_extend = stranger.beat(not_his, context).kind() == BeatResult::Kind::gone;
  const std::error_code error = stranger.close(not_his, context);

  BOOST_TEST(is_refused_to_extend);
  BOOST_TEST(!error);
  BOOST_TEST(world.ask({"GET", "orders"}).text.value_or("nil") == lock->key().token);

  lock->release();

  BOOST_TEST(!lock->valid());
  BOOST_TEST(lock->stop_token().stop_requested());
  const auto next = locks.acquire("orders");
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(next->fence() == 2);
}

BOOST_AUTO_TEST_CASE(its_death_releases_it_and_so_does_that_of_locks) {
  World world;
  std::optional<Lock> outlives;
  {
    Locks locks{world.server.address(), lasting};
    BOOST_TEST(locks.try_acquire("dies").has_value());
    outlives = locks.try_acquire("outlives");
    BOOST_REQUIRE(outlives.has_value());
  }

  BOOST_TEST(world.ask({"EXISTS", "dies", "outlives"}).integer.value_or(-1) == 0);
  BOOST_TEST(!outlives->valid());
  BOOST_TEST((outlives->ended() == EndReason::shut_down));
}

BOOST_AUTO_TEST_CASE(stolen_it_is_gone_and_the_thief_keeps_it) {
  World world;
  Told told;
  Locks locks{world.server.address(), lasting, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());
  const std::stop_token token = lock->stop_token();

  world.ask({"SET", "orders", "the thief's token"});

  BOOST_TEST((reason_of(told.ended()) == EndReason::gone));
  BOOST_TEST(!lock->valid());
  BOOST_TEST(token.stop_requested());
  BOOST_TEST(world.ask({"GET", "orders"}).text.value_or("nil") == "the thief's token");
}

BOOST_AUTO_TEST_CASE(a_server_that_was_started_again_empty_has_no_lock) {
  World world;
  Told told;
  Locks locks{world.server.address(), lasting, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());

  world.server.kill();
  world.server.start();

  BOOST_TEST((reason_of(told.ended()) == EndReason::gone));
  BOOST_TEST(!lock->valid());
}

BOOST_AUTO_TEST_CASE(a_server_that_stands_still_for_longer_than_the_ttl_stalls_it) {
  World world;
  Told told;
  Locks locks{world.server.address(), brief, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());
  const std::stop_token token = lock->stop_token();

  world.server.stop();

  const auto end = told.ended();
  BOOST_TEST((reason_of(end) == EndReason::stalled));
  // By the transport; by the engine, which waits as long; or a retry found the transport still waiting.
  const std::error_code error = end ? end->error : std::error_code{};
  BOOST_TEST_INFO("its error: " << error.message());
  BOOST_TEST((error == std::errc::timed_out || error == errc::beat_timed_out || error == errc::transport_stuck));
  BOOST_TEST(!lock->valid());
  BOOST_TEST(token.stop_requested());
  world.server.go_on();
}

BOOST_AUTO_TEST_CASE(a_key_of_another_type_is_an_error_that_says_so) {
  World world;
  Told told;
  Locks locks{world.server.address(), lasting, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());
  world.ask({"LPUSH", "list", "element"});
  world.ask({"LPUSH", "free:fence", "element"});
  const auto is_wrong_type = [](const RedisError& error) {
    return std::string{error.what()}.find("WRONGTYPE") != std::string::npos && !error.may_pass();
  };

  BOOST_CHECK_EXCEPTION(locks.acquire("list"), RedisError, is_wrong_type);  // it does not wait for it
  BOOST_CHECK_EXCEPTION(locks.acquire("free"), RedisError, is_wrong_type);
  BOOST_TEST(world.ask({"EXISTS", "free"}).integer.value_or(-1) == 0);  // and has not taken it

  world.ask({"RENAME", "list", "orders"});  // the lock that is held is one now

  const auto end = told.ended();
  BOOST_TEST((reason_of(end) == EndReason::failed));
  BOOST_TEST((end && end->text.find("WRONGTYPE") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_server_that_has_gone_for_good_is_told_by_its_text) {
  World world;
  Told told;
  Locks locks{world.server.address(), brief, told.sink()};
  const auto lock = locks.try_acquire("orders");
  BOOST_REQUIRE(lock.has_value());

  world.server.kill();

  const auto end = told.ended();
  BOOST_TEST((reason_of(end) == EndReason::stalled));
  BOOST_TEST((end && end->text.find("start redis-server there") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_resource_refuses_who_comes_with_a_smaller_token_than_it_was_shown) {
  redis_lock::Resource resource;

  BOOST_TEST(resource.write(1, "first owner"));
  BOOST_TEST(resource.write(1, "first owner again"));
  BOOST_TEST((resource.read(2) == "first owner again"));  // the second owner has only read
  BOOST_TEST(!resource.write(1, "first owner, late"));
  BOOST_TEST(!resource.read(1).has_value());
  BOOST_TEST((resource.read(2) == "first owner again"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::redis_tests
