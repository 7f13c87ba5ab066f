// SPDX-License-Identifier: BSL-1.0
// One stream of keepalives against a scripted server: whose answer it is, and what becomes of the beats when it ends.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/transports/etcd.hpp>

#include "lease_client.hpp"
#include "lease_server.hpp"

BOOST_AUTO_TEST_SUITE(keep_alive_stream)

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::testing;  // NOLINT
using heartbeat::BeatResult;
using heartbeat::make_error_code;
using heartbeat::etcd::LeaseTransport;
using Kind = BeatResult::Kind;

constexpr LeaseId a{1}, b{2}, c{3};

struct Fixture {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()})};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_batch_is_written_to_one_stream_in_its_order_and_asks_for_a_leader, Fixture) {
  ask_all(transport, {a, b, c});

  for (const LeaseId id : {a, b, c})
    BOOST_CHECK((server.next_asked() == AskedLease{1, id, true}));
  ask(transport, LeaseId{4});

  BOOST_CHECK((server.next_asked() == AskedLease{1, LeaseId{4}, true}));
}

BOOST_FIXTURE_TEST_CASE(each_lease_is_told_its_own_answer_in_whatever_order_they_come, Fixture) {
  const auto answers = ask_all(transport, {a, b, c});
  for (int i = 0; i != 3; ++i)
    server.next_asked();

  server.answer(1, c, 30);
  server.answer(1, a, 10);
  server.answer(1, b, 20);

  for (int i = 0; i != 3; ++i) {
    const BeatResult result = answers.at(static_cast<std::size_t>(i))->next();
    BOOST_CHECK(result.kind() == Kind::acknowledged);
    BOOST_CHECK((result.ttl() == heartbeat::Duration{10s * (i + 1)}));
  }
}

BOOST_FIXTURE_TEST_CASE(an_unknown_lease_is_gone_and_leaves_the_others_alone, Fixture) {
  const auto answers = ask_all(transport, {a, b, c});
  for (int i = 0; i != 3; ++i)
    server.next_asked();

  server.answer(1, a, 10);
  server.answer(1, b, 0);
  server.answer(1, c, 10);

  BOOST_CHECK(answers[0]->next().kind() == Kind::acknowledged);
  BOOST_CHECK(answers[1]->next().kind() == Kind::gone);
  BOOST_CHECK(answers[2]->next().kind() == Kind::acknowledged);
  ask(transport, a);
  BOOST_TEST(server.next_asked().stream == 1);
}

BOOST_FIXTURE_TEST_CASE(a_late_answer_does_not_acknowledge_the_beat_after_it, Fixture) {
  const auto others = ask_all(transport, {a, b, c});
  for (int i = 0; i != 3; ++i)
    server.next_asked();
  server.answer(1, b, 5);  // the stream lives
  others[1]->next();

  const Answer second = ask(transport, a);  // the first beat has timed out
  server.next_asked();
  server.answer(1, a, 10);  // the answer to the first
  server.answer(1, c, 5);
  others[2]->next();
  BOOST_TEST(!second->next_if_there().has_value());
  server.answer(1, a, 20);

  BOOST_CHECK((second->next().ttl() == heartbeat::Duration{20s}));
}

BOOST_FIXTURE_TEST_CASE(answers_that_nobody_asked_for_are_ignored, Fixture) {
  const auto answers = ask_all(transport, {a, c});
  server.next_asked();
  server.next_asked();

  server.answer(1, b, 10);
  server.answer(1, a, 20);
  server.answer(1, a, 30);
  server.answer(1, c, 10);  // all before it has been read when this is told

  BOOST_CHECK((answers[0]->next().ttl() == heartbeat::Duration{20s}));
  BOOST_CHECK(answers[1]->next().kind() == Kind::acknowledged);
  const Answer next = ask(transport, a);
  server.next_asked();
  server.answer(1, a, 40);
  BOOST_CHECK((next->next().ttl() == heartbeat::Duration{40s}));
}

BOOST_FIXTURE_TEST_CASE(a_negative_ttl_is_passed_on_for_the_engine_to_refuse, Fixture) {
  const Answer answer = ask(transport, a);
  server.next_asked();

  server.answer(1, a, -1);

  const BeatResult result = answer->next();
  BOOST_CHECK(result.kind() == Kind::acknowledged);
  BOOST_CHECK((result.ttl() == heartbeat::Duration{-1s}));
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_cannot_be_parsed_fails_what_is_in_flight_and_ends_the_stream, Fixture) {
  const auto answers = ask_all(transport, {a, b});
  server.next_asked();
  server.next_asked();

  server.answer_bytes(1, "\xff\xff nonsense");

  for (const Answer& answer : answers) {
    const BeatResult result = answer->next();
    BOOST_CHECK((result.error() == make_error_code(grpc::StatusCode::DATA_LOSS)));
    BOOST_TEST(result.retry());
  }
  BOOST_TEST(server.next_ended() == 1);
}

BOOST_FIXTURE_TEST_CASE(when_the_server_ends_the_stream_all_in_flight_fail_with_its_words, Fixture) {
  const auto answers = ask_all(transport, {a, b});
  server.next_asked();
  server.next_asked();

  server.end(1, {grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"});

  for (const Answer& answer : answers) {
    const BeatResult result = answer->next();
    BOOST_CHECK((result.error() == make_error_code(grpc::StatusCode::UNAVAILABLE)));
    BOOST_TEST(result.text() == "etcdserver: no leader");
    BOOST_TEST(result.retry());
  }
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_ends_without_an_error_fails_them_too, Fixture) {
  const Answer answer = ask(transport, a);
  server.next_asked();

  server.end(1, grpc::Status::OK);

  BOOST_CHECK((answer->next().error() == make_error_code(grpc::StatusCode::UNAVAILABLE)));
}

BOOST_FIXTURE_TEST_CASE(answers_that_came_before_the_end_are_told, Fixture) {
  const auto answers = ask_all(transport, {a, b});
  server.next_asked();
  server.next_asked();

  server.answer(1, b, 10);
  server.end(1, {grpc::StatusCode::INTERNAL, "broken"});

  BOOST_CHECK(answers[1]->next().kind() == Kind::acknowledged);
  BOOST_CHECK((answers[0]->next().error() == make_error_code(grpc::StatusCode::INTERNAL)));
}

BOOST_AUTO_TEST_CASE(a_preparation_that_throws_fails_the_beats_with_its_words) {
  LeaseServer server;
  LeaseTransport transport{patient_channels({server.address()}),
                           [](grpc::ClientContext&) { throw std::runtime_error{"no token"}; }};

  const BeatResult result = ask(transport, a)->next();

  BOOST_CHECK((result.error() == make_error_code(grpc::StatusCode::UNAVAILABLE)));
  BOOST_TEST(result.text() == "the call could not be prepared: no token");
}

BOOST_FIXTURE_TEST_CASE(a_thousand_leases_go_over_one_stream, Fixture) {
  std::vector<LeaseId> ids;
  for (std::int64_t i = 1; i <= 1000; ++i)
    ids.push_back(LeaseId{i});

  const auto answers = ask_all(transport, ids);
  for (std::size_t i = 0; i != ids.size(); ++i) {
    const AskedLease asked = server.next_asked();
    server.answer(asked.stream, asked.id, asked.id.value);
  }

  bool are_right = true;
  for (std::size_t i = 0; i != ids.size(); ++i)
    are_right = are_right && answers[i]->next().ttl() == heartbeat::Duration{std::chrono::seconds{ids[i].value}};
  BOOST_TEST(are_right);
  BOOST_TEST(server.streams() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
