// SPDX-License-Identifier: BSL-1.0
// The embedded server's idle timeouts: exact to the nanosecond by a clock that the test moves, and strict. That a
// process was stopped is, to what runs in it, a leap of its clock before it reads what waited meanwhile. Read next:
// typedb_server/session_table.hpp.
#include <chrono>
#include <string>
#include <typedb_server/server.hpp>
#include <typedb_server/session_table.hpp>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "awaited.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_timers)

namespace {

using namespace std::chrono_literals;
using heartbeat::BootClock;
using heartbeat::testing::BareClient;
using heartbeat::testing::generous_limit;
using heartbeat::testing::ManualClock;
using typedb_server::Counters;
using typedb_server::Now;
using typedb_server::Options;
using typedb_server::SchemaLocks;
using typedb_server::Server;
using typedb_server::SessionTable;

Now told_by(const ManualClock& clock) {
  return [clock] { return BootClock::time_point{clock.now().time_since_epoch()}; };
}

// A table whose time the test moves.
struct Table {
  ManualClock clock;
  SchemaLocks locks;
  SessionTable sessions{told_by(clock), locks};

  SessionTable::Id opened(std::chrono::milliseconds idle_timeout) {
    return sessions.open({"orders", false, idle_timeout});
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_session_is_alive_until_its_deadline_and_dead_at_it, Table) {
  const auto pulsed = opened(2s);
  const auto left_alone = opened(2s);

  clock.advance(2s - 1ns);
  const bool is_alive = sessions.pulse(pulsed);
  clock.advance(1ns);
  const std::vector<SessionTable::Id> open = sessions.ids();

  BOOST_TEST(is_alive);
  BOOST_TEST(open == std::vector{pulsed});
  BOOST_TEST(sessions.counters().expired == 1U);
  BOOST_TEST(!sessions.pulse(left_alone));
}

BOOST_FIXTURE_TEST_CASE(each_pulse_is_worth_one_whole_idle_timeout_from_when_it_was_read, Table) {
  const auto id = opened(2s);

  for (int i = 0; i != 5; ++i) {
    clock.advance(1900ms);
    BOOST_TEST(sessions.pulse(id));
  }
  clock.advance(2s);

  BOOST_TEST(!sessions.pulse(id));
}

BOOST_FIXTURE_TEST_CASE(a_pulse_that_is_read_too_late_finds_its_session_dead_though_the_server_stood_still, Table) {
  const auto id = opened(12s);
  clock.advance(6s);
  BOOST_TEST(sessions.pulse(id));
  const auto other = opened(30s);

  clock.advance(12s);  // stopped: nothing ran in it
  const bool is_alive = sessions.pulse(id);
  const bool is_other_alive = sessions.pulse(other);
  const Counters numbers = sessions.counters();

  BOOST_TEST(!is_alive);
  BOOST_TEST(is_other_alive);
  BOOST_TEST(numbers.expired == 1U);
  BOOST_TEST(numbers.unknown == 1U);
  BOOST_TEST(numbers.open == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_pause_in_time_costs_nothing, Table) {
  const auto id = opened(12s);

  clock.advance(11s);

  BOOST_TEST(sessions.pulse(id));
}

BOOST_FIXTURE_TEST_CASE(whatever_is_asked_sees_no_session_past_its_deadline, Table) {
  const auto of_close = opened(1s);
  clock.advance(1s);
  BOOST_TEST(!sessions.close(of_close));
  const auto of_forget = opened(1s);
  clock.advance(1s);
  BOOST_TEST(!sessions.forget(of_forget));
  const auto of_knows = opened(1s);
  clock.advance(1s);
  BOOST_TEST(!sessions.knows(of_knows));
  const auto of_transaction = opened(1s);
  clock.advance(1s);
  BOOST_TEST(!sessions.begin_transaction(of_transaction, [] {}).has_value());
  opened(1s);
  clock.advance(1s);
  BOOST_TEST(sessions.forget_some(1) == 0U);
  BOOST_TEST(sessions.counters().expired == 5U);
}

BOOST_FIXTURE_TEST_CASE(a_transaction_suspends_the_timeout_and_a_full_one_runs_from_the_end_of_the_last, Table) {
  const auto id = opened(2s);
  clock.advance(1s);
  const auto first = sessions.begin_transaction(id, [] {});
  const auto second = sessions.begin_transaction(id, [] {});
  BOOST_REQUIRE(first.has_value());
  BOOST_REQUIRE(second.has_value());

  clock.advance(1h);
  BOOST_TEST(sessions.pulse(id));  // changes nothing: neither is the session over, nor does its time begin
  sessions.end_transaction(id, *first);
  clock.advance(1h);
  BOOST_TEST(sessions.transactions() == 1U);
  sessions.end_transaction(id, *second);
  clock.advance(2s - 1ns);
  const bool is_known = sessions.knows(id);
  clock.advance(1ns);

  BOOST_TEST(is_known);
  BOOST_TEST(!sessions.knows(id));
  BOOST_TEST(sessions.transactions() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_ends_tells_its_transactions, Table) {
  int told = 0;
  const auto id = opened(2s);
  sessions.begin_transaction(id, [&] { told += 1; });
  sessions.begin_transaction(id, [&] { told += 10; });

  BOOST_TEST(sessions.close(id));

  BOOST_TEST(told == 11);
  BOOST_TEST(sessions.transactions() == 0U);
}

BOOST_FIXTURE_TEST_CASE(an_idle_timeout_of_nothing_or_less_opens_a_session_that_is_dead_at_once, Table) {
  const auto of_nothing = opened(0ms);
  const auto of_less = opened(-5s);

  BOOST_TEST(!sessions.pulse(of_nothing));
  BOOST_TEST(!sessions.pulse(of_less));
  BOOST_TEST(sessions.counters().opened == 2U);
  BOOST_TEST(sessions.counters().expired == 2U);
  BOOST_TEST(sessions.counters().open == 0U);
}

BOOST_FIXTURE_TEST_CASE(the_first_close_of_a_session_that_was_dead_at_its_opening_is_fine_or_not_by_chance, Table) {
  int fine = 0;
  constexpr int count = 100;
  for (int i = 0; i != count; ++i) {
    const auto id = opened(0ms);
    if (sessions.close(id)) ++fine;
    BOOST_TEST(!sessions.close(id));
  }

  BOOST_TEST(fine > 0);
  BOOST_TEST(fine < count);
  BOOST_TEST(sessions.counters().closed == 0U);
}

// The same through the network, where the timers run on a thread of their own.
BOOST_AUTO_TEST_CASE(a_server_that_stood_still_ends_sessions_before_it_reads_their_pulses) {
  ManualClock clock;
  Server server{{.now = told_by(clock)}};
  BareClient client{server.address()};
  const std::string one = client.opened(12s);
  const std::string other = client.opened(12s);
  clock.advance(6s);
  BOOST_TEST(client.is_alive(other));

  clock.advance(11s);

  BOOST_TEST(!client.is_alive(one));
  BOOST_TEST(client.is_alive(other));
  BOOST_TEST(server.counters().expired == 1U);
}

BOOST_AUTO_TEST_CASE(sessions_end_by_themselves_though_nobody_asks) {
  const Server server;
  BareClient client{server.address()};
  client.opened(1h);
  client.opened(30ms);
  client.opened(0ms);
  client.opened(-1ms);

  BOOST_TEST(server.wait_for(generous_limit, [](const Counters& numbers) { return numbers.expired == 3; }));
  BOOST_TEST(server.open() == 1U);
}

BOOST_AUTO_TEST_CASE(the_defaults_are_those_of_typedb) {
  const Options options;

  BOOST_CHECK(options.idle_timeout == 30s);
  BOOST_CHECK(options.schema_lock_timeout == 10s);
  BOOST_CHECK(options.transaction_timeout == 5min);
  BOOST_CHECK(options.least_creation_time == 130ms);
  BOOST_CHECK(options.most_creation_time == 680ms);
}

BOOST_AUTO_TEST_CASE(a_session_that_chose_no_idle_timeout_has_that_of_the_server) {
  ManualClock clock;
  Server server{{.now = told_by(clock)}};
  BareClient client{server.address()};
  ::typedb::protocol::Session_Open_Req request;
  ::typedb::protocol::Session_Open_Res response;
  request.set_database("orders");
  BOOST_TEST(client.call(&::typedb::protocol::TypeDB::Stub::session_open, request, response).ok());

  clock.advance(30s - 1ns);
  BOOST_TEST(server.open() == 1U);
  clock.advance(1ns);
  BOOST_TEST(server.open() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
