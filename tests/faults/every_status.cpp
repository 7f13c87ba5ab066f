// SPDX-License-Identifier: BSL-1.0
// A server that answers every status gRPC has. What the transport makes of each, one by one, and what a fleet goes
// through when the server answers all of them in a row.
#include <chrono>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/transports/typedb.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT
using heartbeat::EndReason;
using heartbeat::EventKind;

namespace {

using Registry = heartbeat::HeartbeatRegistry<SessionId, heartbeat::typedb::SessionTransport>;

constexpr int codes = 16;

// What no later attempt can mend: the server has no such call, or forbids it.
bool is_final(int code) {
  return code == grpc::StatusCode::UNIMPLEMENTED || code == grpc::StatusCode::PERMISSION_DENIED;
}

SessionId opened_on(::typedb::protocol::TypeDB::Stub& stub) {
  ::typedb::protocol::Session_Open_Req request;
  ::typedb::protocol::Session_Open_Res response;
  request.set_database("orders");
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const grpc::Status status = stub.session_open(&context, request, &response);
  BOOST_REQUIRE_MESSAGE(status.ok(), status.error_message());
  return SessionId::from_bytes(response.session_id());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(every_status)

BOOST_AUTO_TEST_CASE(each_status_is_a_failed_beat_and_only_two_are_final) {
  ServerProcess server;
  for (int code = 1; code <= codes; ++code) {
    BOOST_TEST_CONTEXT("status " << code) {
      heartbeat::testing::EventLog<SessionId> log;
      heartbeat::typedb::SessionTransport transport{channel_to(server.port())};
      server.fail(0);
      const SessionId id = opened_on(*transport.stub());
      Registry registry{transport, log};
      server.fail(code);

      Registry::Options options{.granted_at = heartbeat::BootClock::now(), .first_beat = heartbeat::FirstBeat::now};
      options.floor = 10ms;
      options.backoff = {.initial = 10ms, .maximum = 50ms};

      const auto beat = registry.start(id, options);
      BOOST_TEST_REQUIRE(log.wait_for(EventKind::missed, 1));
      if (is_final(code)) {
        BOOST_TEST_REQUIRE(log.wait_for(EventKind::ended, 1));
        BOOST_CHECK(beat.ended() == EndReason::failed);
        BOOST_TEST(!beat.valid());
      } else {
        server.fail(0);
        BOOST_TEST_REQUIRE(log.wait_for(EventKind::recovered, 1));
        BOOST_TEST(beat.valid());
        BOOST_CHECK(!beat.ended().has_value());
      }

      const auto missed = log.of_kind(EventKind::missed).front();
      BOOST_TEST(missed.error == heartbeat::make_error_code(static_cast<grpc::StatusCode>(code)));
      BOOST_TEST(missed.text == "as the test wishes");
      BOOST_TEST(registry.statistics().gone == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_fleet_outlives_every_status_in_a_row_but_the_final_ones) {
  ServerProcess server;
  Fleet fleet{server.port(), long_ttl};
  fleet.open();
  const std::size_t some = fleet.size() / 100;
  const Fault fault{.name = "every status in a row",
                    .begin =
                        [&] {
                          for (int code = 1; code <= codes; ++code) {
                            if (is_final(code)) continue;
                            server.fail(code);
                            const auto index = static_cast<std::size_t>(code);
                            const std::size_t wanted = fleet.told().missed[index] + some;
                            BOOST_TEST(fleet.wait_for([&](const Told& told) { return told.missed[index] >= wanted; }));
                          }
                        },
                    .end = [&] { server.fail(0); },
                    .lasts_until = [](const Told&) { return true; }};

  const Outcome outcome = Drill{fleet, server, fault}.run();

  BOOST_TEST(outcome.told.lost.count == 0U);
  BOOST_TEST(outcome.valid == fleet.size());
  BOOST_TEST(outcome.told.reopened.count == 0U);
  BOOST_TEST(outcome.server.opened == fleet.size());
  BOOST_TEST(outcome.server.expired == 0U);
}

BOOST_AUTO_TEST_CASE(a_status_that_is_final_ends_a_whole_fleet_with_its_word) {
  ServerProcess server;
  Fleet fleet{server.port(), short_ttl};
  fleet.open();
  const Fault fault{.name = "forbidden",
                    .begin = [&] { server.fail(grpc::StatusCode::PERMISSION_DENIED); },
                    .end = [&] { server.fail(0); },
                    .lasts_until = [&](const Told& told) { return told.lost.count == fleet.size(); }};

  const Outcome outcome = Drill{fleet, server, fault}.run();

  BOOST_TEST(outcome.told.lost_as(EndReason::failed) == fleet.size());
}

BOOST_AUTO_TEST_SUITE_END()
