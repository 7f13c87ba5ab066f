// SPDX-License-Identifier: BSL-1.0
// The way out of a session on a server that throws away what its client no longer waits for: a close waits as long as
// the server may have the session, is repeated where it failed, and says what it knows. Read next: openings.cpp.
#include <chrono>
#include <functional>
#include <optional>
#include <system_error>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../waiting.hpp"
#include "unclosed_ones.hpp"

BOOST_AUTO_TEST_SUITE(closes)

namespace {

using namespace std::chrono_literals;
using heartbeat::testing::eventually;
using heartbeat::testing::generous_limit;
using heartbeat::testing::UnclosedOnes;
using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionState;
using heartbeat::typedb::Unclosed;
using typedb_server::Counters;
using typedb_server::Fault;

const grpc::Status busy{grpc::StatusCode::RESOURCE_EXHAUSTED, "not today"};

// Whose closes are repeated soon, and given up by the engine at once.
SessionOptions<> hasty(heartbeat::Duration idle_timeout = 30s) {
  SessionOptions<> options{.idle_timeout = idle_timeout};
  options.heartbeat = heartbeat_of(options);
  options.heartbeat->interval = 40ms;
  options.heartbeat->beat_timeout = 10ms;
  options.heartbeat->floor = 5ms;
  return options;
}

struct Fixture {
  typedb_server::Server server{{.threads = 2}};
  UnclosedOnes unclosed;
  std::optional<SessionManager> manager{
      std::in_place, heartbeat::typedb::channel_to(server.address()),
      heartbeat::typedb::ManagerOptions<>{.close_timeout = 50ms, .on_unclosed = std::ref(unclosed)}};
};

}  // namespace

// The engine ceases to wait after a beat's timeout, and wants it again; on the wire it is one call all the while.
BOOST_FIXTURE_TEST_CASE(a_close_runs_on_after_its_owner_has_ceased_to_wait, Fixture) {
  auto session = manager->open("orders", hasty());
  const auto id = session.id();
  server.pause();
  std::error_code error;

  session.close(error);
  BOOST_CHECK(error == std::errc::timed_out);
  BOOST_CHECK(session.state() == SessionState::closing);
  BOOST_TEST(eventually("it was wanted again", [&] { return manager->statistics().closes_repeated >= 2; }));
  BOOST_TEST(server.given_up() == 0U, "which is what the server throws away");
  server.resume();

  BOOST_TEST(eventually("it is closed", [&] { return session.state() == SessionState::closed; }));
  session.close(error);
  BOOST_TEST(!error);
  BOOST_TEST(server.closes(id.view()) == 1);
  BOOST_TEST(eventually("nothing is owed any more", [&] { return manager->size() == 0; }));
  BOOST_TEST(manager->shutdown(generous_limit));
  BOOST_TEST(server.closes(id.view()) == 1);
  BOOST_TEST(unclosed.size() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_close_that_fails_is_repeated_until_it_does_not, Fixture) {
  auto session = manager->open("orders", hasty());
  server.fail_close(busy);
  std::error_code error;

  session.close(error);
  BOOST_CHECK(error == heartbeat::make_error_code(busy));
  server.clear_faults();

  BOOST_TEST(eventually("it is closed", [&] { return session.state() == SessionState::closed; }));
  BOOST_TEST(server.counters().closed == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_close_that_always_fails_is_over_when_the_server_cannot_have_the_session, Fixture) {
  auto session = manager->open("orders", hasty(400ms));
  server.fail_close(busy);

  session.request_close();

  BOOST_TEST(eventually("it is over", [&] { return session.state() == SessionState::closed; }));
  BOOST_TEST(eventually("nothing is owed any more", [&] { return manager->size() == 0; }));
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.expired == 1; }));
  std::error_code error;
  session.close(error);
  BOOST_TEST(!error);
}

BOOST_FIXTURE_TEST_CASE(a_close_that_is_never_answered_is_over_when_the_server_cannot_have_the_session, Fixture) {
  auto session = manager->open("orders", hasty(400ms));
  server.set_faults({.close = Fault::request_lost()});

  session.request_close();

  BOOST_TEST(eventually("it is over", [&] { return session.state() == SessionState::closed; }));
  BOOST_TEST(eventually("nothing is owed any more", [&] { return manager->size() == 0; }));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_confirmed_when_the_manager_goes_is_told, Fixture) {
  auto session = manager->open("orders", hasty());
  const auto id = session.id();
  server.set_faults({.close = Fault::request_lost()});

  BOOST_TEST(!manager->shutdown(10ms));
  BOOST_TEST(!manager->shutdown(generous_limit), "nor has it been confirmed since");
  manager.reset();

  BOOST_TEST_REQUIRE(unclosed.size() == 1U);
  const Unclosed one = unclosed.all().front();
  BOOST_TEST(one.database == "orders");
  BOOST_TEST((one.id == id));
  BOOST_CHECK(one.at_most == heartbeat::Duration{30s});
  BOOST_TEST(!!one.error);
  BOOST_TEST(!one.text.empty());
  BOOST_TEST(server.knows(id.view()));
}

// Closed and forgotten by the server between two attempts.
BOOST_FIXTURE_TEST_CASE(a_close_that_was_executed_without_an_answer_is_done_at_the_next_attempt, Fixture) {
  auto session = manager->open("orders", hasty());
  server.set_faults({.close = Fault::answer_lost()});
  session.request_close();
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.closed == 1; }));

  server.clear_faults();
  server.drop_connections();

  BOOST_TEST(eventually("it is closed", [&] { return session.state() == SessionState::closed; }));
}

BOOST_AUTO_TEST_SUITE_END()
