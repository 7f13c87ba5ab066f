// SPDX-License-Identifier: BSL-1.0
// TypeDB's transport alone, against a real server that knows, forgets, keeps silent, answers late or with nonsense,
// fails, dies and comes back. No registry: the test holds the completion.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <typedb_server/server.hpp>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb/transport.hpp>

#include "awaited.hpp"

BOOST_AUTO_TEST_SUITE(transport)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::make_error_code;
using heartbeat::testing::Awaited;
using heartbeat::testing::completion_for;
using heartbeat::testing::generous_limit;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionTransport;
using typedb_server::Fault;
using typedb_server::Server;
using Kind = BeatResult::Kind;
using Stub = ::typedb::protocol::TypeDB::Stub;

std::shared_ptr<grpc::Channel> channel_to(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

SessionId session_on(Stub& stub) {
  grpc::ClientContext context;
  ::typedb::protocol::Session_Open_Req request;
  ::typedb::protocol::Session_Open_Res response;
  request.set_database("orders");
  BOOST_REQUIRE(stub.session_open(&context, request, &response).ok());
  return SessionId::from_bytes(response.session_id());
}

bool has_pulses(const Server& server, std::uint64_t count) {
  return server.wait_for(generous_limit, [&](const auto& counters) { return counters.pulses >= count; });
}

struct Fixture {
  void send(std::chrono::nanoseconds timeout = generous_limit, std::stop_token token = {}) {
    transport.async_beat(id, BeatContext{timeout, std::move(token)}, completion_for(answers));
  }

  BeatResult beat(std::chrono::nanoseconds timeout = generous_limit) {
    send(timeout);
    return answers.next();
  }

  std::error_code close(const SessionId& which) {
    Awaited<std::error_code> closed;
    transport.async_close(which, BeatContext{generous_limit}, completion_for(closed));
    return closed.next();
  }

  Awaited<BeatResult> answers;
  Server server;
  SessionTransport transport{channel_to(server.address())};
  SessionId id = session_on(*transport.stub());
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_session_that_the_server_knows_is_acknowledged, Fixture) {
  const BeatResult result = beat();

  BOOST_CHECK(result.kind() == Kind::acknowledged);
  BOOST_TEST(!result.ttl().has_value());
  BOOST_TEST(server.counters().alive == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_it_has_forgotten_is_gone, Fixture) {
  server.forget(id.view());

  BOOST_CHECK(beat().kind() == Kind::gone);
}

BOOST_FIXTURE_TEST_CASE(a_closed_session_is_gone, Fixture) {
  const std::error_code error = close(id);
  const BeatResult result = beat();

  BOOST_TEST(!error);
  BOOST_TEST(!server.knows(id.view()));
  BOOST_CHECK(result.kind() == Kind::gone);
}

BOOST_FIXTURE_TEST_CASE(closing_a_session_that_the_server_does_not_know_is_done, Fixture) {
  BOOST_TEST(!close(SessionId{}));
  BOOST_TEST(server.counters().unknown_closes == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_close_that_fails_says_why, Fixture) {
  server.fail_close({grpc::StatusCode::UNAVAILABLE, "not now"});

  BOOST_CHECK(close(id) == make_error_code(grpc::StatusCode::UNAVAILABLE));
  BOOST_TEST(server.knows(id.view()));
}

BOOST_FIXTURE_TEST_CASE(a_server_that_keeps_silent_costs_the_timeout_and_no_more, Fixture) {
  server.mute(true);

  const BeatResult result = beat(20ms);

  BOOST_CHECK(result.kind() == Kind::failed);
  BOOST_CHECK(result.error() == std::errc::timed_out);
  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::DEADLINE_EXCEEDED));
  BOOST_TEST(result.retry());
}

BOOST_FIXTURE_TEST_CASE(an_answer_within_the_timeout_counts_however_late, Fixture) {
  server.set_faults({.pulse = Fault::late(50ms)});

  BOOST_CHECK(beat().kind() == Kind::acknowledged);
}

BOOST_FIXTURE_TEST_CASE(an_answer_after_the_timeout_is_not_heard_and_the_next_beat_is_its_own, Fixture) {
  server.set_faults({.pulse = Fault::late(10min)});

  const BeatResult late = beat(20ms);
  server.clear_faults();
  const BeatResult next = beat();

  BOOST_CHECK(late.error() == std::errc::timed_out);
  BOOST_CHECK(next.kind() == Kind::acknowledged);
  BOOST_TEST(!answers.next_if_there().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_dies_while_a_beat_is_under_way_fails_it_at_once, Fixture) {
  server.mute(true);

  send();
  BOOST_REQUIRE(has_pulses(server, 1));
  server.stop();
  const BeatResult result = answers.next();

  BOOST_CHECK(result.kind() == Kind::failed);
  BOOST_CHECK(result.error().category() == heartbeat::grpc_category());
  BOOST_TEST(!result.text().empty());
  BOOST_TEST(result.retry());
}

BOOST_FIXTURE_TEST_CASE(a_restarted_server_is_found_again_and_knows_nothing, Fixture) {
  server.stop();
  const BeatResult while_away = beat();
  server.start();
  SessionTransport patient{transport.stub(), [](grpc::ClientContext& context) { context.set_wait_for_ready(true); }};
  patient.async_beat(id, BeatContext{generous_limit}, completion_for(answers));
  const BeatResult after = answers.next();

  BOOST_CHECK(while_away.error() == make_error_code(grpc::StatusCode::UNAVAILABLE));
  BOOST_CHECK(after.kind() == Kind::gone);
}

BOOST_FIXTURE_TEST_CASE(a_cut_connection_costs_a_beat_but_not_the_session, Fixture) {
  server.drop_connections();

  BeatResult result = beat();
  while (result.kind() == Kind::failed)
    result = beat();

  BOOST_CHECK(result.kind() == Kind::acknowledged);
}

BOOST_AUTO_TEST_CASE(where_nobody_listens_a_beat_fails_at_once_with_words) {
  std::string address;
  {
    const Server server;
    address = server.address();
  }
  SessionTransport transport{channel_to(address)};
  Awaited<BeatResult> answers;

  transport.async_beat({}, BeatContext{std::chrono::hours{1}}, completion_for(answers));
  const BeatResult result = answers.next();

  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::UNAVAILABLE));
  BOOST_TEST(result.text().find("connect") != std::string::npos);
  BOOST_TEST(result.retry());
}

// gRPC's callback API hands such an answer on as an empty one, and an empty one says that the session is not alive.
BOOST_FIXTURE_TEST_CASE(an_answer_that_is_no_message_never_passes_for_a_sign_of_life, Fixture) {
  server.set_faults({.pulse = Fault::garbage()});

  BOOST_CHECK(beat().kind() == Kind::gone);
}

BOOST_FIXTURE_TEST_CASE(an_error_of_the_server_comes_with_its_code_and_text, Fixture) {
  server.fail_pulse({grpc::StatusCode::PERMISSION_DENIED, "not you"});

  const BeatResult result = beat();

  BOOST_CHECK(result.error() == std::errc::permission_denied);
  BOOST_TEST(result.text() == "not you");
  BOOST_TEST(!result.retry());
}

BOOST_FIXTURE_TEST_CASE(a_token_that_fires_cancels_the_call_here_and_at_the_server, Fixture) {
  std::stop_source source;
  server.mute(true);

  send(generous_limit, source.get_token());
  BOOST_REQUIRE(has_pulses(server, 1));
  source.request_stop();
  const BeatResult result = answers.next();

  BOOST_CHECK(result.error() == std::errc::operation_canceled);
}

BOOST_FIXTURE_TEST_CASE(a_token_that_has_fired_before_sends_nothing, Fixture) {
  std::stop_source source;
  source.request_stop();

  send(generous_limit, source.get_token());
  const BeatResult result = answers.next();

  BOOST_CHECK(result.error() == std::errc::operation_canceled);
  BOOST_TEST(server.counters().pulses == 0U);
}

// F48: on gRPC's own thread a cancellation may complete inside TryCancel, or right behind it.
BOOST_FIXTURE_TEST_CASE(a_token_may_fire_on_the_thread_that_answers_another_call, Fixture) {
  for (int i = 0; i != 100; ++i) {
    std::stop_source source;
    const SessionId silent = session_on(*transport.stub());
    server.set_faults(silent.view(), {.pulse = Fault::request_lost()});
    transport.async_beat(silent, BeatContext{generous_limit, source.get_token()}, completion_for(answers));
    Awaited<BeatResult> first;

    transport.async_beat(id, BeatContext{generous_limit}, heartbeat::BeatCompletion::calling([&](BeatResult result) {
                           source.request_stop();
                           first.bring(std::move(result));
                         }));

    BOOST_REQUIRE(first.next().kind() == Kind::acknowledged);
    BOOST_REQUIRE(answers.next().error() == std::errc::operation_canceled);
  }
}

BOOST_FIXTURE_TEST_CASE(a_token_may_fire_at_the_moment_of_the_answer, Fixture) {
  for (int i = 0; i != 500; ++i) {
    std::stop_source source;
    send(generous_limit, source.get_token());

    if (i % 2 == 0) (void)has_pulses(server, static_cast<std::uint64_t>(i) / 2);
    source.request_stop();
    const BeatResult result = answers.next();

    BOOST_REQUIRE(result.kind() == Kind::acknowledged || result.error() == std::errc::operation_canceled);
  }
}

BOOST_FIXTURE_TEST_CASE(each_call_is_prepared_with_its_own_context, Fixture) {
  int prepared = 0;
  SessionTransport with_credentials{transport.stub(), [&](grpc::ClientContext& context) {
                                      ++prepared;
                                      context.AddMetadata("authorization", "Bearer of good news");
                                    }};

  with_credentials.async_beat(id, BeatContext{generous_limit}, completion_for(answers));
  const BeatResult result = answers.next();

  BOOST_CHECK(result.kind() == Kind::acknowledged);
  BOOST_TEST(prepared == 1);
}

BOOST_AUTO_TEST_CASE(the_last_answer_may_come_after_transport_channel_and_server_are_gone) {
  Awaited<BeatResult> answers;
  std::stop_source source;
  {
    auto server = std::make_unique<Server>();
    server->mute(true);
    SessionTransport transport{channel_to(server->address())};
    transport.async_beat({}, BeatContext{generous_limit, source.get_token()}, completion_for(answers));
    BOOST_REQUIRE(has_pulses(*server, 1));
  }
  source.request_stop();

  BOOST_CHECK(answers.next().kind() == Kind::failed);
}

BOOST_FIXTURE_TEST_CASE(a_thousand_beats_at_once_get_a_thousand_answers, Fixture) {
  for (int i = 0; i != 1'000; ++i)
    send();

  for (int i = 0; i != 1'000; ++i)
    BOOST_REQUIRE(answers.next().kind() == Kind::acknowledged);
  BOOST_TEST(!answers.next_if_there().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
