// SPDX-License-Identifier: BSL-1.0
// A manager of sessions against a real server: opening, keeping, closing, and what reaches the program when something
// fails. What happens to sessions that are gone is in reopening.cpp.
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <typedb_server/server.hpp>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/registry.hpp>
#include <heartbeat/transports/function.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../waiting.hpp"
#include "awaited.hpp"

BOOST_AUTO_TEST_SUITE(session_manager)

namespace {

using namespace std::chrono_literals;
using heartbeat::EndReason;
using heartbeat::Failure;
using heartbeat::typedb::Session;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionState;

std::shared_ptr<grpc::Channel> channel_to(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

// Beats often, so that the tests hear of things soon; the ttl is long, so that a slow machine loses nothing.
SessionOptions<> lively() {
  SessionOptions<> options{.idle_timeout = 30s};
  options.heartbeat = heartbeat_of(options);
  options.heartbeat->interval = 20ms;
  options.heartbeat->beat_timeout = 5s;
  options.heartbeat->floor = 5ms;
  options.heartbeat->backoff = {.initial = 5ms, .maximum = 50ms};
  return options;
}

struct Fixture {
  typedb_server::Server server;
  SessionManager manager{channel_to(server.address())};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_open_session_is_valid_from_birth_and_known_to_the_server, Fixture) {
  manager.connect();

  const auto session = manager.open("orders");

  BOOST_TEST(!!session);
  BOOST_CHECK(session.state() == SessionState::open);
  BOOST_TEST(session.valid());
  BOOST_TEST(session.database() == "orders");
  BOOST_TEST(server.knows(std::string{session.id().view()}));
  BOOST_TEST(!session.stop_token().stop_requested());
  BOOST_TEST(manager.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(closing_stops_the_heartbeat_and_tells_the_server_once, Fixture) {
  auto session = manager.open("orders", lively());
  const std::string id{session.id().view()};
  const std::stop_token token = session.stop_token();

  session.close();
  session.close();

  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(!session.valid());
  BOOST_TEST(token.stop_requested());
  BOOST_TEST(!server.knows(id));
  BOOST_TEST(server.closes(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_dies_is_closed_on_the_server, Fixture) {
  std::string id;
  {
    const auto session = manager.open("orders");
    id = session.id().view();
  }

  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));

  BOOST_TEST(!server.knows(id));
  BOOST_TEST(server.closes(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(many_threads_may_close_one_session_at_once, Fixture) {
  auto session = manager.open("orders", lively());
  const std::string id{session.id().view()};

  {
    std::vector<std::jthread> closers;
    for (int i = 0; i != 4; ++i)
      closers.emplace_back([&] { session.close(); });
  }

  BOOST_TEST(server.closes(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_missing_database_is_an_error_unless_it_is_to_be_created, Fixture) {
  std::error_code error;
  std::string text;

  const auto none = manager.open("new one", {}, error, &text);
  const int opened = server.opened();
  const auto session = manager.open("new one", {.create_database = true});
  const auto again = manager.open("new one", {.create_database = true});

  BOOST_TEST(!none);
  BOOST_CHECK(error.category() == heartbeat::grpc_category());
  BOOST_TEST(!text.empty());
  BOOST_TEST(opened == 0);
  BOOST_TEST(session.valid());
  BOOST_TEST(again.valid());
}

BOOST_AUTO_TEST_CASE(an_absent_server_is_an_error_with_its_status_and_text) {
  std::string address;
  {
    const typedb_server::Server server;
    address = server.address();
  }
  SessionManager manager{channel_to(address)};
  const auto is_unavailable = [](const std::system_error& error) {
    return error.code() == heartbeat::make_error_code(grpc::StatusCode::UNAVAILABLE) &&
           std::string{error.what()}.find("connect") != std::string::npos;
  };

  BOOST_CHECK_EXCEPTION(manager.connect(), std::system_error, is_unavailable);
  BOOST_CHECK_EXCEPTION((void)manager.open("orders"), std::system_error, is_unavailable);
  BOOST_TEST(manager.size() == 0U);
}

BOOST_AUTO_TEST_CASE(an_open_that_is_not_answered_ends_at_its_deadline) {
  typedb_server::Server server;
  SessionManager manager{channel_to(server.address()), {.call_timeout = 50ms}};
  server.mute_open(true);
  std::error_code error;

  const auto none = manager.open("orders", {}, error);

  BOOST_TEST(!none);
  BOOST_CHECK(error == std::errc::timed_out);
}

BOOST_FIXTURE_TEST_CASE(a_session_id_of_the_wrong_length_is_an_error, Fixture) {
  server.bad_ids(true);
  std::error_code error;
  std::string text;

  const auto none = manager.open("orders", {}, error, &text);

  BOOST_TEST(!none);
  BOOST_CHECK(error == std::errc::invalid_argument);
  BOOST_TEST(text.find("16 bytes") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(options_that_break_a_rule_are_refused_before_anything_is_opened, Fixture) {
  SessionOptions<> too_eager = lively();
  too_eager.heartbeat->interval = 40s;
  std::error_code error;
  std::error_code error_of_idle_timeout;

  const auto none = manager.open("orders", too_eager, error);
  const auto neither = manager.open("orders", {.idle_timeout = 25 * 24h}, error_of_idle_timeout);

  BOOST_CHECK(error == heartbeat::condition::bad_options);
  BOOST_CHECK(error_of_idle_timeout == std::errc::invalid_argument);
  BOOST_TEST(server.opened() == 0);
}

BOOST_FIXTURE_TEST_CASE(each_nonsense_value_of_a_session_is_refused_in_words, Fixture) {
  using Seconds = std::chrono::duration<double>;
  std::vector<std::pair<std::string, SessionOptions<>>> cases;
  for (const heartbeat::Duration value :
       {heartbeat::Duration{}, heartbeat::Duration{-1s}, heartbeat::Duration{999us},
        heartbeat::Duration{std::chrono::hours::min()}, heartbeat::Duration{Seconds{std::nan("")}},
        heartbeat::Duration{heartbeat::typedb::longest_idle_timeout + 1ns},
        heartbeat::Duration{std::chrono::hours::max()}, heartbeat::Duration{Seconds{HUGE_VAL}}})
    cases.push_back({"idle_timeout must be", {.idle_timeout = value}});
  cases.push_back({"type must be", {.type = static_cast<heartbeat::typedb::SessionType>(2)}});
  cases.push_back({"type must be", {.type = static_cast<heartbeat::typedb::SessionType>(255)}});

  for (const auto& [words, options] : cases) {
    std::error_code error;
    std::string text;

    const auto none = manager.open("orders", options, error, &text);

    BOOST_TEST(!none);
    BOOST_CHECK(error == std::errc::invalid_argument);
    BOOST_TEST(text.starts_with(words), text);
    BOOST_CHECK_EXCEPTION(
        static_cast<void>(manager.open("orders", options)), std::system_error,
        [&](const std::system_error& thrown) { return std::string{thrown.what()}.starts_with(words); });
  }
  BOOST_TEST(server.opened() == 0);
  BOOST_TEST(manager.size() == 0U);
}

BOOST_AUTO_TEST_CASE(options_of_the_manager_are_checked_too) {
  const auto refusal = [](heartbeat::typedb::ManagerOptions<> options) -> std::string {
    try {
      const SessionManager manager{channel_to("127.0.0.1:1"), std::move(options)};
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "taken";
  };

  for (const heartbeat::Duration value :
       {heartbeat::Duration{}, heartbeat::Duration{-1s}, heartbeat::Duration{std::chrono::nanoseconds::min()}}) {
    BOOST_TEST(refusal({.call_timeout = value}).starts_with("call_timeout must be"));
    BOOST_TEST(refusal({.close_timeout = value}).starts_with("close_timeout must be"));
    BOOST_TEST(refusal({.reopen = {.initial = value}}).find("backoff.initial must be") != std::string::npos);
  }
  BOOST_TEST(refusal({.reopen = {.multiplier = 0.5}}).find("backoff.multiplier must be") != std::string::npos);
  BOOST_TEST(refusal({.registry = {.shards = 3}}).find("shards must be") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_is_gone_reaches_the_program_in_every_way, Fixture) {
  heartbeat::testing::Awaited<Failure<SessionId>> losses;
  auto options = lively();
  options.on_lost = [&](const Failure<SessionId>& failure) { losses.bring(failure); };
  auto session = manager.open("orders", options);
  heartbeat::testing::Awaited<bool> fired;
  const std::stop_callback callback{session.stop_token(), [&] { fired.bring(true); }};

  server.forget_all();
  const Failure<SessionId> loss = losses.next();
  fired.next();

  BOOST_CHECK(loss.reason == EndReason::gone);
  BOOST_TEST(loss.key == session.id());
  BOOST_CHECK(session.state() == SessionState::lost);
  BOOST_CHECK(session.failure().value().reason == EndReason::gone);
  BOOST_TEST(!session.valid());
  BOOST_TEST(server.closes(std::string{session.id().view()}) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_no_longer_answers_is_a_stall_and_the_session_is_closed_if_it_can_be, Fixture) {
  heartbeat::testing::Awaited<Failure<SessionId>> losses;
  SessionOptions<> options{.idle_timeout = 300ms};
  options.on_lost = [&](const Failure<SessionId>& failure) { losses.bring(failure); };
  server.mute(true);
  auto session = manager.open("orders", options);
  const std::string id{session.id().view()};

  const Failure<SessionId> loss = losses.next();
  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));

  BOOST_CHECK(loss.reason == EndReason::stalled);
  BOOST_TEST(server.closes(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(what_the_server_forbids_ends_at_once_with_its_words, Fixture) {
  heartbeat::testing::Awaited<Failure<SessionId>> losses;
  auto options = lively();
  options.on_lost = [&](const Failure<SessionId>& failure) { losses.bring(failure); };
  server.fail_pulse({grpc::StatusCode::PERMISSION_DENIED, "not you"});

  const auto session = manager.open("orders", options);
  const Failure<SessionId> loss = losses.next();

  BOOST_CHECK(loss.reason == EndReason::failed);
  BOOST_CHECK(loss.error == std::errc::permission_denied);
  BOOST_TEST(loss.text == "not you");
}

BOOST_AUTO_TEST_CASE(events_of_the_heartbeats_reach_the_manager_s_owner) {
  typedb_server::Server server;
  heartbeat::testing::Awaited<heartbeat::EventKind> beats;
  SessionManager manager{channel_to(server.address()), {.on_event = [&](const auto& event) {
                           if (event.kind == heartbeat::EventKind::acknowledged) beats.bring(event.kind);
                         }}};

  const auto session = manager.open("orders", lively());

  BOOST_CHECK(beats.next() == heartbeat::EventKind::acknowledged);
}

BOOST_AUTO_TEST_CASE(each_call_is_prepared_also_the_beats) {
  typedb_server::Server server;
  std::atomic<int> prepared = 0;
  heartbeat::testing::Awaited<bool> beats;
  SessionManager manager{channel_to(server.address()),
                         {.prepare = [&](grpc::ClientContext&) { ++prepared; },
                          .on_event =
                              [&](const auto& event) {
                                if (event.kind == heartbeat::EventKind::acknowledged) beats.bring(true);
                              }}};

  manager.connect();
  const auto session = manager.open("orders", lively());
  beats.next();

  BOOST_TEST(prepared >= 3);
}

BOOST_FIXTURE_TEST_CASE(a_parents_cancellation_closes_the_session, Fixture) {
  std::stop_source parent;
  auto options = lively();
  options.heartbeat->parent = parent.get_token();
  auto session = manager.open("orders", options);
  const std::string id{session.id().view()};

  parent.request_stop();
  session.close();

  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(!session.failure().has_value());
  BOOST_TEST(server.closes(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(sessions_may_be_opened_and_closed_from_many_threads, Fixture) {
  {
    std::vector<std::jthread> users;
    for (int i = 0; i != 4; ++i) {
      users.emplace_back([&] {
        for (int n = 0; n != 25; ++n) {
          auto session = manager.open("orders", lively());
          if (n % 2 == 0) session.close();
        }
      });
    }
  }

  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));

  BOOST_TEST(server.opened() == 100);
  BOOST_TEST(server.open() == 0U);
}

BOOST_AUTO_TEST_CASE(the_manager_closes_what_is_open_when_it_dies_and_its_sessions_outlive_it) {
  typedb_server::Server server;
  auto manager = std::make_unique<SessionManager>(channel_to(server.address()));
  std::vector<Session<>> sessions;
  for (int i = 0; i != 10; ++i)
    sessions.push_back(manager->open("orders", lively()));

  manager.reset();

  BOOST_TEST(server.open() == 0U);
  for (auto& session : sessions) {
    BOOST_CHECK(session.state() == SessionState::closed);
    BOOST_TEST(!session.valid());
    BOOST_TEST(session.stop_token().stop_requested());
    BOOST_TEST(server.closes(std::string{session.id().view()}) == 1);
    session.close();
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_the_close_does_not_hold_the_manager_up_for_ever) {
  auto server = std::make_unique<typedb_server::Server>();
  SessionManager manager{channel_to(server->address()), {.close_timeout = 20ms}};
  auto session = manager.open("orders", lively());
  server.reset();
  std::error_code error;

  session.close(error);

  BOOST_TEST(!!error);
  BOOST_CHECK(session.state() != SessionState::open);
}

// A close waits for its pulse, but at a shutdown no longer than half of the grace (F15).
BOOST_FIXTURE_TEST_CASE(a_shutdown_closes_sessions_whose_pulse_hangs, Fixture) {
  server.mute(true);
  auto options = lively();
  options.heartbeat->beat_timeout = 30s;
  const auto session = manager.open("orders", options);
  const std::string id{session.id().view()};
  BOOST_TEST_REQUIRE(
      heartbeat::testing::eventually("a pulse in flight", [&] { return manager.statistics().in_flight == 1; }));

  BOOST_TEST(manager.shutdown(2s));

  BOOST_TEST(server.closes(id) == 1);
  BOOST_TEST(server.open() == 0U);
}

BOOST_FIXTURE_TEST_CASE(after_shutdown_nothing_is_opened, Fixture) {
  std::error_code error;

  manager.shutdown(1s);
  const auto none = manager.open("orders", {}, error);

  BOOST_TEST(!none);
  BOOST_CHECK(error == heartbeat::errc::shut_down);
  BOOST_TEST(server.opened() == 0);
}

// Inside anybody's callback but its own: the sink refers to the manager, which is gone afterwards.
BOOST_AUTO_TEST_CASE(destroyed_inside_a_registrys_callback_it_waits_for_its_own_callbacks) {
  typedb_server::Server server;
  heartbeat::testing::Awaited<bool> is_inside;
  heartbeat::testing::Awaited<bool> end_has_begun;
  heartbeat::testing::Awaited<bool> is_destroyed;
  std::atomic<int> events{0};
  std::atomic<bool> is_over{false};
  std::atomic<bool> has_returned{false};
  auto manager = std::make_unique<SessionManager>(
      channel_to(server.address()), heartbeat::typedb::ManagerOptions<>{.on_event = [&](const auto&) {
        if (events++ != 0) return;
        is_inside.bring(true);
        end_has_begun.next();
        for (int chance = 0; chance < 2'000 && !is_over.load(); ++chance)  // for the destructor not to wait
          std::this_thread::yield();
        has_returned = true;
      }});
  const auto session = manager->open("orders", lively());
  const std::stop_callback on_end{session.stop_token(), [&] { end_has_begun.bring(true); }};
  is_inside.next();
  bool had_returned = false;
  heartbeat::HeartbeatRegistry<int, heartbeat::FunctionTransport<std::function<bool(const int&)>>> another{
      heartbeat::FunctionTransport<std::function<bool(const int&)>>{[&](const int&) {
        manager.reset();
        is_over = true;
        had_returned = has_returned.load();
        is_destroyed.bring(true);
        return true;
      }}};

  const auto beat = another.start(1, {.interval = 1h, .ttl = 10h, .first_beat = heartbeat::FirstBeat::now});
  is_destroyed.next();

  BOOST_TEST(had_returned);
  BOOST_TEST(heartbeat::testing::eventually("the callback to return", [&] { return has_returned.load(); }));
}

BOOST_AUTO_TEST_CASE(an_empty_session_answers_everything) {
  Session<> session;

  session.close();

  BOOST_TEST(!session);
  BOOST_CHECK(session.state() == SessionState::closed);
  BOOST_TEST(session.id() == SessionId{});
  BOOST_TEST(!session.valid());
  BOOST_TEST(!session.stop_token().stop_possible());
  BOOST_TEST(!session.failure().has_value());
}

BOOST_FIXTURE_TEST_CASE(assigning_a_session_closes_the_one_before, Fixture) {
  auto session = manager.open("orders");
  const std::string first{session.id().view()};

  session = manager.open("orders");
  const bool is_valid = session.valid();
  session.close();
  BOOST_TEST(manager.shutdown(heartbeat::testing::generous_limit));

  BOOST_TEST(is_valid);
  BOOST_TEST(server.closes(first) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
