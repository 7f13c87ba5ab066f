// SPDX-License-Identifier: BSL-1.0
// Sessions that the server has forgotten, and how they come back: against a real server that forgets, restarts, refuses
// and keeps silent while a new session is being asked for.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <system_error>
#include <typedb_server/server.hpp>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <heartbeat/transports/typedb_session_manager.hpp>

#include "awaited.hpp"
#include "bare_client.hpp"
#include "unclosed_ones.hpp"

BOOST_AUTO_TEST_SUITE(reopening)

namespace {

using namespace std::chrono_literals;
using heartbeat::EndReason;
using heartbeat::Failure;
using heartbeat::testing::Awaited;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionState;

// Looks for a server that was away again soon.
std::shared_ptr<grpc::Channel> channel_to(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

struct Reopened {
  SessionId old_id;
  SessionId new_id;
};

struct Fixture {
  SessionOptions<> options() {
    SessionOptions<> wanted{.idle_timeout = 30s, .reopen_when_gone = true};
    wanted.heartbeat = heartbeat_of(wanted);
    wanted.heartbeat->interval = 20ms;
    wanted.heartbeat->beat_timeout = 5s;
    wanted.heartbeat->floor = 5ms;
    wanted.heartbeat->backoff = {.initial = 5ms, .maximum = 50ms};
    wanted.on_reopened = [&](const SessionId& old_id, const SessionId& new_id) { reopened.bring({old_id, new_id}); };
    wanted.on_lost = [&](const Failure<SessionId>& failure) { losses.bring(failure); };
    return wanted;
  }

  Awaited<Reopened> reopened;
  Awaited<Failure<SessionId>> losses;
  Awaited<bool> gone;
  typedb_server::Server server;
  SessionManager manager{channel_to(server.address()),
                         {.reopen = {.initial = 5ms, .maximum = 50ms}, .on_event = [this](const auto& event) {
                            if (event.kind == heartbeat::EventKind::ended && event.reason == EndReason::gone) {
                              gone.bring(true);
                            }
                          }}};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_forgotten_session_is_replaced_and_the_object_stays_the_same, Fixture) {
  auto session = manager.open("orders", options());
  const SessionId first = session.id();
  const std::stop_token first_token = session.stop_token();

  server.forget_all();
  const Reopened change = reopened.next();

  BOOST_TEST(change.old_id == first);
  BOOST_TEST(change.new_id == session.id());
  BOOST_TEST(change.new_id != first);
  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(session.valid());
  BOOST_TEST(first_token.stop_requested());
  BOOST_TEST(!session.stop_token().stop_requested());
  BOOST_TEST(server.knows(std::string{session.id().view()}));
  BOOST_TEST(server.open() == 1U);
}

BOOST_FIXTURE_TEST_CASE(it_happens_as_often_as_the_server_forgets, Fixture) {
  auto session = manager.open("orders", options());

  for (int i = 0; i != 5; ++i) {
    server.forget_all();
    reopened.next();
  }
  session.close();

  BOOST_TEST(server.open() == 0U);
  BOOST_TEST(server.opened() == 6);
  BOOST_TEST(!losses.next_if_there().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_restarted_server_gets_a_new_session, Fixture) {
  auto session = manager.open("orders", options());
  const int port = server.port();

  server.stop();
  server.start(port);
  const Reopened change = reopened.next();

  BOOST_TEST(server.knows(std::string{change.new_id.view()}));
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_busy_is_asked_again, Fixture) {
  auto session = manager.open("orders", options());

  server.fail_open({grpc::StatusCode::UNAVAILABLE, "busy"});
  server.forget_all();
  gone.next();
  const auto state = session.state();
  server.fail_open(grpc::Status::OK);
  reopened.next();

  BOOST_CHECK(state == SessionState::reopening);
  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(!losses.next_if_there().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_refuses_ends_it_with_its_words, Fixture) {
  auto session = manager.open("orders", options());
  const SessionId id = session.id();

  server.fail_open({grpc::StatusCode::INTERNAL, "[DBS02] the database is gone"});
  server.forget_all();
  const Failure<SessionId> loss = losses.next();

  BOOST_TEST(loss.key == id);
  BOOST_CHECK(loss.reason == EndReason::gone);
  BOOST_CHECK(loss.error == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(loss.text.find("[DBS02] the database is gone") != std::string::npos);
  BOOST_CHECK(session.state() == SessionState::lost);
}

BOOST_FIXTURE_TEST_CASE(a_database_that_somebody_deletes_takes_its_sessions_along, Fixture) {
  auto session = manager.open("orders", options());

  BOOST_TEST(heartbeat::testing::BareClient{server.address()}.remove("orders").ok());
  const Failure<SessionId> loss = losses.next();

  BOOST_TEST(loss.text.find("[DBS06]") != std::string::npos, loss.text);
  BOOST_CHECK(session.state() == SessionState::lost);
}

BOOST_FIXTURE_TEST_CASE(a_new_id_that_makes_no_sense_ends_it, Fixture) {
  auto session = manager.open("orders", options());

  server.bad_ids(true);
  server.forget_all();
  const Failure<SessionId> loss = losses.next();

  BOOST_CHECK(loss.error == std::errc::invalid_argument);
}

BOOST_FIXTURE_TEST_CASE(closing_while_the_server_keeps_silent_does_not_wait_for_it, Fixture) {
  auto session = manager.open("orders", options());

  server.mute_open(true);
  server.forget_all();
  gone.next();
  session.close();

  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(!manager.shutdown(20ms));
  BOOST_TEST(!losses.next_if_there().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_new_session_that_comes_after_the_close_is_closed_on_the_server, Fixture) {
  auto session = manager.open("orders", options());

  server.set_faults({.open = typedb_server::Fault::late(100ms)});
  server.forget_all();
  BOOST_REQUIRE(
      server.wait_for(heartbeat::testing::generous_limit, [](const auto& counters) { return counters.opened == 2; }));
  session.close();

  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));
  BOOST_TEST(server.counters().closed == 1U);
  BOOST_TEST(server.open() == 0U);
}

BOOST_FIXTURE_TEST_CASE(closing_while_the_server_is_busy_ends_the_asking, Fixture) {
  auto session = manager.open("orders", options());

  server.fail_open({grpc::StatusCode::UNAVAILABLE, "busy"});
  server.forget_all();
  gone.next();
  session.close();

  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));
}

BOOST_FIXTURE_TEST_CASE(the_manager_can_die_while_sessions_are_being_reopened, Fixture) {
  auto first = manager.open("orders", options());
  auto second = manager.open("orders", options());

  server.mute_open(true);
  server.forget_all();
  gone.next();
  gone.next();

  BOOST_TEST(!manager.shutdown(20ms));
  BOOST_CHECK(first.state() == SessionState::closed);
  BOOST_CHECK(second.state() == SessionState::closed);
}

BOOST_FIXTURE_TEST_CASE(a_callback_may_close_the_session_that_was_reopened, Fixture) {
  heartbeat::typedb::Session<> session;
  Awaited<std::error_code> closed;
  auto wanted = options();
  Awaited<bool> assigned;  // a callback may come before open() has returned
  wanted.on_reopened = [&](const SessionId&, const SessionId&) {
    assigned.next();
    std::error_code error;
    session.close(error);
    closed.bring(error);
  };
  session = manager.open("orders", wanted);
  assigned.bring(true);

  server.forget_all();

  BOOST_TEST(!closed.next());
  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(server.open() == 0U);
}

// The next one is asked for, on another thread, before the callback has returned.
BOOST_FIXTURE_TEST_CASE(a_session_may_be_gone_again_while_its_owner_is_told_of_it, Fixture) {
  Awaited<bool> told_first;
  Awaited<bool> told_second;
  std::atomic<int> told{0};
  SessionOptions<> wanted = options();
  wanted.on_reopened = [&](const SessionId&, const SessionId&) {
    if (++told > 1) return told_second.bring(true);
    server.forget_all();
    BOOST_TEST(told_second.next());
    told_first.bring(true);
  };
  auto session = manager.open("orders", wanted);

  server.forget_all();

  BOOST_TEST(told_first.next());
  BOOST_TEST(told == 2);
  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(server.knows(session.id().view()));
}

// Nobody knows whether the server has opened it.
BOOST_AUTO_TEST_CASE(an_attempt_that_the_shutdown_cancels_is_told) {
  typedb_server::Server server;
  heartbeat::testing::UnclosedOnes unclosed;
  std::optional<SessionManager> manager{
      std::in_place, channel_to(server.address()),
      heartbeat::typedb::ManagerOptions<>{.close_timeout = 10ms, .on_unclosed = std::ref(unclosed)}};
  Fixture fixture;
  SessionOptions<> wanted = fixture.options();
  wanted.type = heartbeat::typedb::SessionType::schema;
  auto session = manager->open("orders", wanted);
  server.set_faults({.open = typedb_server::Fault::answer_lost()});
  server.forget_all();
  BOOST_TEST(server.wait_for(60s, [](const auto& now) { return now.opened == 2; }));

  manager.reset();

  BOOST_TEST_REQUIRE(unclosed.size() == 1U);
  const heartbeat::typedb::Unclosed one = unclosed.all().front();
  BOOST_TEST(!one.id.has_value());
  BOOST_TEST(one.text.find("schema lock") != std::string::npos, one.text);
  BOOST_TEST(server.schema_sessions() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_throws_changes_nothing, Fixture) {
  Awaited<bool> called;
  auto wanted = options();
  wanted.on_reopened = [&](const SessionId&, const SessionId&) {
    called.bring(true);
    throw 7;
  };
  auto session = manager.open("orders", wanted);

  server.forget_all();
  called.next();
  server.forget_all();
  called.next();

  BOOST_TEST(session.valid());
}

BOOST_FIXTURE_TEST_CASE(forgetting_closing_and_reopening_may_meet_in_any_order, Fixture) {
  for (int i = 0; i != 50; ++i) {
    auto session = manager.open("orders", options());
    if (i % 2 == 0) gone.next_if_there();
    server.forget_all();
    if (i % 3 == 0) reopened.next();
    if (i % 3 == 1) gone.next();
    session.close();
    while (gone.next_if_there()) {
    }
    while (reopened.next_if_there()) {
    }
  }

  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));
  BOOST_TEST(server.open() == 0U);
}

BOOST_AUTO_TEST_CASE(pauses_grow_never_vanish_and_never_pass_their_maximum) {
  std::minstd_rand generator{7};
  const heartbeat::Backoff backoff{.initial = 100ms, .maximum = 1s};
  auto longest = std::chrono::nanoseconds::zero();

  for (std::uint32_t failures = 0; failures != 2'000; ++failures) {
    const auto pause = heartbeat::typedb::detail::reopen_pause(backoff, failures, generator);
    BOOST_REQUIRE(pause >= 50ms);
    BOOST_REQUIRE(pause <= 1s);
    longest = std::max(longest, pause);
  }

  BOOST_CHECK(longest > 500ms);
}

BOOST_AUTO_TEST_SUITE_END()
