// SPDX-License-Identifier: BSL-1.0
// The health transport against real gRPC servers: with gRPC's own health service, without one, with a silent one, and
// with one that goes and comes back; alone and in a registry.
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <heartbeat/registry.hpp>
#include <heartbeat/transports/grpc_health.hpp>
#include <heartbeat/transports/grpc_health/transport.hpp>

#include "../typedb/awaited.hpp"
#include "../waiting.hpp"
#include "health_server.hpp"

BOOST_AUTO_TEST_SUITE(transport)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::EndReason;
using heartbeat::EventKind;
using heartbeat::make_error_code;
using heartbeat::grpc_health::HealthTransport;
using heartbeat::testing::Awaited;
using heartbeat::testing::completion_for;
using heartbeat::testing::generous_limit;
using heartbeat::testing::HealthServer;
using Health = HealthServer::Health;
using Kind = BeatResult::Kind;
using Registry = heartbeat::HeartbeatRegistry<std::string, HealthTransport>;

std::shared_ptr<grpc::Channel> channel_to(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

struct Client {
  explicit Client(const HealthServer& server) : transport{channel_to(server.address())} {}

  BeatResult beat(const std::string& service, std::chrono::nanoseconds timeout = generous_limit) {
    transport.async_beat(service, BeatContext{timeout}, completion_for(answers));
    return answers.next();
  }

  Awaited<BeatResult> answers;
  HealthTransport transport;
};

struct Fixture {
  HealthServer server;
  Client client{server};
};

struct SilentFixture {
  HealthServer server{Health::silent};
  Client client{server};
};

// What a registry tells, each kind once it has come.
struct Told {
  void await(EventKind kind) {
    while (kinds.next() != kind) {
    }
  }

  Registry::Sink sink() {
    return [this](const Registry::EventType& event) { kinds.bring(event.kind); };
  }

  Awaited<EventKind> kinds;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_service_that_is_serving_is_acknowledged, Fixture) {
  server.set("orders", true);

  const BeatResult result = client.beat("orders");

  BOOST_CHECK(result.kind() == Kind::acknowledged);
  BOOST_TEST(!result.ttl().has_value());
}

BOOST_FIXTURE_TEST_CASE(the_empty_name_is_the_server_as_a_whole, Fixture) {
  const BeatResult serving = client.beat("");
  server.set("", false);
  const BeatResult not_serving = client.beat("");

  BOOST_CHECK(serving.kind() == Kind::acknowledged);
  BOOST_CHECK(not_serving.kind() == Kind::failed);
}

BOOST_FIXTURE_TEST_CASE(a_service_that_is_not_serving_is_a_failure_with_that_word_and_worth_a_retry, Fixture) {
  server.set("orders", false);

  const BeatResult result = client.beat("orders");

  BOOST_CHECK(result.kind() == Kind::failed);
  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::UNAVAILABLE));
  BOOST_TEST(result.text() == "the server says NOT_SERVING");
  BOOST_TEST(result.retry());
}

BOOST_FIXTURE_TEST_CASE(each_service_has_a_health_of_its_own, Fixture) {
  server.set("orders", true);
  server.set("payments", false);

  BOOST_CHECK(client.beat("orders").kind() == Kind::acknowledged);
  BOOST_CHECK(client.beat("payments").kind() == Kind::failed);
}

BOOST_FIXTURE_TEST_CASE(a_service_is_gone_until_it_is_added_and_when_it_is_removed, Fixture) {
  const BeatResult before = client.beat("orders");
  server.set("orders", true);
  const BeatResult while_there = client.beat("orders");
  server.stop();
  server.start();  // without the service: gRPC's has no call that removes one
  client.transport = HealthTransport{client.transport.stub(), [](auto& context) { context.set_wait_for_ready(true); }};
  // The first may still go to the connection that has just died: no waiting for a ready one helps it then.
  BeatResult after = client.beat("orders");
  BOOST_TEST(heartbeat::testing::eventually("an answer of the new server", [&] {
    if (after.kind() == Kind::failed) after = client.beat("orders");
    return after.kind() != Kind::failed;
  }));

  BOOST_CHECK(before.kind() == Kind::gone);
  BOOST_TEST(!before.text().empty(), "the server's words");
  BOOST_CHECK(while_there.kind() == Kind::acknowledged);
  BOOST_CHECK(after.kind() == Kind::gone);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_health_service_is_a_failure_for_good) {
  HealthServer server{Health::none};
  Client client{server};

  const BeatResult result = client.beat("orders");

  BOOST_CHECK(result.kind() == Kind::failed);
  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::UNIMPLEMENTED));
  BOOST_TEST(!result.retry());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_away_fails_a_beat_at_once_with_words, Fixture) {
  server.stop();

  const BeatResult result = client.beat("orders");

  BOOST_CHECK(result.kind() == Kind::failed);
  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::UNAVAILABLE));
  BOOST_TEST(!result.text().empty());
  BOOST_TEST(result.retry());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_keeps_silent_costs_the_timeout_and_no_more, SilentFixture) {
  const BeatResult result = client.beat("orders", 20ms);

  BOOST_CHECK(result.error() == std::errc::timed_out);
  BOOST_TEST(result.retry());
}

BOOST_FIXTURE_TEST_CASE(a_token_that_fires_cancels_the_check_here_and_at_the_server, SilentFixture) {
  std::stop_source source;

  client.transport.async_beat("orders", BeatContext{generous_limit, source.get_token()},
                              completion_for(client.answers));
  BOOST_TEST(server.silent.asked.next() == "orders");
  source.request_stop();

  BOOST_CHECK(client.answers.next().error() == std::errc::operation_canceled);
  BOOST_TEST(server.silent.cancelled.next() == "orders");
}

BOOST_FIXTURE_TEST_CASE(stopping_a_heartbeat_cancels_its_check_at_the_server, SilentFixture) {
  Registry registry{client.transport};
  auto heartbeat = registry.start("orders", {.interval = 30min, .ttl = 2h, .first_beat = heartbeat::FirstBeat::now});
  BOOST_TEST(server.silent.asked.next() == "orders");

  BOOST_TEST(heartbeat.stop());

  BOOST_TEST(server.silent.cancelled.next() == "orders");
  BOOST_CHECK(heartbeat.ended() == EndReason::stopped);
}

BOOST_FIXTURE_TEST_CASE(a_registry_tells_of_a_server_that_goes_and_comes_back, Fixture) {
  Told told;
  Registry registry{client.transport, told.sink()};

  auto heartbeat = registry.start("", {.interval = 100ms, .ttl = 1h, .first_beat = heartbeat::FirstBeat::now});
  told.await(EventKind::acknowledged);
  server.stop();
  told.await(EventKind::jeopardy);
  server.start();
  told.await(EventKind::recovered);

  BOOST_TEST(heartbeat.valid());
}

BOOST_FIXTURE_TEST_CASE(a_registry_ends_what_the_server_does_not_know_and_goes_on_with_the_others, Fixture) {
  Told told;
  Registry registry{client.transport, told.sink()};
  server.set("orders", true);

  auto known = registry.start("orders", {.interval = 100ms, .ttl = 1h});
  auto unknown = registry.start("nothing", {.interval = 100ms, .ttl = 1h});
  told.await(EventKind::ended);
  told.await(EventKind::acknowledged);

  BOOST_CHECK(unknown.ended() == EndReason::gone);
  BOOST_TEST(!known.ended().has_value());
}

BOOST_FIXTURE_TEST_CASE(each_check_is_prepared_with_its_own_context, Fixture) {
  int prepared = 0;
  client.transport = HealthTransport{client.transport.stub(), [&](grpc::ClientContext& context) {
                                       ++prepared;
                                       context.AddMetadata("authorization", "Bearer of good news");
                                     }};

  BOOST_CHECK(client.beat("").kind() == Kind::acknowledged);
  BOOST_TEST(prepared == 1);
}

BOOST_AUTO_TEST_CASE(the_last_answer_may_come_after_the_transport_is_gone) {
  HealthServer server{Health::silent};
  Awaited<BeatResult> answers;
  std::stop_source source;
  {
    HealthTransport transport{channel_to(server.address())};
    transport.async_beat("orders", BeatContext{generous_limit, source.get_token()}, completion_for(answers));
    BOOST_TEST(server.silent.asked.next() == "orders");
  }
  source.request_stop();

  BOOST_CHECK(answers.next().error() == std::errc::operation_canceled);
}

BOOST_AUTO_TEST_SUITE_END()
