// SPDX-License-Identifier: BSL-1.0
// The server that the other tests here rely on: that it keeps time and count, words its errors as TypeDB does, and
// comes back where it was. Read next: server_faults.cpp, for what can be made to go wrong with it.
#include <chrono>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <typedb_server/server.hpp>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

#include "awaited.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::testing::BareClient;
using heartbeat::testing::generous_limit;
using typedb_server::Counters;
using typedb_server::Server;
namespace protocol = ::typedb::protocol;

struct Fixture {
  Server server;
  BareClient client{server.address()};
};

void check_that_it_adds_up(const Counters& numbers) {
  BOOST_TEST(numbers.opened == numbers.closed + numbers.expired + numbers.forgotten + numbers.open);
  BOOST_TEST(numbers.pulses == numbers.alive + numbers.unknown + numbers.disturbed);
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(ids_are_sixteen_bytes_of_a_random_uuid, Fixture) {
  const std::string one = client.opened();
  const std::string other = client.opened();

  BOOST_TEST(one.size() == 16U);
  BOOST_TEST(one != other);
  BOOST_TEST((one[6] & 0xF0) == 0x40);
  BOOST_TEST((one[8] & 0xC0) == 0x80);
}

BOOST_FIXTURE_TEST_CASE(what_ends_a_session_is_counted_as_that_and_as_nothing_else, Fixture) {
  const std::string closed = client.opened();
  const std::string forgotten = client.opened();
  const std::string open = client.opened();
  const std::string expired = client.opened(1ms);

  BOOST_TEST(client.close(closed).ok());
  BOOST_TEST(server.forget(forgotten));
  BOOST_TEST(!server.forget(forgotten));
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.expired == 1; }));
  const bool is_open = client.is_alive(open);
  const bool is_closed_open = client.is_alive(closed);
  const bool is_expired_open = client.is_alive(expired);
  const Counters numbers = server.counters();

  BOOST_TEST(is_open);
  BOOST_TEST(!is_closed_open);
  BOOST_TEST(!is_expired_open);
  BOOST_TEST(numbers.opened == 4U);
  BOOST_TEST(numbers.closed == 1U);
  BOOST_TEST(numbers.forgotten == 1U);
  BOOST_TEST(numbers.expired == 1U);
  BOOST_TEST(numbers.alive == 1U);
  BOOST_TEST(numbers.unknown == 2U);
  check_that_it_adds_up(numbers);
  BOOST_TEST(server.sessions() == std::vector<std::string>{open});
}

BOOST_FIXTURE_TEST_CASE(sessions_expire_by_their_own_deadlines_whatever_the_order_of_their_opening, Fixture) {
  const std::string last = client.opened(1h);
  const std::string second = client.opened(60ms);
  const std::string first = client.opened(20ms);

  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.expired == 2; }));

  BOOST_TEST(server.sessions() == std::vector<std::string>{last});
}

BOOST_FIXTURE_TEST_CASE(a_pulse_moves_the_deadline, Fixture) {
  const std::string left_alone = client.opened(3s);
  const std::string pulsed = client.opened(3s);

  const auto first_expires = std::async(std::launch::async, [&] {
    return server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.expired > 0; });
  });
  while (first_expires.wait_for(50ms) != std::future_status::ready)
    client.is_alive(pulsed);

  BOOST_TEST(!server.knows(left_alone));
  BOOST_TEST(server.knows(pulsed));
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.expired == 2; }));
}

BOOST_FIXTURE_TEST_CASE(errors_are_worded_as_typedb_s_own, Fixture) {
  std::string id;
  protocol::Connection_Open_Req greeting;
  protocol::Connection_Open_Res greeted;

  const Status unknown_session = client.close("0123456789abcdef");
  const Status unknown_database = client.open(id, 1s, "new one");
  const Status bad_version = client.call(&protocol::TypeDB::Stub::connection_open, greeting, greeted);
  greeting.set_version(protocol::VERSION);
  const Status good_version = client.call(&protocol::TypeDB::Stub::connection_open, greeting, greeted);

  BOOST_CHECK(unknown_session.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(
      unknown_session.error_message() ==
      "[SSN01] Invalid Session Operation: Session with UUID '30313233-3435-3637-3839-616263646566' does not exist.");
  BOOST_TEST(unknown_database.error_message().starts_with("[DBS06]"));
  BOOST_CHECK(bad_version.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(bad_version.error_message().starts_with("[SRV26] Invalid Server Operation: "));
  BOOST_TEST(bad_version.error_message().ends_with("Please use a compatible driver to connect."));
  BOOST_TEST(good_version.ok());
  BOOST_TEST(server.counters().unknown_closes == 1U);
}

BOOST_FIXTURE_TEST_CASE(databases_can_be_created_once_and_are_found, Fixture) {
  protocol::DatabaseManager_Create_Req create;
  protocol::DatabaseManager_Create_Res created;
  protocol::DatabaseManager_Contains_Req contains;
  protocol::DatabaseManager_Contains_Res contained;
  protocol::DatabaseManager_Get_Req get;
  protocol::DatabaseManager_Get_Res got;
  create.set_name("new one");
  contains.set_name("new one");
  get.set_name("new one");

  BOOST_TEST(client.call(&protocol::TypeDB::Stub::databases_create, create, created).ok());
  const Status again = client.call(&protocol::TypeDB::Stub::databases_create, create, created);
  BOOST_TEST(client.call(&protocol::TypeDB::Stub::databases_contains, contains, contained).ok());
  BOOST_TEST(client.call(&protocol::TypeDB::Stub::databases_get, get, got).ok());

  BOOST_CHECK(again.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(contained.contains());
  BOOST_TEST(got.database().replicas(0).address() == server.address());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_was_stopped_comes_back_at_the_same_port_and_has_forgotten_everything, Fixture) {
  const std::string id = client.opened();
  const int port = server.port();
  server.mute(true);

  server.stop();
  server.start();

  BOOST_TEST(server.port() == port);
  BOOST_TEST(!BareClient{server.address()}.is_alive(id));
  check_that_it_adds_up(server.counters());
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_an_error) {
  const Server server;

  BOOST_CHECK_THROW(Server{{.port = server.port()}}, std::system_error);
}

BOOST_FIXTURE_TEST_CASE(ten_thousand_sessions_are_opened_pulsed_and_forgotten_from_many_threads, Fixture) {
  {
    std::vector<std::jthread> users;
    for (int thread = 0; thread != 4; ++thread) {
      users.emplace_back([&] {
        BareClient own{server.address()};
        for (int i = 0; i != 2500; ++i) {
          std::string id;
          bool is_alive = false;
          if (own.open(id).ok() && i % 10 == 0) own.pulse(id, is_alive);
        }
      });
    }
  }
  const std::size_t forgotten = server.forget_some(100) + server.forget_all();
  const Counters numbers = server.counters();

  BOOST_TEST(numbers.opened == 10'000U);
  BOOST_TEST(numbers.alive == 1'000U);
  BOOST_TEST(forgotten == 10'000U);
  check_that_it_adds_up(numbers);
}

BOOST_AUTO_TEST_SUITE_END()
