// SPDX-License-Identifier: BSL-1.0
// The embedded server's single threads: who is put where, who waits behind whom, and what becomes of calls whose
// clients give up in the queue. Read next: typedb_server/single_threads.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <typedb_server/server.hpp>
#include <typedb_server/single_threads.hpp>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include "../waiting.hpp"
#include "awaited.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_threads)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::testing::at_once;
using heartbeat::testing::Awaited;
using heartbeat::testing::BareClient;
using heartbeat::testing::eventually;
using heartbeat::testing::long_enough_to_arrive;
using heartbeat::testing::long_wait;
using typedb_server::Server;
using typedb_server::SingleThreads;

// A server with a schema session, and opens that wait for its lock on so many of its two threads.
struct Blocked {
  explicit Blocked(std::size_t waiters) {
    BOOST_REQUIRE(client.open_schema(holder, at_once).ok());
    for (std::size_t i = 0; i != waiters; ++i) {
      waiting.push_back(std::async(std::launch::async, [this] {
        std::string id;
        return client.open_schema(id, long_wait);
      }));
      BOOST_TEST(eventually("one more waits for the lock, or was let in", [&] {
        return server.schema_waiters() == i + 1 || waiting.back().wait_for(0s) == std::future_status::ready;
      }));
      BOOST_REQUIRE(server.schema_waiters() == i + 1);
    }
  }
  ~Blocked() { server.stop(); }  // ends the waits

  Server server{{.threads = 2}};
  BareClient client{server.address()};
  std::string holder;
  std::vector<std::future<Status>> waiting;  // last: waits for what uses the others
};

}  // namespace

BOOST_AUTO_TEST_CASE(there_are_as_many_as_processors_unless_somebody_chose) {
  const Server by_default;
  const Server chosen{{.threads = 3}};

  BOOST_TEST(by_default.threads() == std::max(1U, std::thread::hardware_concurrency()));
  BOOST_TEST(chosen.threads() == 3U);
}

BOOST_AUTO_TEST_CASE(work_is_put_on_them_by_turns_and_done_in_its_order_there) {
  constexpr std::size_t count = 3;
  Awaited<std::pair<std::size_t, std::thread::id>> done;
  SingleThreads threads{count};
  std::vector<std::vector<std::size_t>> order_of(count);
  std::vector<std::thread::id> thread_of(count);

  for (std::size_t i = 0; i != 30; ++i)
    threads.post([&, i] { done.bring({i, std::this_thread::get_id()}); });
  for (std::size_t i = 0; i != 30; ++i) {
    const auto [number, thread] = done.next("a piece of work");
    auto& order = order_of[number % count];
    if (order.empty()) thread_of[number % count] = thread;
    BOOST_TEST((thread == thread_of[number % count]));
    order.push_back(number);
  }

  for (const auto& order : order_of)
    BOOST_TEST(std::is_sorted(order.begin(), order.end()));
  BOOST_TEST((thread_of[0] != thread_of[1] && thread_of[1] != thread_of[2] && thread_of[0] != thread_of[2]));
}

BOOST_AUTO_TEST_CASE(one_that_waits_blocks_its_thread_and_no_other) {
  Blocked blocked{1};
  std::vector<std::future<StatusCode>> pulses;

  for (int i = 0; i != 6; ++i)
    pulses.push_back(std::async(std::launch::async, [&] { return blocked.client.code_of_pulse(blocked.holder); }));

  BOOST_TEST(eventually("those on the other thread are answered, and the rest waits",
                        [&] { return blocked.server.counters().alive == 3 && blocked.server.queued() == 3; }));
  blocked.server.stop();
}

BOOST_AUTO_TEST_CASE(as_many_that_wait_as_there_are_threads_and_nobody_is_served) {
  Blocked blocked{2};
  std::string id;
  const auto before = blocked.server.counters();

  const auto pulse = std::async(std::launch::async, [&] { return blocked.client.code_of_pulse(blocked.holder); });
  const auto open = std::async(std::launch::async, [&] { return blocked.client.open(id); });
  const auto create = std::async(std::launch::async, [&] { return blocked.client.create("new one"); });
  // The only one who could let them go on.
  const auto close = std::async(std::launch::async, [&] { return blocked.client.close(blocked.holder); });
  BOOST_TEST(eventually("all four wait", [&] { return blocked.server.queued() == 4; }));

  BOOST_TEST(blocked.server.schema_waiters() == 2U);
  BOOST_TEST((blocked.server.counters() == before));
  blocked.server.stop();
}

BOOST_AUTO_TEST_CASE(sessions_whose_pulses_wait_behind_blocked_threads_die) {
  Blocked blocked{1};
  const std::string victim = [&] {
    std::string id;
    while (!blocked.client.open(id, 400ms, "orders", 100ms).ok()) {
    }
    return id;
  }();
  std::string id;
  auto second = std::async(std::launch::async, [&] { return blocked.client.open_schema(id, long_wait); });
  auto third = std::async(std::launch::async, [&] { return blocked.client.open_schema(id, long_wait); });
  BOOST_TEST(eventually("both threads are blocked", [&] { return blocked.server.schema_waiters() == 2; }));

  auto pulse = std::async(std::launch::async, [&] { return blocked.client.code_of_pulse(victim); });
  BOOST_TEST(eventually("the pulse waits", [&] { return blocked.server.queued() == 2; }));  // and a schema session
  BOOST_TEST(eventually("the session is dead", [&] { return !blocked.server.knows(victim); }));
  blocked.server.stop();

  BOOST_CHECK(pulse.get() != StatusCode::OK);
  BOOST_TEST(blocked.server.counters().alive == 0U);
}

BOOST_AUTO_TEST_CASE(a_queued_call_whose_client_gave_up_is_thrown_away_unread) {
  Blocked blocked{2};
  const std::string holder = blocked.holder;
  std::string id;
  std::vector<std::future<StatusCode>> calls;
  for (int i = 0; i != 20; ++i) {
    calls.push_back(std::async(std::launch::async,
                               [&] { return blocked.client.close(holder, long_enough_to_arrive).error_code(); }));
  }
  calls.push_back(std::async(
      std::launch::async, [&] { return blocked.client.open(id, 1h, "orders", long_enough_to_arrive).error_code(); }));
  calls.push_back(
      std::async(std::launch::async, [&] { return blocked.client.code_of_pulse(holder, long_enough_to_arrive); }));
  for (auto& call : calls)
    BOOST_CHECK(call.get() == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(eventually("all were given up", [&] { return blocked.server.given_up() == 22; }));
  BOOST_TEST(blocked.server.queued() == 22U);

  while (blocked.server.schema_waiters() != 0)
    blocked.server.forget_all();                                                                    // lets the next in
  const bool is_answered = blocked.client.contains("orders") && blocked.client.contains("orders");  // on both threads

  BOOST_TEST(is_answered);
  BOOST_TEST(blocked.server.closes(holder) == 0);
  BOOST_TEST(blocked.server.opened() == 3);  // the holder and who waited
  BOOST_TEST(blocked.server.counters().pulses == 0U);
}

BOOST_AUTO_TEST_CASE(closes_behind_blocked_threads_that_are_given_up_leave_their_sessions_alive) {
  Server server{{.threads = 2}};
  BareClient client{server.address()};
  std::vector<std::string> sessions;
  for (int i = 0; i != 20; ++i)
    sessions.push_back(client.opened());

  server.pause();  // blocks all threads as waiters do
  std::vector<std::future<Status>> closes;
  for (const std::string& id : sessions)
    closes.push_back(
        std::async(std::launch::async, [&client, &id] { return client.close(id, long_enough_to_arrive); }));
  for (auto& close : closes)
    BOOST_CHECK(close.get().error_code() == StatusCode::DEADLINE_EXCEEDED);
  BOOST_TEST(eventually("all were given up", [&] { return server.given_up() == 20; }));
  server.resume();
  client.opened();
  client.opened();  // one on each thread: what was before them is done

  BOOST_TEST(server.open() == 22U);
  BOOST_TEST(server.counters().closed == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_and_stops_lets_nothing_that_waits_have_an_effect) {
  Server server{{.threads = 1}};
  BareClient client{server.address()};
  std::string id;
  server.pause();
  auto open = std::async(std::launch::async, [&] { return client.open(id); });
  auto pulse = std::async(std::launch::async, [&] { return client.code_of_pulse("0123456789abcdef"); });
  BOOST_TEST(eventually("both wait", [&] { return server.queued() == 2; }));

  server.stop();
  open.get();
  pulse.get();
  server.start();
  BOOST_TEST(BareClient{server.address()}.contains("orders"));

  BOOST_TEST(server.opened() == 0);
  BOOST_TEST(server.counters().pulses == 0U);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_the_wait_for_a_lock_and_serves_nobody_who_was_behind_it) {
  Blocked blocked{2};
  std::vector<std::future<StatusCode>> pulses;
  for (int i = 0; i != 20; ++i)
    pulses.push_back(std::async(std::launch::async, [&] { return blocked.client.code_of_pulse(blocked.holder); }));
  BOOST_TEST(eventually("all wait", [&] { return blocked.server.queued() == 20; }));

  blocked.server.stop();

  for (auto& pulse : pulses)
    BOOST_CHECK(pulse.get() != StatusCode::OK);
  BOOST_TEST(blocked.server.counters().pulses == 0U);
  BOOST_TEST(blocked.server.opened() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
