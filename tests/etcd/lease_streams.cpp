// SPDX-License-Identifier: BSL-1.0
// One stream after the other: when a dead one is replaced, which endpoint gets the next, and that a server that refuses
// them is not overrun.
#include <chrono>
#include <string>
#include <typedb_server/port_reservation.hpp>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd.hpp>
#include <heartbeat/transports/etcd/endpoint_turn.hpp>
#include <heartbeat/transports/etcd/keep_alive_ledger.hpp>

#include "../guarantees/world.hpp"
#include "lease_client.hpp"
#include "lease_server.hpp"

BOOST_AUTO_TEST_SUITE(lease_streams)

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::testing;  // NOLINT
using heartbeat::BeatResult;
using heartbeat::BootClock;
using heartbeat::make_error_code;
using heartbeat::etcd::LeaseTransport;
using heartbeat::etcd::detail::EndpointTurn;
using heartbeat::etcd::detail::KeepAliveLedger;
using Kind = BeatResult::Kind;

constexpr LeaseId a{1}, b{2};
const grpc::Status no_leader{grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"};

// Answers the next request on that stream or a later one, and waits until it is told.
void acknowledge(LeaseServer& server, const Answer& answer, int stream = 1) {
  AskedLease asked = server.next_asked();
  while (asked.stream < stream)
    asked = server.next_asked();
  server.answer(asked.stream, asked.id, 10);
  BOOST_CHECK(answer->next().kind() == Kind::acknowledged);
}

// After it, a lease that was asked before has waited long enough to say something about the stream.
bool patience_is_over() {
  const auto end = BootClock::now() + KeepAliveLedger::patience;
  return heartbeat::guarantees::eventually("the ledger's patience to pass", [&] { return BootClock::now() >= end; });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stream_that_answered_and_broke_is_replaced_at_once) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};
  acknowledge(server, ask(transport, a));

  const Answer broken = ask(transport, a);
  server.next_asked();
  server.end(1, no_leader);
  BOOST_TEST(broken->next().text() == "etcdserver: no leader");
  acknowledge(server, ask(transport, a));

  BOOST_TEST(server.streams() == 2);
}

BOOST_AUTO_TEST_CASE(a_stream_that_keeps_silent_is_given_up_when_a_lease_asks_again) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};
  const auto lost = ask_all(transport, {a, b});
  server.next_asked();
  server.next_asked();

  BOOST_TEST(patience_is_over());
  const auto retried = ask_all(transport, {b, a});

  for (const Answer& answer : lost)
    BOOST_CHECK((answer->next().error() == make_error_code(grpc::StatusCode::DEADLINE_EXCEEDED)));
  BOOST_CHECK((server.next_asked() == AskedLease{2, b, true}));
  BOOST_CHECK((server.next_asked() == AskedLease{2, a, true}));
  server.answer(1, a, 10);  // the dead stream's own answer
  server.answer(2, a, 20);
  BOOST_CHECK((retried[1]->next().ttl() == heartbeat::Duration{20s}));
  BOOST_TEST(server.next_ended() == 1);
}

BOOST_AUTO_TEST_CASE(a_stream_that_answers_others_is_not_given_up) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};
  ask(transport, a);
  server.next_asked();
  acknowledge(server, ask(transport, b));

  BOOST_TEST(patience_is_over());
  ask(transport, a);

  BOOST_TEST(server.next_asked().stream == 1);
}

BOOST_AUTO_TEST_CASE(the_next_endpoint_is_taken_when_a_stream_breaks) {
  LeaseServer first;
  LeaseServer second;
  LeaseTransport transport{patient_channels({first.address(), second.address()})};
  const Answer broken = ask(transport, a);
  first.next_asked();

  first.end(1, no_leader);
  broken->next();

  acknowledge(second, ask(transport, a));
  BOOST_TEST(first.streams() == 1);
}

BOOST_AUTO_TEST_CASE(the_next_endpoint_is_taken_when_one_keeps_silent) {
  LeaseServer first;
  LeaseServer second;
  LeaseTransport transport{patient_channels({first.address(), second.address()})};
  ask(transport, a);
  first.next_asked();

  BOOST_TEST(patience_is_over());
  acknowledge(second, ask(transport, a));
}

BOOST_AUTO_TEST_CASE(the_next_endpoint_is_taken_when_one_leaves_a_lease_waiting_twice) {
  LeaseServer first;
  LeaseServer second;
  LeaseTransport transport{patient_channels({first.address(), second.address()})};
  for (int i = 0; i != 2; ++i) {
    ask(transport, a);
    BOOST_TEST((first.next_asked() == AskedLease{1, a, true}));
    acknowledge(first, ask(transport, b));
    BOOST_TEST(patience_is_over());
  }

  acknowledge(second, ask(transport, a));
}

BOOST_AUTO_TEST_CASE(an_endpoint_where_nobody_listens_is_passed_over) {
  LeaseServer server;
  const typedb_server::PortReservation nobody{0};
  LeaseTransport transport{patient_channels({"127.0.0.1:" + std::to_string(nobody.port()), server.address()})};

  BOOST_CHECK((ask(transport, a)->next().error() == make_error_code(grpc::StatusCode::UNAVAILABLE)));

  acknowledge(server, ask(transport, a));
}

BOOST_AUTO_TEST_CASE(small_batches_do_not_overrun_a_server_that_refuses_them) {
  LeaseServer server;
  server.refuse_streams(no_leader);
  LeaseTransport transport{patient_channels({server.address()})};

  const auto begin = BootClock::now();
  for (int i = 0; i != 1000; ++i)
    BOOST_TEST_REQUIRE(ask(transport, a)->next().text() == "etcdserver: no leader");
  const auto pauses = (BootClock::now() - begin) / EndpointTurn::pause;

  BOOST_TEST(server.streams() <= pauses + 1);
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_streams_again_is_found) {
  LeaseServer server;
  server.refuse_streams(no_leader);
  LeaseTransport transport{patient_channels({server.address()})};
  ask(transport, a)->next();

  server.refuse_streams(grpc::Status::OK);

  Answer answer;
  do
    answer = ask(transport, a);
  while (answer->next_if_there());  // refused at once, until the pause is over
  acknowledge(server, answer, 2);
}

BOOST_AUTO_TEST_SUITE_END()
