// SPDX-License-Identifier: BSL-1.0
// A server that answers every status gRPC has. What the transport makes of each, one by one, and what a fleet goes
// through when the server answers all of them in a row.
#include <chrono>
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

// Waits for an event; in vain, it says which ones there were.
heartbeat::testing::Waited told(const heartbeat::testing::EventLog<SessionId>& log, EventKind kind) {
  const bool has_come = log.wait_for(kind, 1, generous);
  return heartbeat::testing::waited(has_come, std::string{to_string(kind)} + " to be told", log.text(), generous);
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
      heartbeat::typedb::SessionTransport transport{channel_to(server.port(), 30s)};
      server.fail(0);
      const SessionId id = opened_on(*transport.stub());
      Registry registry{transport, log};
      server.fail(code);

      Registry::Options options{.granted_at = heartbeat::BootClock::now(), .first_beat = heartbeat::FirstBeat::now};
      options.floor = 10ms;
      options.backoff = {.initial = 10ms, .maximum = 50ms};

      const auto beat = registry.start(id, options);
      BOOST_TEST_REQUIRE(told(log, EventKind::missed));
      if (is_final(code)) {
        BOOST_TEST_REQUIRE(told(log, EventKind::ended));
        BOOST_CHECK(beat.ended() == EndReason::failed);
        BOOST_TEST(!beat.valid());
      } else {
        server.fail(0);
        BOOST_TEST_REQUIRE(told(log, EventKind::recovered));
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

BOOST_FIXTURE_TEST_CASE(a_fleet_outlives_every_status_in_a_row_but_the_final_ones, LongDrill<>) {
  const auto answer_each_some_times = [this] {
    for (int code = 1; code <= codes; ++code) {
      if (is_final(code)) continue;
      server.fail(code);
      const auto index = static_cast<std::size_t>(code);
      const std::size_t wanted = fleet->told().missed[index] + fleet->size() / 100;
      BOOST_TEST(fleet->wait_for(std::to_string(wanted) + " beats missed with status " + std::to_string(code),
                                 [&](const Told& told) { return told.missed[index] >= wanted; }));
    }
  };

  put_through(
      answering("every status in a row", answer_each_some_times, {"nothing more", [](const Told&) { return true; }}));

  nothing_was_lost();
}

// With TypeDB's own ttl, for which no answer is late, however busy the machine: a session whose beats time out ends as
// stalled. A longer one would have to be waited for, since a server that was not asked keeps what it opened until then.
BOOST_FIXTURE_TEST_CASE(a_status_that_is_final_ends_a_whole_fleet_with_its_word, Drill<30>) {
  const auto forbid = [this] { server.fail(grpc::StatusCode::PERMISSION_DENIED); };

  put_through(answering("forbidden", forbid, lost_are(fleet->size())));

  BOOST_TEST(outcome.told.lost_as(EndReason::failed) == fleet->size());
}

BOOST_AUTO_TEST_SUITE_END()
