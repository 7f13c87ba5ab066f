// SPDX-License-Identifier: BSL-1.0
// Programs that want a schema lock which another one has, beside many sessions that only want their pulses answered.
// TypeDB lets the former wait on the threads that answer the latter: two waiters on two processors, and nobody's pulse
// is answered for the ten seconds of their wait. With 500 sessions and an idle timeout of 8 s all were lost. Here
// nobody waits inside the server.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <semaphore>
#include <system_error>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "drill.hpp"
#include "rounds.hpp"

using namespace heartbeat::faults;  // NOLINT

BOOST_AUTO_TEST_SUITE(schema_waiters)

namespace {

constexpr std::size_t sessions = 500;
constexpr std::size_t waiters = 2;
constexpr unsigned server_threads = 2;

// Ten times what a call of somebody else's takes meanwhile on TypeDB.
constexpr std::chrono::milliseconds too_slow{50};

// The sessions that must not be lost, and their manager.
struct Bystanders {
  Bystanders(int port, heartbeat::Duration idle_timeout) : manager{channel_to(port, 1s)} {
    for (std::size_t i = 0; i != sessions; ++i) {
      all.push_back(manager.open("orders", {.idle_timeout = idle_timeout,
                                            .on_lost = [this](const heartbeat::Failure<SessionId>&) { ++lost; }}));
    }
  }

  std::atomic<std::size_t> lost = 0;
  heartbeat::typedb::SessionManager manager;
  std::vector<heartbeat::typedb::Session<>> all;
};

}  // namespace

BOOST_AUTO_TEST_CASE(two_waiters_for_a_schema_lock_cost_no_other_session) {
  const auto waiting = is_full() ? 20s : 4s;
  const auto idle_timeout = is_full() ? 8s : 2s;
  ServerProcess server{server_threads};
  Bystanders bystanders{server.port(), idle_timeout};
  heartbeat::typedb::SessionManager holder{channel_to(server.port(), 30s)};
  const auto held = holder.open("orders", {.type = heartbeat::typedb::SessionType::schema});
  std::array<std::error_code, waiters> errors;
  std::counting_semaphore<waiters> over{0};
  Waits calls;

  {
    std::vector<std::jthread> threads;
    for (std::error_code& error : errors) {
      threads.emplace_back([&] {
        heartbeat::typedb::SessionManager program{channel_to(server.port(), 30s)};
        const auto none = program.open(
            "orders", {.type = heartbeat::typedb::SessionType::schema, .schema_lock_wait = waiting}, error);
        over.release();
      });
    }
    heartbeat::typedb::SessionManager passer_by{channel_to(server.port(), 30s)};
    for (std::size_t still = waiters; still != 0;) {
      const auto asked_at = heartbeat::BootClock::now();
      std::error_code unanswered;
      passer_by.connect(unanswered);
      BOOST_TEST(!unanswered, unanswered.message());
      calls.add(heartbeat::BootClock::now() - asked_at);
      if (over.try_acquire_for(10ms)) --still;
    }
  }

  const ServerCounters counters = server.counters();
  std::printf(
      "schema waiters: %zu for %s beside %zu sessions of %s: lost %zu; %zu calls of another: 99th percentile %.1f ms, "
      "longest %.1f ms; least validity left %s\n",
      waiters, seconds(waiting).c_str(), sessions, seconds(idle_timeout).c_str(), bystanders.lost.load(), calls.count(),
      std::chrono::duration<double, std::milli>(calls.quantile(0.99)).count(),
      std::chrono::duration<double, std::milli>(calls.longest()).count(),
      seconds(bystanders.manager.statistics().least_slack).c_str());
  for (const std::error_code& error : errors)
    BOOST_CHECK(error == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));  // they did not get it
  BOOST_TEST(held.valid());
  BOOST_TEST(bystanders.lost == 0U);
  BOOST_TEST(counters.expired == 0U);
  BOOST_TEST(counters.open == sessions + 1);
  BOOST_TEST((calls.quantile(0.99) < too_slow));
}

BOOST_AUTO_TEST_SUITE_END()
