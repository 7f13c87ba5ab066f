// SPDX-License-Identifier: BSL-1.0
// etcd's transport as a whole: grants, revokes, copies, and its end at any moment.
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <typedb_server/port_reservation.hpp>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/etcd.hpp>
#include <heartbeat/transports/etcd/transport.hpp>

#include "../guarantees/world.hpp"
#include "lease_client.hpp"
#include "lease_server.hpp"

BOOST_AUTO_TEST_SUITE(transport)

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::testing;  // NOLINT
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::EventKind;
using heartbeat::FirstBeat;
using heartbeat::HeartbeatRegistry;
using heartbeat::make_error_code;
using heartbeat::etcd::LeaseTransport;
using Kind = BeatResult::Kind;
using Registry = HeartbeatRegistry<LeaseId, LeaseTransport>;

constexpr LeaseId a{1}, b{2};

static_assert(heartbeat::BatchTransport<LeaseTransport, LeaseId>);
static_assert(heartbeat::AsyncClosingTransport<LeaseTransport, LeaseId>);

std::error_code revoke(LeaseTransport& transport, LeaseId id) {
  Awaited<std::error_code> closed;
  transport.async_close(id, BeatContext{generous_limit}, completion_for(closed));
  return closed.next();
}

Registry::Options at_once() {
  return {.interval = 1h, .ttl = 10h, .first_beat = FirstBeat::now};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_grant_tells_the_id_and_the_ttl_that_the_server_chose) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};

  const auto lease = transport.grant(10s);

  BOOST_TEST(lease.id == LeaseId{7});
  BOOST_CHECK((lease.ttl == 11s));
}

BOOST_AUTO_TEST_CASE(a_grant_that_fails_says_why) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};
  server.grant_with({grpc::StatusCode::OUT_OF_RANGE, "too large lease TTL"});

  std::error_code error;
  BOOST_TEST(transport.grant(10s, error).id == LeaseId{});
  BOOST_CHECK((error == make_error_code(grpc::StatusCode::OUT_OF_RANGE)));
  BOOST_CHECK_EXCEPTION((void)transport.grant(10s), std::system_error, [](const std::system_error& thrown) {
    return std::string{thrown.what()}.find("too large lease TTL") != std::string::npos;
  });

  server.grant_with(grpc::Status::OK, "refused");
  (void)transport.grant(10s, error);
  BOOST_TEST(!!error);
  server.grant_with(grpc::Status::OK);
  (void)transport.grant(10s, error);
  BOOST_TEST(!error);
}

BOOST_AUTO_TEST_CASE(a_grant_asks_the_next_endpoint_where_one_has_no_leader) {
  LeaseServer first;
  LeaseServer second;
  first.grant_with({grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});
  LeaseTransport transport{patient_channels({first.address(), second.address()})};

  BOOST_TEST(transport.grant(10s).id == LeaseId{7});
}

BOOST_AUTO_TEST_CASE(revoking_an_unknown_lease_is_no_error_and_other_failures_are) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};

  BOOST_TEST(!revoke(transport, a));
  server.revoke_with({grpc::StatusCode::NOT_FOUND, "etcdserver: requested lease not found"});
  BOOST_TEST(!revoke(transport, a));
  server.revoke_with({grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});
  BOOST_CHECK((revoke(transport, a) == make_error_code(grpc::StatusCode::UNAVAILABLE)));
}

BOOST_AUTO_TEST_CASE(a_revoke_asks_the_next_endpoint_where_one_has_no_leader_once_around) {
  LeaseServer first;
  LeaseServer second;
  first.revoke_with({grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});
  LeaseTransport transport{patient_channels({first.address(), second.address()})};

  BOOST_TEST(!revoke(transport, a));
  second.revoke_with({grpc::StatusCode::INTERNAL, "broken"});
  BOOST_CHECK((revoke(transport, a) == make_error_code(grpc::StatusCode::INTERNAL)));
  second.revoke_with({grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});
  BOOST_CHECK((revoke(transport, a) == make_error_code(grpc::StatusCode::UNAVAILABLE)));
}

BOOST_AUTO_TEST_CASE(copies_share_the_stream_and_the_last_one_ends_it) {
  LeaseServer server;
  std::optional<LeaseTransport> transport{patient_channels({server.address()})};
  std::optional<LeaseTransport> copy{transport};
  const Answer first = ask(*transport, a);
  transport.reset();

  const Answer second = ask(*copy, b);
  BOOST_TEST(server.next_asked().stream == 1);
  BOOST_TEST(server.next_asked().stream == 1);
  server.answer(1, a, 10);
  BOOST_CHECK(first->next().kind() == Kind::acknowledged);
  copy.reset();

  BOOST_CHECK((second->next().error() == make_error_code(grpc::StatusCode::CANCELLED)));
  BOOST_TEST(server.next_ended() == 1);
}

BOOST_AUTO_TEST_CASE(a_transport_may_die_before_its_stream_is_connected) {
  const typedb_server::PortReservation nobody{0};
  Answer answer;
  {
    LeaseTransport transport{patient_channels({"127.0.0.1:" + std::to_string(nobody.port())})};
    answer = ask(transport, a);
  }
  BOOST_CHECK(answer->next().kind() == Kind::failed);
}

BOOST_AUTO_TEST_CASE(a_registry_may_die_with_beats_in_flight) {
  LeaseServer server;
  for (int round = 0; round != 20; ++round) {
    Registry registry{LeaseTransport{patient_channels({server.address()})}};
    auto first = registry.start(a, at_once());
    auto second = registry.start(b, at_once());
    AskedLease asked = server.next_asked();
    while (asked.stream != round + 1)  // the second beat of the registry before
      asked = server.next_asked();
    server.answer(asked.stream, asked.id, 10);  // its way crosses the registry's end
  }
  std::set<int> ended;
  for (int round = 0; round != 20; ++round)
    ended.insert(server.next_ended());
  BOOST_TEST(ended.size() == 20U);
}

BOOST_AUTO_TEST_CASE(a_negative_ttl_is_a_failed_beat_and_the_lease_is_beaten_again) {
  LeaseServer server;
  Awaited<std::error_code> missed;
  Registry registry{LeaseTransport{patient_channels({server.address()})}, [&](const Registry::EventType& event) {
                      if (event.kind == EventKind::missed) missed.bring(event.error);
                    }};
  const auto beat = registry.start(a, at_once());
  server.next_asked();

  server.answer(1, a, -1);

  BOOST_CHECK((missed.next() == heartbeat::errc::bad_ttl));
  server.next_asked();
  server.answer(1, a, 36'000);
  BOOST_TEST(heartbeat::guarantees::eventually("the beat to be valid", [&] { return beat.valid(); }));
}

BOOST_AUTO_TEST_SUITE_END()
