// SPDX-License-Identifier: BSL-1.0
// What can be made to go wrong with the server that the other tests here rely on: that each fault is the fault it says
// it is, and spares whom it says it spares. Read next: server.cpp.
#include <chrono>
#include <future>
#include <string>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include "awaited.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_faults)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::testing::BareClient;
using heartbeat::testing::generous_limit;
using typedb_server::Counters;
using typedb_server::Fault;
using typedb_server::Server;

struct Fixture {
  Server server;
  BareClient client{server.address()};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_lost_request_has_no_effect_and_a_lost_answer_has, Fixture) {
  const std::string id = client.opened();

  server.set_faults({.pulse = Fault::request_lost()});
  const StatusCode of_lost_request = client.code_of_pulse(id, 50ms);
  const Counters after_lost_request = server.counters();
  server.set_faults({.pulse = Fault::answer_lost()});
  const StatusCode of_lost_answer = client.code_of_pulse(id, 50ms);
  const Counters after_lost_answer = server.counters();

  BOOST_CHECK(of_lost_request == StatusCode::DEADLINE_EXCEEDED);
  BOOST_CHECK(of_lost_answer == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(after_lost_request.alive == 0U);
  BOOST_TEST(after_lost_request.disturbed == 1U);
  BOOST_TEST(after_lost_answer.alive == 1U);
  BOOST_TEST(after_lost_answer.pulses == 2U);
}

BOOST_FIXTURE_TEST_CASE(an_open_whose_answer_is_lost_leaves_a_session_that_nobody_knows, Fixture) {
  std::string id;

  server.set_faults({.open = Fault::answer_lost()});
  const Status status = client.open(id, 1h, "orders", 200ms);

  BOOST_CHECK(status.error_code() == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(id.empty());
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.open == 1; }));
}

BOOST_FIXTURE_TEST_CASE(a_late_answer_comes_after_its_effect, Fixture) {
  const std::string id = client.opened();
  server.set_faults({.pulse = Fault::late(200ms)});
  bool is_alive = false;

  auto answer = std::async(std::launch::async, [&] { return client.pulse(id, is_alive); });
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.alive == 1; }));
  const Status status = answer.get();

  BOOST_TEST(status.ok());
  BOOST_TEST(is_alive);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_gives_up_a_late_answer_leaves_nothing_behind, Fixture) {
  const std::string id = client.opened();

  server.set_faults({.pulse = Fault::late(1h)});
  const StatusCode code = client.code_of_pulse(id, 50ms);
  server.stop();  // would hang if a call were left

  BOOST_CHECK(code == StatusCode::DEADLINE_EXCEEDED);
}

BOOST_FIXTURE_TEST_CASE(garbage_is_no_message, Fixture) {
  const std::string id = client.opened();

  server.set_faults({.pulse = Fault::garbage()});
  const StatusCode code = client.code_of_pulse(id);

  BOOST_TEST((code == StatusCode::UNIMPLEMENTED || code == StatusCode::INTERNAL));  // as gRPC's version has it
  BOOST_TEST(server.counters().alive == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_fault_of_one_session_is_nobody_else_s, Fixture) {
  const std::string one = client.opened();
  const std::string other = client.opened();

  server.set_faults(one, {.pulse = Fault::failing({StatusCode::RESOURCE_EXHAUSTED, "enough"})});
  const StatusCode code = client.code_of_pulse(one);
  const bool is_other_alive = client.is_alive(other);
  server.clear_faults();
  const bool is_alive_at_last = client.is_alive(one);

  BOOST_CHECK(code == StatusCode::RESOURCE_EXHAUSTED);
  BOOST_TEST(is_other_alive);
  BOOST_TEST(is_alive_at_last);
}

BOOST_FIXTURE_TEST_CASE(ids_can_be_made_too_short, Fixture) {
  server.set_faults({.short_ids = true});
  const std::string id = client.opened();

  BOOST_TEST(id.size() == 3U);
  BOOST_TEST(server.open() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_paused_server_answers_when_it_resumes, Fixture) {
  const std::string id = client.opened();

  server.pause();
  const StatusCode given_up = client.code_of_pulse(id, 50ms);
  auto answer = std::async(std::launch::async, [&] { return client.is_alive(id); });
  server.resume();
  const bool is_alive = answer.get();

  BOOST_CHECK(given_up == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(is_alive);
  BOOST_TEST(server.counters().alive > 0U);
}

BOOST_FIXTURE_TEST_CASE(dropped_connections_fail_what_is_under_way_and_keep_the_sessions, Fixture) {
  const std::string id = client.opened();
  server.set_faults(id, {.pulse = Fault::answer_lost()});
  auto answer = std::async(std::launch::async, [&] { return client.code_of_pulse(id); });
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.alive == 1; }));

  server.drop_connections();
  const StatusCode code = answer.get();
  server.clear_faults();

  BOOST_TEST((code == StatusCode::UNAVAILABLE || code == StatusCode::CANCELLED));
  BOOST_TEST(BareClient{server.address()}.is_alive(id));
}

BOOST_AUTO_TEST_SUITE_END()
