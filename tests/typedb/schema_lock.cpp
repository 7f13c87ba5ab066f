// SPDX-License-Identifier: BSL-1.0
// The schema lock, of which a database has one: the server is asked without waiting inside it, now and then, by one at
// a time of a manager's own; in virtual time, with a stub that answers as the test says. Read next: openings.cpp, the
// same with the server.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/transports/typedb/schema_lock.hpp>
#include <heartbeat/transports/typedb/session_manager.hpp>

#include "stub_by_hand.hpp"

BOOST_AUTO_TEST_SUITE(schema_lock)

namespace {

using namespace std::chrono_literals;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::StubByHand;
using heartbeat::typedb::SessionState;
using heartbeat::typedb::SessionType;
using Manager = heartbeat::typedb::BasicSessionManager<StubByHand, ManualClock, ManualExecutor>;
using Session = heartbeat::typedb::Session<ManualClock>;
using Options = Manager::Options;

const grpc::Status locked{grpc::StatusCode::INTERNAL, "[SSN03] Invalid Session Operation: somebody has the lock."};

struct Fixture {
  Fixture() {
    stub->calls.answer_to_open = [this](auto& response) -> std::optional<grpc::Status> {
      asked_at.push_back(clock.now());
      if (is_locked) return locked;
      response.set_session_id("session no. " + std::to_string(1000 + ++sessions));  // 16 bytes
      return grpc::Status::OK;
    };
  }
  ~Fixture() {
    for (Session& session : open_ones)
      session.request_close();
    executor.run_for(1min);  // nothing is left that the manager would wait for in real time
  }

  Session& open(SessionType type = SessionType::schema, std::string database = "orders") {
    Options options{.type = type, .idle_timeout = 30s, .reopen_when_gone = true, .schema_lock_wait = wait};
    options.on_schema_wait = [this](const auto& told) { waits.emplace_back(told.text); };
    options.on_lost = [this, record = mark](const auto& failure) { losses.push_back(failure.text); };
    return open_ones.emplace_back(manager.open(std::move(database), std::move(options)));
  }

  // The server has forgotten the session, and it is asked for a new one.
  void forget(const Session& session) {
    stub->calls.forgotten.insert(std::string{session.id().view()});
    executor.help_until([&] { return session.state() != SessionState::open; });
  }

  [[nodiscard]] bool are_pauses_between(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest) const {
    for (std::size_t i = 1; i < asked_at.size(); ++i) {
      const auto pause = asked_at[i] - asked_at[i - 1];
      if (pause < shortest || pause > longest + 1ms) return false;  // and a tick
    }
    return true;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  std::shared_ptr<StubByHand> stub = std::make_shared<StubByHand>();
  bool is_locked = false;
  int sessions = 0;
  heartbeat::Duration wait = 10s;
  std::shared_ptr<int> mark = std::make_shared<int>();  // each record has one, each question under way another
  std::vector<ManualClock::time_point> asked_at;
  std::vector<std::string> waits;
  std::vector<std::string> losses;
  Manager manager{stub, {.registry = {.seed = 1, .shards = 1}}, clock, executor};
  std::deque<Session> open_ones;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(nobody_waits_for_it_inside_the_server, Fixture) {
  open(SessionType::schema);
  open(SessionType::data);

  BOOST_TEST_REQUIRE(stub->calls.asked.size() == 2U);
  BOOST_TEST(stub->calls.asked[0].options().has_schema_lock_acquire_timeout_millis());
  BOOST_TEST(stub->calls.asked[0].options().schema_lock_acquire_timeout_millis() == 0);
  BOOST_TEST(!stub->calls.asked[1].options().has_schema_lock_acquire_timeout_millis());
}

BOOST_FIXTURE_TEST_CASE(without_patience_the_server_is_asked_once_and_its_words_are_told, Fixture) {
  is_locked = true;
  std::error_code error;
  std::string text;

  const Session session = manager.open("orders", {.type = SessionType::schema, .schema_lock_wait = 0s}, error, &text);

  BOOST_TEST(!session);
  BOOST_CHECK(error == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(text.starts_with("[SSN03]"));
  BOOST_TEST(text.find("schema lock of 'orders', which another session has") != std::string::npos, text);
  BOOST_TEST(asked_at.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(one_who_waits_is_told_for_what_and_may_be_told_to_stop, Fixture) {
  is_locked = true;
  std::stop_source stop;
  std::error_code error;
  std::vector<std::string> told;
  const auto on_wait = [&](const heartbeat::typedb::SchemaWait& waiting) {
    told.emplace_back(waiting.text);
    BOOST_TEST(waiting.database == "orders");
    BOOST_TEST(waiting.ahead == 0U);
    stop.request_stop();
  };

  const Session session = manager.open(
      "orders",
      {.type = SessionType::schema, .schema_lock_wait = 1h, .stop_token = stop.get_token(), .on_schema_wait = on_wait},
      error);

  BOOST_TEST(!session);
  BOOST_CHECK(error == std::errc::operation_canceled);
  BOOST_TEST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front() == locked.error_message());
}

BOOST_FIXTURE_TEST_CASE(a_session_that_is_lost_asks_again_until_the_lock_is_free, Fixture) {
  const Session& session = open();
  is_locked = true;
  asked_at.clear();
  forget(session);

  executor.run_for(4s);
  BOOST_CHECK(session.state() == SessionState::reopening);
  BOOST_TEST(are_pauses_between(250ms, 750ms));
  BOOST_TEST(asked_at.size() >= 5U);
  BOOST_TEST(waits == std::vector<std::string>{locked.error_message()}, boost::test_tools::per_element());
  is_locked = false;
  executor.run_for(750ms);

  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(losses.empty());
}

BOOST_FIXTURE_TEST_CASE(when_the_wait_is_over_it_is_lost_with_the_servers_words, Fixture) {
  const Session& session = open();
  is_locked = true;
  asked_at.clear();
  forget(session);

  executor.run_for(9s);
  BOOST_CHECK(session.state() == SessionState::reopening);
  executor.run_for(1s);

  BOOST_CHECK(session.state() == SessionState::lost);
  BOOST_TEST_REQUIRE(losses.size() == 1U);
  BOOST_TEST(losses.front().find("[SSN03]") != std::string::npos, losses.front());
}

// Two of one manager never both ask; the second has its turn when the first has the lock, or has given up.
BOOST_FIXTURE_TEST_CASE(of_two_that_wait_one_asks, Fixture) {
  const Session& first = open();
  const Session& second = open();
  is_locked = true;
  forget(first);
  forget(second);
  asked_at.clear();

  executor.run_for(4s);
  BOOST_TEST(are_pauses_between(250ms, 2s));
  BOOST_TEST(waits == (std::vector<std::string>{locked.error_message(), ""}), "each once, the second before it asks");
  is_locked = false;
  executor.run_for(2s);

  BOOST_CHECK(first.state() == SessionState::open);
  BOOST_CHECK(second.state() == SessionState::open);
}

BOOST_FIXTURE_TEST_CASE(sessions_of_two_databases_do_not_wait_for_each_other, Fixture) {
  const Session& first = open(SessionType::schema, "orders");
  const Session& second = open(SessionType::schema, "people");
  is_locked = true;
  forget(first);
  forget(second);

  executor.run_for(1s);

  BOOST_TEST(waits.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(whoever_has_given_up_makes_way, Fixture) {
  const Session& first = open();
  wait = 20s;
  const Session& second = open();
  is_locked = true;
  forget(first);
  forget(second);

  executor.run_for(13s);
  BOOST_CHECK(first.state() == SessionState::lost);
  BOOST_CHECK(second.state() == SessionState::reopening);
  BOOST_TEST(waits.size() == 2U, "the second asks now");
  is_locked = false;
  executor.run_for(2s);

  BOOST_CHECK(second.state() == SessionState::open);
}

BOOST_FIXTURE_TEST_CASE(one_that_stands_behind_another_waits_no_longer_than_it_wants_to, Fixture) {
  wait = 1h;
  const Session& first = open();
  wait = 10s;
  const Session& second = open();
  is_locked = true;
  forget(first);
  forget(second);

  executor.run_for(9s);
  BOOST_CHECK(second.state() == SessionState::reopening);
  executor.run_for(1s);

  BOOST_CHECK(first.state() == SessionState::reopening);
  BOOST_CHECK(second.state() == SessionState::lost);
  BOOST_TEST_REQUIRE(losses.size() == 1U);
  BOOST_TEST(losses.front().find("[SSN03]") != std::string::npos, losses.front());
}

// It asks once though another asks, and need not be refused.
BOOST_FIXTURE_TEST_CASE(one_whose_patience_is_over_may_have_the_lock_all_the_same, Fixture) {
  wait = 1h;
  const Session& first = open();
  wait = 10s;
  const Session& second = open();
  is_locked = true;
  forget(first);
  executor.run_for(1min);  // it asks each 2 s at most
  forget(second);
  executor.run_for(10s - 1ms);
  BOOST_CHECK(second.state() == SessionState::reopening);
  is_locked = false;
  executor.run_for(2s);

  BOOST_CHECK(first.state() == SessionState::open);
  BOOST_CHECK(second.state() == SessionState::open);
}

BOOST_FIXTURE_TEST_CASE(one_that_stands_behind_another_can_be_closed, Fixture) {
  const Session& first = open();
  Session& second = open();
  Session& third = open();
  is_locked = true;
  for (const Session* session : {&first, &std::as_const(second), &std::as_const(third)})
    forget(*session);

  const long records = mark.use_count();
  second.request_close();
  BOOST_CHECK(second.state() == SessionState::closed);
  second = {};
  BOOST_TEST(mark.use_count() == records - 1, "nothing holds it until its turn comes");
  is_locked = false;
  executor.run_for(2s);

  BOOST_CHECK(first.state() == SessionState::open);
  BOOST_CHECK(third.state() == SessionState::open);
}

BOOST_FIXTURE_TEST_CASE(one_that_asks_can_be_closed_and_makes_way, Fixture) {
  Session& first = open();
  const Session& second = open();
  is_locked = true;
  forget(first);
  forget(second);
  executor.run_for(1s);

  first.request_close();
  is_locked = false;
  executor.run_for(750ms);

  BOOST_CHECK(first.state() == SessionState::closed);
  BOOST_CHECK(second.state() == SessionState::open);
}

// A session of our own lets go of the lock: nobody need wait for the end of a pause.
BOOST_FIXTURE_TEST_CASE(a_close_of_our_own_cuts_the_pause_short, Fixture) {
  const Session& first = open();
  Session& holder = open();
  is_locked = true;
  forget(first);
  executor.run_for(1ms);
  is_locked = false;
  asked_at.clear();

  holder.request_close();
  executor.run_for(1ms);

  BOOST_CHECK(first.state() == SessionState::open);
  BOOST_TEST(asked_at.size() == 1U);
}

// The lock of another database, and the close of a data session, are nothing to it.
BOOST_FIXTURE_TEST_CASE(the_close_of_another_kind_of_session_cuts_nothing_short, Fixture) {
  const Session& first = open();
  Session& other = open(SessionType::schema, "people");
  Session& data = open(SessionType::data);
  is_locked = true;
  forget(first);
  executor.run_for(1ms);
  asked_at.clear();

  other.request_close();
  data.request_close();
  executor.run_for(1ms);

  BOOST_TEST(asked_at.empty());
}

BOOST_AUTO_TEST_CASE(pauses_vary_and_grow_up_to_two_seconds) {
  std::minstd_rand generator{1};
  auto shortest = std::chrono::milliseconds::max();
  auto longest = std::chrono::milliseconds::zero();
  for (int refusals = 0; refusals < 8; ++refusals) {
    for (int i = 0; i < 1'000; ++i) {
      const auto pause = heartbeat::typedb::detail::schema_pause(refusals, generator);
      shortest = std::min(shortest, pause);
      longest = std::max(longest, pause);
    }
  }
  BOOST_TEST((shortest >= 250ms && shortest < 260ms));
  BOOST_TEST((longest <= 750ms && longest > 740ms));
  for (int refusals = 8; refusals < 100; ++refusals)
    BOOST_TEST((heartbeat::typedb::detail::schema_pause(refusals, generator) <= 2s));
}

BOOST_AUTO_TEST_SUITE_END()
