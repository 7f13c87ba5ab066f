// SPDX-License-Identifier: BSL-1.0
// What a channel is asked for that holds sessions: pauses before it connects again, pings, and a connection of its own.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpc/grpc.h>
#include <grpcpp/support/channel_arguments.h>

#include <heartbeat/transports/grpc_channel.hpp>
#include <heartbeat/transports/typedb/channel.hpp>

#include "../waiting.hpp"

BOOST_AUTO_TEST_SUITE(channel)

namespace {

using namespace std::chrono_literals;
using heartbeat::ChannelPace;
using heartbeat::typedb::channel_pace;

std::optional<int> number_in(const grpc::ChannelArguments& arguments, std::string_view name) {
  const grpc_channel_args all = arguments.c_channel_args();
  for (std::size_t i = 0; i != all.num_args; ++i) {
    if (all.args[i].key == name && all.args[i].type == GRPC_ARG_INTEGER) return all.args[i].value.integer;
  }
  return std::nullopt;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_pace_is_said_in_grpcs_words) {
  const auto arguments = heartbeat::detail::arguments_of({.reconnect = 700ms, .ping_after = 8s, .ping_timeout = 9s});

  BOOST_CHECK(number_in(arguments, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS) == 100);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS) == 700);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS) == 700);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_KEEPALIVE_TIME_MS) == 8'000);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_KEEPALIVE_TIMEOUT_MS) == 9'000);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS) == 0);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA) == 0);
  BOOST_CHECK(number_in(arguments, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL) == 1);
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_taken_as_the_nearest_that_does) {
  const auto shortest = heartbeat::detail::arguments_of({.reconnect = -1s, .ping_after = 0s, .ping_timeout = 19ms});
  const auto longest = heartbeat::detail::arguments_of({.reconnect = 25h, .ping_after = 10'000h, .ping_timeout = 25h});

  BOOST_CHECK(number_in(shortest, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS) == 20);
  BOOST_CHECK(number_in(shortest, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS) == 20);
  BOOST_CHECK(number_in(shortest, GRPC_ARG_KEEPALIVE_TIMEOUT_MS) == 20);
  BOOST_CHECK(number_in(longest, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS) == 86'400'000);
  BOOST_CHECK(number_in(longest, GRPC_ARG_KEEPALIVE_TIME_MS) == 86'400'000);
}

BOOST_AUTO_TEST_CASE(a_server_that_pauses_for_a_third_of_the_shortest_ttl_is_no_dead_connection) {
  for (const auto idle : {1ms, 2'000ms, 12'000ms, 30'000ms, 3'600'000ms}) {
    const ChannelPace pace = channel_pace(idle);
    BOOST_TEST((pace.ping_timeout >= idle / 3));
    BOOST_TEST((pace.reconnect <= 1s));
    BOOST_TEST((pace.reconnect >= 200ms));
    BOOST_TEST((pace.ping_after >= 1s));
    BOOST_TEST((pace.ping_after <= 10s));
  }
  BOOST_CHECK(channel_pace().ping_timeout == 10s);
  BOOST_CHECK(channel_pace().ping_after == 5s);
  BOOST_CHECK(channel_pace().reconnect == 1s);
}

// gRPC's pauses grow with each attempt that fails, up to two minutes, and channels that are made alike share them.
BOOST_AUTO_TEST_CASE(a_channel_has_a_connection_of_its_own_and_comes_back_soon) {
  typedb_server::Server server;
  const std::string address = server.address();
  server.stop();
  const auto first = heartbeat::typedb::channel_to(address);
  const auto is_refused = [&](grpc::Channel& channel) {
    static_cast<void>(channel.GetState(true));
    return channel.GetState(true) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  };
  BOOST_REQUIRE(heartbeat::testing::eventually("the first is refused", [&] { return is_refused(*first); }));
  const auto second = heartbeat::typedb::channel_to(address);

  BOOST_CHECK(second->GetState(false) == GRPC_CHANNEL_IDLE);
  server.start();
  BOOST_TEST(second->WaitForConnected(std::chrono::system_clock::now() + heartbeat::testing::generous_limit));
  BOOST_TEST(first->WaitForConnected(std::chrono::system_clock::now() + heartbeat::testing::generous_limit));
}

BOOST_AUTO_TEST_SUITE_END()
