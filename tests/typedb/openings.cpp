// SPDX-License-Identifier: BSL-1.0
// The way to a session on a server that has few threads, one schema lock a database, and databases that take their
// time: nothing that was asked for is left behind, nobody waits inside the server, and who makes a database together
// with others gets one. Read next: schema_lock.cpp, the order of those that wait; closes.cpp, the way out.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <typedb_server/server.hpp>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../waiting.hpp"
#include "unclosed_ones.hpp"

BOOST_AUTO_TEST_SUITE(openings)

namespace {

using namespace std::chrono_literals;
using heartbeat::testing::eventually;
using heartbeat::testing::generous_limit;
using heartbeat::testing::UnclosedOnes;
using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionState;
using heartbeat::typedb::SessionType;
using heartbeat::typedb::Unclosed;
using typedb_server::Counters;
using typedb_server::Fault;

struct Fixture {
  typedb_server::Server server{{.threads = 2}};
  UnclosedOnes unclosed;

  // A manager that waits for no answer for long.
  [[nodiscard]] heartbeat::typedb::ManagerOptions<> impatient(heartbeat::Duration call_timeout = 30ms) {
    return {.call_timeout = call_timeout, .on_unclosed = std::ref(unclosed)};
  }
};

SessionOptions<> schema(heartbeat::Duration wait = 10s) {
  return {.type = SessionType::schema, .schema_lock_wait = wait};
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_an_open_brings_that_was_given_up_is_closed, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address()), impatient()};
  for (const SessionType type : {SessionType::data, SessionType::schema}) {
    server.pause();
    std::error_code error;
    std::string text;

    const auto none = manager.open("orders", {.type = type}, error, &text);
    server.resume();

    BOOST_TEST(!none);
    BOOST_CHECK(error == std::errc::timed_out);
    BOOST_TEST(text.find("goes on in the background, and what it brings is closed") != std::string::npos, text);
  }
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.closed == 2; }));
  BOOST_TEST(server.opened() == 2);
  BOOST_TEST(server.schema_sessions() == 0U);
  BOOST_TEST(unclosed.size() == 0U);
}

// The server hands the lock out to somebody who has gone away; it comes back at once, and another has it.
BOOST_FIXTURE_TEST_CASE(a_schema_open_that_was_given_up_locks_nobody_out, Fixture) {
  SessionManager one{heartbeat::typedb::channel_to(server.address()), impatient(1ms)};
  SessionManager other{heartbeat::typedb::channel_to(server.address())};
  server.set_faults({.open = Fault::late(200ms)});
  std::error_code error;
  const auto none = one.open("orders", schema(), error);
  server.clear_faults();

  const auto session = other.open("orders", schema(generous_limit));

  BOOST_TEST(!none);
  BOOST_CHECK(error == std::errc::timed_out);
  BOOST_TEST(session.valid());
}

BOOST_FIXTURE_TEST_CASE(of_too_many_that_were_given_up_the_last_are_cancelled_and_told, Fixture) {
  constexpr std::size_t most = heartbeat::typedb::detail::most_in_background;
  {
    SessionManager manager{heartbeat::typedb::channel_to(server.address()), impatient(5ms)};
    server.mute_open(true);
    for (std::size_t i = 0; i != most + 2; ++i) {
      std::error_code error;
      const auto none = manager.open("orders", schema(), error);
      BOOST_CHECK(error == std::errc::timed_out);
    }
    BOOST_TEST(eventually("two of them are told", [&] { return unclosed.size() == 2; }));
    BOOST_TEST(eventually("the server is, too", [&] { return server.given_up() == 2; }));
    BOOST_TEST(!manager.shutdown(10ms));
    BOOST_TEST(unclosed.size() == most + 2);
  }
  BOOST_TEST(eventually("all are cancelled", [&] { return server.given_up() == most + 2; }));
  for (const Unclosed& one : unclosed.all()) {
    BOOST_TEST(one.database == "orders");
    BOOST_CHECK(one.type == SessionType::schema);
    BOOST_TEST(!one.id.has_value());
    BOOST_CHECK(one.at_most == heartbeat::Duration{30s});
    BOOST_CHECK(one.error == heartbeat::make_error_code(grpc::StatusCode::CANCELLED));
    BOOST_TEST(one.text.find("schema lock") != std::string::npos, one.text);
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_answered_makes_room_in_the_background, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address()), impatient(5ms)};
  for (int round = 0; round != 2; ++round) {
    server.pause();
    for (int i = 0; i != heartbeat::typedb::detail::most_in_background; ++i) {
      std::error_code error;
      const auto none = manager.open("orders", {}, error);
      BOOST_CHECK(error == std::errc::timed_out);
    }
    server.resume();
    const auto closed = static_cast<std::uint64_t>((round + 1) * heartbeat::typedb::detail::most_in_background);
    BOOST_TEST(server.wait_for(generous_limit, [&](const Counters& now) { return now.closed == closed; }));
    BOOST_TEST(eventually("all is over", [&] { return manager.size() == 0; }));
  }
  BOOST_TEST(unclosed.size() == 0U);
}

BOOST_FIXTURE_TEST_CASE(an_open_that_waits_may_be_told_to_stop, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address())};
  server.pause();
  std::stop_source stop;
  std::error_code error;
  {
    const std::jthread stopper{[&] {
      BOOST_TEST(eventually("it waits", [&] { return server.queued() == 1; }));
      stop.request_stop();
    }};
    const auto none = manager.open("orders", {.stop_token = stop.get_token()}, error);
    BOOST_TEST(!none);
  }
  server.resume();

  BOOST_CHECK(error == std::errc::operation_canceled);
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.closed == 1; }));
}

BOOST_FIXTURE_TEST_CASE(one_who_was_told_to_stop_before_opens_nothing, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address())};
  std::stop_source stop;
  stop.request_stop();
  for (const SessionType type : {SessionType::data, SessionType::schema}) {
    std::error_code error;
    const auto none = manager.open("orders", {.type = type, .stop_token = stop.get_token()}, error);
    BOOST_CHECK(error == std::errc::operation_canceled);
  }

  BOOST_TEST(manager.shutdown(generous_limit));
  BOOST_TEST(server.opened() == 0);
}

// As much as a shutdown in a sink: it waits for nobody for ever, and says so.
BOOST_FIXTURE_TEST_CASE(a_shutdown_inside_a_callback_comes_back, Fixture) {
  SessionManager holder{heartbeat::typedb::channel_to(server.address())};
  const auto theirs = holder.open("orders", schema());
  SessionManager manager{heartbeat::typedb::channel_to(server.address())};
  SessionOptions<> options = schema(1h);
  bool is_shut = true;
  options.on_schema_wait = [&](const auto&) { is_shut = manager.shutdown(10ms); };
  std::error_code error;

  const auto none = manager.open("orders", std::move(options), error);

  BOOST_CHECK(error == heartbeat::errc::shut_down);
  BOOST_TEST(!is_shut);
  BOOST_TEST(manager.shutdown(generous_limit));
}

// Its owner is not through with the end of one, another end waits, and there is no room for a third.
BOOST_FIXTURE_TEST_CASE(what_a_heartbeat_cannot_be_started_for_is_closed_and_forgotten, Fixture) {
  std::atomic<bool> may_go_on{false};
  const auto on_event = [&](const heartbeat::Event<heartbeat::typedb::SessionId>& event) {
    if (event.kind == heartbeat::EventKind::ended) may_go_on.wait(false);
  };
  SessionManager manager{heartbeat::typedb::channel_to(server.address()),
                         {.on_event = on_event, .registry = {.event_capacity = 1}}};
  SessionOptions<> options{.idle_timeout = 30s};
  options.heartbeat = heartbeat_of(options);
  options.heartbeat->interval = 20ms;
  options.heartbeat->floor = 5ms;
  std::vector<heartbeat::typedb::Session<>> sessions;
  std::error_code error;
  BOOST_TEST(eventually("one is refused", [&] {
    auto session = manager.open("orders", options, error);
    if (session) sessions.push_back(std::move(session));
    server.forget_all();
    return !!error;
  }));

  BOOST_CHECK(error == heartbeat::errc::event_backlog);
  may_go_on = true;
  may_go_on.notify_all();
  sessions.clear();
  BOOST_TEST(eventually("nothing is left", [&] { return manager.size() == 0; }));
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.open == 0; }));
}

BOOST_FIXTURE_TEST_CASE(a_shutdown_ends_the_opens_that_wait_and_their_sessions, Fixture) {
  auto manager = std::optional<SessionManager>{};
  manager.emplace(heartbeat::typedb::channel_to(server.address()));
  SessionManager other{heartbeat::typedb::channel_to(server.address())};
  auto holder = other.open("orders", schema());
  server.pause();
  std::error_code of_data;
  std::error_code of_schema;
  {
    const std::jthread one{[&] { (void)manager->open("orders", {}, of_data); }};
    const std::jthread waiter{[&] { (void)manager->open("orders", schema(1h), of_schema); }};
    BOOST_TEST(eventually("both wait", [&] { return server.queued() >= 2; }));
    server.resume();
    BOOST_TEST(manager->shutdown(generous_limit));
  }

  BOOST_TEST((!of_data || of_data == heartbeat::errc::shut_down), of_data.message());
  BOOST_CHECK(of_schema == heartbeat::errc::shut_down);
  holder.close();
  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& now) { return now.open == 0; }));
}

// Each order in which one loses the lock, gets it back, closes, and others wait for it.
BOOST_FIXTURE_TEST_CASE(losing_closing_and_waiting_for_the_lock_may_meet_in_any_order, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address())};
  for (int round = 0; round != 12; ++round) {
    SessionOptions<> options = schema(generous_limit);
    options.reopen_when_gone = true;
    options.heartbeat = heartbeat_of(options);
    options.heartbeat->interval = 2ms;
    options.heartbeat->floor = 1ms;
    auto first = manager.open("orders", options);
    std::stop_source stop;
    {
      const std::jthread forgetter{[&] { server.forget_all(); }};
      const std::jthread second{[&] { (void)manager.open("orders", options); }};
      const std::jthread third{[&, wanted = options]() mutable {
        wanted.stop_token = stop.get_token();
        std::error_code error;
        (void)manager.open("orders", wanted, error);
        BOOST_TEST((!error || error == std::errc::operation_canceled), error.message());
      }};
      const std::jthread closer{[&] {
        if (round % 3 != 0) first.request_close();
        if (round % 2 != 0) stop.request_stop();
      }};
      if (round % 3 == 0) first = {};
    }
  }
  BOOST_TEST(manager.shutdown(generous_limit));
  BOOST_TEST(manager.size() == 0U);
  BOOST_TEST(server.schema_sessions() == 0U);
}

// As many waiters as the server has threads, and all would stand still.
BOOST_FIXTURE_TEST_CASE(those_who_wait_for_the_schema_lock_keep_nobody_from_being_answered, Fixture) {
  SessionManager holder{heartbeat::typedb::channel_to(server.address())};
  auto first = holder.open("orders", schema());
  std::vector<std::jthread> waiters;
  std::atomic<int> waiting{0};
  std::vector<SessionManager> managers;
  SessionManager second{heartbeat::typedb::channel_to(server.address())};
  SessionManager third{heartbeat::typedb::channel_to(server.address())};
  std::atomic<int> opened{0};
  for (SessionManager* manager : {&second, &third, &second, &third}) {
    waiters.emplace_back([&, manager] {
      SessionOptions<> options = schema(generous_limit);
      options.on_schema_wait = [&](const auto&) { ++waiting; };
      auto session = manager->open("orders", std::move(options));
      if (session.valid()) ++opened;
    });
  }
  BOOST_TEST(eventually("all wait", [&] { return waiting == 4; }));

  BOOST_TEST(server.schema_waiters() == 0U, "none of them inside the server");
  BOOST_TEST(holder.open("orders").valid());
  first.close();
  waiters.clear();

  BOOST_TEST(opened == 4);
}

BOOST_FIXTURE_TEST_CASE(whoever_waited_for_his_turn_in_vain_hears_what_the_server_says, Fixture) {
  SessionManager holder{heartbeat::typedb::channel_to(server.address())};
  SessionManager manager{heartbeat::typedb::channel_to(server.address())};
  const auto first = holder.open("orders", schema());
  std::atomic<bool> is_waiting{false};
  std::stop_source stop;
  std::error_code of_first;
  std::error_code of_second;
  std::string text;
  {
    const std::jthread waiter{[&] {
      SessionOptions<> options = schema(1h);
      options.stop_token = stop.get_token();
      options.on_schema_wait = [&](const auto&) { is_waiting = true; };
      (void)manager.open("orders", std::move(options), of_first);
    }};
    BOOST_TEST(eventually("the first asks", [&] { return is_waiting.load(); }));

    (void)manager.open("orders", schema(1ms), of_second, &text);
    stop.request_stop();
  }

  BOOST_CHECK(of_first == std::errc::operation_canceled);
  BOOST_CHECK(of_second == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(text.starts_with("[SSN03]"), text);
  BOOST_TEST(text.find("1 openings of this manager came before this one") != std::string::npos, text);
}

// Each of them finds none, asks for it, and all but one are refused while it is being made.
BOOST_FIXTURE_TEST_CASE(many_may_make_one_database_at_once, Fixture) {
  constexpr int programs = 16;
  std::atomic<int> opened{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i != programs; ++i) {
      threads.emplace_back([&] {
        SessionManager manager{heartbeat::typedb::channel_to(server.address()), {.call_timeout = generous_limit}};
        std::error_code error;
        std::string text;
        const auto session = manager.open("new one", {.create_database = true}, error, &text);
        if (session.valid()) ++opened;
      });
    }
  }

  BOOST_TEST(opened == programs);
}

BOOST_FIXTURE_TEST_CASE(a_name_that_the_server_keeps_for_itself_is_refused_at_once_and_in_its_words, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to(server.address()), {.call_timeout = 1h}};
  std::error_code error;
  std::string text;

  const auto none = manager.open("_mine", {.create_database = true}, error, &text);

  BOOST_TEST(!none);
  BOOST_TEST(text.starts_with("[DBS09]"), text);
}

// Somebody makes it, and takes longer than the call may.
BOOST_AUTO_TEST_CASE(when_the_time_for_a_creation_is_over_the_first_refusal_is_told) {
  typedb_server::Server slow{{.threads = 8, .least_creation_time = 1h, .most_creation_time = 1h}};
  SessionManager first{heartbeat::typedb::channel_to(slow.address()), {.call_timeout = 1ms}};
  SessionManager second{heartbeat::typedb::channel_to(slow.address()), {.call_timeout = 300ms}};
  std::error_code error;
  std::string text;
  (void)first.open("new one", {.create_database = true}, error);

  // The maker holds one of the threads, and a call that is put there has no answer.
  BOOST_TEST(eventually("it is refused", [&] {
    (void)second.open("new one", {.create_database = true}, error, &text);
    return text.starts_with("[INT16]");
  }));

  BOOST_CHECK(error == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
}

BOOST_FIXTURE_TEST_CASE(a_name_that_no_database_can_have_is_refused_before_anything_is_sent, Fixture) {
  SessionManager manager{heartbeat::typedb::channel_to("127.0.0.1:1")};
  for (const char* name : {"", "a/b"}) {
    std::error_code error;
    std::string text;
    const auto none = manager.open(name, {.create_database = true}, error, &text);
    BOOST_CHECK(error == std::errc::invalid_argument);
    BOOST_TEST(text.find("slash") != std::string::npos, text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
