// SPDX-License-Identifier: BSL-1.0
// The embedded server's schema lock: who has it, who waits for it and how long, what gives it back. Read next:
// server_threads.cpp, for what those who wait do to everybody else.
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <typedb_server/schema_locks.hpp>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include "../waiting.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_lock)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::testing::at_once;
using heartbeat::testing::BareClient;
using heartbeat::testing::eventually;
using heartbeat::testing::long_enough_to_arrive;
using heartbeat::testing::long_wait;
using typedb_server::SchemaLocks;
using typedb_server::Server;

struct Fixture {
  Server server{{.threads = 4}};
  BareClient client{server.address()};

  std::string opened_schema(std::chrono::milliseconds idle_timeout = 1h) {
    std::string id;
    BOOST_REQUIRE(client.open_schema(id, at_once, idle_timeout).ok());
    return id;
  }

  // A second schema session waits, `release` is what ought to let it in.
  void check_that_the_lock_comes_free_by(const std::function<void()>& release) {
    std::string id;
    auto waiting = std::async(std::launch::async, [&] { return client.open_schema(id, long_wait); });
    BOOST_TEST(eventually("somebody waits for the lock", [&] { return server.schema_waiters() == 1; }));

    release();
    const Status status = waiting.get();

    BOOST_TEST(status.ok());
    BOOST_TEST(server.knows(id));
    BOOST_TEST(server.schema_sessions() == 1U);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_second_schema_session_is_refused_at_once_if_it_is_not_to_wait, Fixture) {
  opened_schema();
  std::string id;

  for (const auto limit : {0ms, -1ms}) {
    const Status status = client.open_schema(id, limit);

    BOOST_CHECK(status.error_code() == StatusCode::INTERNAL);
    BOOST_TEST(status.error_message() ==
               "[SSN03] Invalid Session Operation: Could not acquire lock for schema session. Another schema session "
               "may have been left open.");
  }
  BOOST_TEST(server.opened() == 1);
  BOOST_TEST(server.schema_sessions() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_second_schema_session_is_refused_when_its_wait_is_over, Fixture) {
  const std::string holder = opened_schema();
  std::string id;

  const Status status = client.open_schema(id, 60ms);

  BOOST_TEST(status.error_message().starts_with("[SSN03]"));
  BOOST_TEST(server.knows(holder));
}

BOOST_AUTO_TEST_CASE(a_wait_that_no_client_chose_is_the_server_s_own) {
  Server server{{.threads = 2, .schema_lock_timeout = 30ms}};
  BareClient client{server.address()};
  ::typedb::protocol::Session_Open_Req request;
  ::typedb::protocol::Session_Open_Res response;
  request.set_database("orders");
  request.set_type(::typedb::protocol::Session_Type_SCHEMA);

  const Status first = client.call(&::typedb::protocol::TypeDB::Stub::session_open, request, response);
  const Status second = client.call(&::typedb::protocol::TypeDB::Stub::session_open, request, response);

  BOOST_TEST(first.ok());
  BOOST_TEST(second.error_message().starts_with("[SSN03]"));
}

BOOST_FIXTURE_TEST_CASE(data_sessions_and_other_databases_need_no_lock_of_this_one, Fixture) {
  opened_schema();
  SchemaLocks locks;

  client.opened();
  client.opened();

  BOOST_TEST(server.open() == 3U);
  BOOST_CHECK(locks.acquire("one", at_once) == SchemaLocks::Outcome::acquired);
  BOOST_CHECK(locks.acquire("other", at_once) == SchemaLocks::Outcome::acquired);
  BOOST_CHECK(locks.acquire("one", at_once) == SchemaLocks::Outcome::timed_out);
}

BOOST_FIXTURE_TEST_CASE(a_close_gives_the_lock_back, Fixture) {
  const std::string holder = opened_schema();

  check_that_the_lock_comes_free_by([&] { BOOST_TEST(client.close(holder).ok()); });
}

BOOST_FIXTURE_TEST_CASE(an_expiry_gives_the_lock_back, Fixture) {
  opened_schema(200ms);

  check_that_the_lock_comes_free_by([] {});

  BOOST_TEST(server.counters().expired == 1U);
}

BOOST_FIXTURE_TEST_CASE(forgetting_gives_the_lock_back, Fixture) {
  const std::string holder = opened_schema();

  check_that_the_lock_comes_free_by([&] { BOOST_TEST(server.forget(holder)); });
}

BOOST_FIXTURE_TEST_CASE(a_session_that_is_dead_at_its_opening_holds_no_lock, Fixture) {
  opened_schema(0ms);

  BOOST_TEST(server.schema_sessions() == 0U);
  opened_schema();
}

BOOST_FIXTURE_TEST_CASE(the_deletion_of_the_database_ends_its_schema_session_and_who_waits_is_told_so, Fixture) {
  const std::string holder = opened_schema();
  std::string id;
  auto waiting = std::async(std::launch::async, [&] { return client.open_schema(id, long_wait); });
  BOOST_TEST(eventually("somebody waits for the lock", [&] { return server.schema_waiters() == 1; }));

  BOOST_TEST(client.remove("orders").ok());
  const Status status = waiting.get();

  BOOST_TEST(status.error_message().starts_with("[DBS06]"));
  BOOST_TEST(!client.is_alive(holder));
  BOOST_TEST(server.schema_sessions() == 0U);
  BOOST_TEST(server.open() == 0U);
}

BOOST_FIXTURE_TEST_CASE(an_open_whose_client_gave_up_waits_on_and_gets_a_session_that_nobody_knows, Fixture) {
  const std::string holder = opened_schema();
  std::string id;

  const Status given_up = client.open_schema(id, long_wait, 1h, long_enough_to_arrive);
  BOOST_TEST(eventually("it is given up", [&] { return server.given_up() == 1; }));
  BOOST_TEST(server.schema_waiters() == 1U);
  BOOST_TEST(client.close(holder).ok());
  BOOST_TEST(eventually("the session is opened for nobody", [&] { return server.opened() == 2; }));
  const Status next = client.open_schema(id, at_once);

  BOOST_CHECK(given_up.error_code() == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(server.open() == 1U);
  BOOST_TEST(next.error_message().starts_with("[SSN03]"));
}

BOOST_FIXTURE_TEST_CASE(what_was_opened_for_nobody_holds_the_lock_until_its_idle_timeout, Fixture) {
  const std::string holder = opened_schema();
  std::string id;

  const Status given_up = client.open_schema(id, long_wait, 300ms, long_enough_to_arrive);
  BOOST_TEST(server.schema_waiters() == 1U);
  BOOST_TEST(client.close(holder).ok());
  BOOST_TEST(eventually("the session is opened for nobody", [&] { return server.opened() == 2; }));
  const Status next = client.open_schema(id, long_wait);

  BOOST_CHECK(given_up.error_code() == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(next.ok());
  BOOST_TEST(server.counters().expired == 1U);
}

BOOST_FIXTURE_TEST_CASE(connections_that_drop_do_not_end_a_wait, Fixture) {
  const std::string holder = opened_schema();
  std::string id;
  auto waiting = std::async(std::launch::async, [&] { return client.open_schema(id, long_wait); });
  BOOST_TEST(eventually("somebody waits for the lock", [&] { return server.schema_waiters() == 1; }));

  server.drop_connections();
  const Status cut_off = waiting.get();
  BOOST_TEST(server.schema_waiters() == 1U);
  BOOST_TEST(server.forget(holder));

  BOOST_TEST(!cut_off.ok());
  BOOST_TEST(eventually("the session is opened for nobody", [&] { return server.opened() == 2; }));
}

BOOST_FIXTURE_TEST_CASE(a_server_that_stops_ends_waits_and_comes_back_with_the_lock_free, Fixture) {
  opened_schema();
  std::string id;
  auto waiting = std::async(std::launch::async, [&] { return client.open_schema(id, long_wait); });
  BOOST_TEST(eventually("somebody waits for the lock", [&] { return server.schema_waiters() == 1; }));

  server.stop();
  const Status cut_off = waiting.get();
  server.start();
  const Status status = BareClient{server.address()}.open_schema(id, at_once);

  BOOST_TEST(!cut_off.ok());
  BOOST_TEST(status.ok());
  BOOST_TEST(server.opened() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
