// SPDX-License-Identifier: BSL-1.0
// What may go wrong between the lock's example and Redis, and what is left of it for the next command.
#include <redis_lock/connection.hpp>
#include <redis_lock/redis.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typedb_server/port_reservation.hpp>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

namespace heartbeat::redis_tests {

BOOST_AUTO_TEST_SUITE(connection)

BOOST_AUTO_TEST_CASE(a_server_that_is_not_there_is_told_with_what_to_do) {
  const typedb_server::PortReservation nobody_listens{0};
  const std::string address = "127.0.0.1:" + std::to_string(nobody_listens.port());
  Redis redis{address};

  BOOST_CHECK_EXCEPTION(redis.command({"PING"}, patience), RedisError, [&](const RedisError& error) {
    BOOST_TEST(error.what() == "no Redis at " + address +
                                   " (Connection refused): start redis-server there, or give the address of one that "
                                   "runs");
    return error.code() == std::errc::connection_refused && error.may_pass();
  });
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused_at_once) {
  for (const char* wrong : {"", "localhost", "localhost:", ":6379", "localhost:0", "localhost:65536", "localhost:x"}) {
    BOOST_CHECK_EXCEPTION(Redis{wrong}, std::invalid_argument, [](const std::invalid_argument& error) {
      return std::string{error.what()}.ends_with("is no address; one looks like 127.0.0.1:6379");
    });
  }

  const auto six = redis_lock::Address::parse("[::1]:7");

  BOOST_TEST(six.host == "::1");
  BOOST_TEST(six.port == 7);
}

// The command that timed out is answered with nil ten seconds later, on its own connection. Were that one used again,
// the next command would read that nil.
BOOST_AUTO_TEST_CASE(an_answer_that_came_too_late_is_not_taken_for_the_next_one) {
  World world;
  world.ask({"SET", "mine", "my value"});

  BOOST_CHECK_EXCEPTION(world.redis.command({"BLPOP", "empty", "10"}, 20ms), RedisError,
                        [](const RedisError& error) { return error.code() == std::errc::timed_out; });
  const auto reply = world.ask({"GET", "mine"});

  BOOST_TEST(reply.text.value_or("nil") == "my value");
}

BOOST_AUTO_TEST_CASE(a_server_that_stands_still_costs_a_command_its_timeout_and_no_more) {
  World world;
  world.ask({"PING"});
  world.server.stop();

  // One that was connected, and one that connects.
  for (int i = 0; i != 2; ++i) {
    BOOST_CHECK_EXCEPTION(world.redis.command({"PING"}, 20ms), RedisError, [&](const RedisError& error) {
      BOOST_TEST(error.what() == "Redis at " + world.server.address() + " did not answer in time");
      return error.code() == std::errc::timed_out;
    });
  }

  world.server.go_on();
  BOOST_TEST(world.ask({"PING"}).text.value_or("nil") == "PONG");
}

BOOST_AUTO_TEST_CASE(a_server_that_was_started_again_is_connected_again) {
  World world;
  world.ask({"PING"});

  world.server.kill();
  world.server.start();

  BOOST_TEST(world.ask({"PING"}).text.value_or("nil") == "PONG");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_in_the_servers_words_and_the_connection_is_kept) {
  World world;
  world.ask({"LPUSH", "list", "element"});
  const auto connected = [&] { return world.ask({"CLIENT", "ID"}).integer.value_or(0); };
  const long long before = connected();

  BOOST_CHECK_EXCEPTION(world.ask({"GET", "list"}), RedisError, [&](const RedisError& error) {
    const std::string text = error.what();
    BOOST_TEST(text.starts_with("Redis at " + world.server.address() + " refuses: WRONGTYPE"));
    return !error.may_pass();
  });

  BOOST_TEST(connected() == before);
}

BOOST_AUTO_TEST_CASE(a_long_answer_comes_whole) {
  World world;
  const std::string value(1'000'000, 'x');

  world.ask({"SET", "long", value});

  BOOST_TEST((world.ask({"GET", "long"}).text == value));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::redis_tests
