// SPDX-License-Identifier: BSL-1.0
// The embedded server's databases: that making one takes time, what others are told meanwhile, which names it takes,
// and what the deletion of one does to its sessions. Read next: typedb_server/databases.hpp.
#include <array>
#include <chrono>
#include <cstddef>
#include <future>
#include <string>
#include <typedb_server/databases.hpp>
#include <typedb_server/server.hpp>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/boot_clock.hpp>

#include "../waiting.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_databases)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::BootClock;
using heartbeat::testing::BareClient;
using heartbeat::testing::eventually;
using typedb_server::Databases;
using typedb_server::Server;
namespace protocol = ::typedb::protocol;

// A server on which a database is being made, for as long as the test lasts.
struct Making {
  Making() {
    for (auto& creation : creations)
      creation = std::async(std::launch::async, [this] { return client.create("new one"); });
    BOOST_TEST(eventually("one of two is told that the other is at it", [&] { return is_over(0) || is_over(1); }));
    if (is_over(0)) std::swap(creations[0], creations[1]);
    BOOST_TEST(creations[1].get().error_message().starts_with("[INT16]"));
  }
  ~Making() { server.stop(); }

  bool is_over(std::size_t i) { return creations[i].wait_for(0s) == std::future_status::ready; }

  Server server{{.threads = 8, .least_creation_time = 1h, .most_creation_time = 1h}};
  BareClient client{server.address()};
  std::array<std::future<Status>, 2> creations;  // the first is under way
};

}  // namespace

BOOST_AUTO_TEST_CASE(making_one_takes_as_long_as_it_takes_typedb) {
  Server server;
  BareClient client{server.address()};

  const auto begin = BootClock::now();
  const Status status = client.create("new one");
  const auto span = BootClock::now() - begin;

  BOOST_TEST(status.ok());
  BOOST_CHECK(span >= 130ms);
  BOOST_TEST(client.contains("new one"));
  client.opened();
}

BOOST_FIXTURE_TEST_CASE(while_it_is_made_it_is_there_for_nobody_and_its_name_is_taken, Making) {
  std::string id;

  BOOST_TEST(!client.contains("new one"));
  const Status of_open = client.open(id, 1h, "new one");
  const Status of_create = client.create("new one");
  const Status of_remove = client.remove("new one");

  BOOST_TEST(of_open.error_message() ==
             "[DBS06] Invalid Database Operation: The database with the name 'new one' does not exist.");
  BOOST_CHECK(of_create.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(of_create.error_message().starts_with("[INT16] Invalid Internal State: Received Java error:"));
  BOOST_TEST(of_remove.error_message().starts_with("[DBS06]"));
}

BOOST_FIXTURE_TEST_CASE(a_server_that_stops_has_not_made_it, Making) {
  server.stop();
  const Status status = creations[0].get();
  server.start();

  BOOST_TEST(!status.ok());
  BOOST_TEST(!BareClient{server.address()}.contains("new one"));
}

BOOST_AUTO_TEST_CASE(making_one_blocks_its_thread) {
  Server server{{.threads = 1, .least_creation_time = 200ms, .most_creation_time = 200ms}};
  BareClient client{server.address()};
  std::vector<std::future<Status>> creations;

  for (int i = 0; i != 2; ++i)
    creations.push_back(std::async(std::launch::async, [&] { return client.create("new one"); }));
  std::vector<std::string> words;
  for (auto& creation : creations)
    words.push_back(creation.get().error_message().substr(0, 7));

  // Behind each other, the second finds it made.
  BOOST_TEST((words == std::vector<std::string>{"", "[DBS04]"} || words == std::vector<std::string>{"[DBS04]", ""}));
}

BOOST_AUTO_TEST_CASE(of_sixteen_who_make_one_at_once_those_on_the_other_thread_fail) {
  Server server{{.threads = 2, .least_creation_time = 300ms, .most_creation_time = 300ms}};
  BareClient client{server.address()};
  std::vector<std::future<Status>> creations;
  int made = 0;
  int failed = 0;
  int taken = 0;

  server.pause();
  for (int i = 0; i != 16; ++i)
    creations.push_back(std::async(std::launch::async, [&] { return client.create("new one"); }));
  BOOST_TEST(eventually("all sixteen wait for their turn", [&] { return server.queued() == 16; }));
  server.resume();
  for (auto& creation : creations) {
    const std::string text = creation.get().error_message();
    made += text.empty() ? 1 : 0;
    failed += text.starts_with("[INT16]") ? 1 : 0;
    taken += text.starts_with("[DBS04]") ? 1 : 0;
  }

  BOOST_TEST(made == 1);
  BOOST_TEST(failed == 8);  // on the other thread
  BOOST_TEST(taken == 7);   // behind the one that made it
}

BOOST_AUTO_TEST_CASE(names_that_are_taken_or_are_no_names_are_refused_each_in_its_words) {
  Server server;
  BareClient client{server.address()};

  BOOST_TEST(client.create("orders").error_message() ==
             "[DBS04] Invalid Database Operation: The database with the name 'orders' already exists.");
  BOOST_TEST(client.create("").error_message().starts_with("[INT16]"));
  BOOST_TEST(client.create("a/b").error_message().starts_with("[INT16]"));
  BOOST_TEST(client.create("_orders").error_message() ==
             "[DBS09] Invalid Database Operation: Database name must not start with an underscore.");
  for (const char* name : {"orders", "", "a/b", "_orders"})
    BOOST_CHECK(client.create(name).error_code() == StatusCode::INTERNAL);
}

BOOST_AUTO_TEST_CASE(the_deletion_of_a_database_ends_its_sessions_and_no_others) {
  Server server{{.databases = {"orders", "other"}}};
  BareClient client{server.address()};
  const std::string ended = client.opened();
  std::string other;
  BOOST_TEST(client.open(other, 1h, "other").ok());

  BOOST_TEST(client.remove("orders").ok());

  BOOST_TEST(!client.is_alive(ended));
  BOOST_TEST(client.close(ended).error_message().starts_with("[SSN01]"));
  BOOST_TEST(client.is_alive(other));
  BOOST_TEST(!client.contains("orders"));
  BOOST_TEST(client.remove("orders").error_message().starts_with("[DBS06]"));
  const auto numbers = server.counters();
  BOOST_TEST(numbers.opened == numbers.closed + numbers.expired + numbers.forgotten + numbers.open);
}

BOOST_AUTO_TEST_CASE(a_test_makes_and_removes_databases_at_once_and_with_their_sessions) {
  Server server{{.least_creation_time = 1h, .most_creation_time = 1h}};
  BareClient client{server.address()};
  std::string id;

  server.create_database("new one");
  BOOST_TEST(client.open(id, 1h, "new one").ok());
  server.remove_database("new one");

  BOOST_TEST(!client.is_alive(id));
  BOOST_TEST(!client.contains("new one"));
  BOOST_TEST(server.counters().forgotten == 1U);
}

BOOST_AUTO_TEST_CASE(databases_are_listed_and_described_with_the_server_s_address) {
  Server server{{.databases = {"orders", "other"}}};
  BareClient client{server.address()};
  protocol::DatabaseManager_All_Req all;
  protocol::DatabaseManager_All_Res listed;
  protocol::DatabaseManager_Get_Req get;
  protocol::DatabaseManager_Get_Res got;
  get.set_name("unknown");

  BOOST_TEST(client.call(&protocol::TypeDB::Stub::databases_all, all, listed).ok());
  BOOST_TEST(client.call(&protocol::TypeDB::Stub::databases_get, get, got).ok());

  BOOST_REQUIRE(listed.databases_size() == 2);
  BOOST_TEST(listed.databases(0).name() == "orders");
  BOOST_TEST(listed.databases(1).name() == "other");
  BOOST_TEST(listed.databases(0).replicas(0).address() == server.address());
  BOOST_TEST(got.database().name() == "unknown");
}

BOOST_AUTO_TEST_CASE(a_database_has_an_empty_schema_and_an_unknown_one_none) {
  Server server;
  BareClient client{server.address()};
  protocol::Database_Schema_Req whole;
  protocol::Database_Schema_Res of_whole;
  protocol::Database_TypeSchema_Req types;
  protocol::Database_TypeSchema_Res of_types;
  protocol::Database_RuleSchema_Req rules;
  protocol::Database_RuleSchema_Res of_rules;
  using Stub = protocol::TypeDB::Stub;

  for (const char* name : {"orders", "unknown"}) {
    whole.set_name(name);
    types.set_name(name);
    rules.set_name(name);
    for (const Status& status : {client.call(&Stub::database_schema, whole, of_whole),
                                 client.call(&Stub::database_type_schema, types, of_types),
                                 client.call(&Stub::database_rule_schema, rules, of_rules)})
      BOOST_TEST(status.error_message().substr(0, 7) == (std::string{name} == "orders" ? "" : "[DBS06]"));
  }
  BOOST_TEST(of_whole.schema().empty());
}

BOOST_AUTO_TEST_SUITE_END()
