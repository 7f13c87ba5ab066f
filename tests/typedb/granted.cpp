// SPDX-License-Identifier: BSL-1.0
// G9: a session's validity counts from before it was asked for, however long the server took to answer: in virtual
// time, with a stub that answers when the test says so.
//
//    asked                       answered         asked + ttl - margin       answered + ttl - margin
//      |---------------------------|------- valid -------|---- not valid ----|
//
// Read next: session_manager.cpp and reopening.cpp, the same calls to a real server.
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb/session_manager.hpp>

#include "stub_by_hand.hpp"

BOOST_AUTO_TEST_SUITE(granted)

namespace {

using namespace std::chrono_literals;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::StubByHand;
using heartbeat::typedb::SessionState;

using Manager = heartbeat::typedb::BasicSessionManager<StubByHand, ManualClock, ManualExecutor>;
using Session = heartbeat::typedb::Session<ManualClock>;
using Options = Manager::Options;

struct Fixture {
  Fixture() {
    stub->calls.answer_to_open = [this](auto& response) {
      stub->calls.meanwhile();
      response.set_session_id("first session id");
      return grpc::Status::OK;
    };
  }
  ~Fixture() {
    session.request_close();
    while (!stub->calls.openings.empty())
      answer(grpc::Status::CANCELLED);
    executor.run_for(1min);  // nothing is left that the manager would wait for in real time
  }

  void open(Options options = {.idle_timeout = 30s, .reopen_when_gone = true}) {
    session = manager.open("orders", std::move(options));
  }

  // The server has forgotten the session, and a new one is asked for.
  void forget() {
    stub->calls.is_alive = false;
    stub->calls.answer_to_open = [](auto&) { return std::nullopt; };
    wait_until_asked();
    stub->calls.is_alive = true;
  }

  void wait_until_asked() {
    executor.help_until([&] { return !stub->calls.openings.empty(); });
  }

  // The oldest question.
  void answer(const grpc::Status& status, const char* id = "other session id") {
    const auto opening = stub->calls.openings.front();
    stub->calls.openings.pop_front();
    opening.response->set_session_id(id);
    opening.done(status);
  }

  void grant() {
    answer(grpc::Status::OK);
    executor.run_ready();
  }

  void no_pulse_speaks_for_it() { stub->calls.pulse = {grpc::StatusCode::UNAVAILABLE, "no pulse speaks for it"}; }

  ManualClock clock;
  ManualExecutor executor{clock};
  std::shared_ptr<StubByHand> stub = std::make_shared<StubByHand>();
  Manager manager{stub, {.registry = {.seed = 1, .shards = 1}}, clock, executor};
  Session session;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_session_is_valid_from_before_it_was_asked_for, Fixture) {
  executor.run_for(10s);
  const auto asked_at = clock.now();
  no_pulse_speaks_for_it();
  stub->calls.meanwhile = [&] { executor.run_for(4s); };

  open();

  BOOST_TEST((clock.now() == asked_at + 4s));
  BOOST_TEST(session.valid());
  BOOST_TEST((session.valid_until() == asked_at + 29s));
  executor.run_until(asked_at + 29s);
  BOOST_TEST(!session.valid());
}

// What was asked before, for the database, is not the question.
BOOST_FIXTURE_TEST_CASE(a_session_that_may_have_had_to_make_its_database_counts_from_its_own_question, Fixture) {
  executor.run_for(10s);
  const auto began = clock.now();
  stub->calls.meanwhile = [&] { executor.run_for(4s); };

  open({.idle_timeout = 30s, .create_database = true});

  BOOST_TEST((clock.now() == began + 8s));
  BOOST_TEST((session.valid_until() == began + 4s + 29s));
}

BOOST_FIXTURE_TEST_CASE(a_session_that_is_reopened_is_valid_from_before_the_new_one_was_asked_for, Fixture) {
  open();
  forget();
  const auto asked_at = clock.now();
  no_pulse_speaks_for_it();

  executor.run_for(4s);
  grant();

  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(session.valid());
  BOOST_TEST((session.valid_until() == asked_at + 29s));
}

// An executor that is busy, or a callback that is slow, makes no session live longer.
BOOST_FIXTURE_TEST_CASE(what_the_executor_takes_to_come_to_the_answer_is_not_added, Fixture) {
  open();
  forget();
  const auto asked_at = clock.now();
  no_pulse_speaks_for_it();

  answer(grpc::Status::OK);
  clock.advance(4s);
  executor.run_ready();

  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST((session.valid_until() == asked_at + 29s));
}

BOOST_FIXTURE_TEST_CASE(of_several_attempts_the_one_that_was_granted_counts, Fixture) {
  open();
  forget();
  executor.run_for(4s);
  answer({grpc::StatusCode::UNAVAILABLE, "busy"});
  wait_until_asked();
  const auto asked_at = clock.now();
  no_pulse_speaks_for_it();

  executor.run_for(4s);
  grant();

  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST((session.valid_until() == asked_at + 29s));
}

// Whoever does not answer within call_timeout is asked again; what the first question brings all the same is closed.
BOOST_FIXTURE_TEST_CASE(an_attempt_that_is_answered_late_is_closed_and_the_next_one_counts, Fixture) {
  open();
  forget();
  executor.run_for(11s);
  BOOST_TEST_REQUIRE(stub->calls.openings.size() == 2u);
  no_pulse_speaks_for_it();
  const int closes = stub->calls.closes;

  answer(grpc::Status::OK, "late  session id");
  executor.run_ready();
  BOOST_TEST(stub->calls.closes == closes + 1);
  BOOST_CHECK(session.state() == SessionState::reopening);
  grant();

  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(session.id().view() == "other session id");
}

// A server that forgets each new session at once must not be asked in a tight loop.
BOOST_FIXTURE_TEST_CASE(a_session_that_is_forgotten_again_at_once_is_asked_for_after_a_pause, Fixture) {
  Options options{.idle_timeout = 30s, .reopen_when_gone = true};
  options.heartbeat = heartbeat_of(options);
  options.heartbeat->first_beat = heartbeat::FirstBeat::now;
  open(options);
  forget();
  const auto asked_at = clock.now();
  answer(grpc::Status::OK);

  forget();

  BOOST_TEST((clock.now() > asked_at));
}

BOOST_AUTO_TEST_SUITE_END()
