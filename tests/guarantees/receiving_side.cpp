// SPDX-License-Identifier: BSL-1.0
// The guarantees on the receiving side that take real threads: a slow sink delays telling alone (G10), shutdown and
// destructor wait for it and for nothing else (G6), every call is safe inside it (G4). The others hold in virtual time:
// tests/unit/monitor.cpp; out of memory: g13_watch_all_or_nothing.cpp.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

using ThreadMonitor = heartbeat::HeartbeatMonitor<int>;

}  // namespace

BOOST_AUTO_TEST_SUITE(receiving_side)

BOOST_AUTO_TEST_CASE(g10_a_sink_that_hangs_delays_no_expiry_but_only_its_telling) {
  Door has_come;
  Door may_go;
  Tally told;
  ThreadMonitor monitor{[&](const auto&) {
    has_come.open();
    may_go.wait();
    told.add();
  }};
  monitor.watch(0, 1ms);
  BOOST_TEST(has_come.wait());

  for (int key = 1; key < 100; ++key)
    monitor.watch(key, 1ms);
  BOOST_TEST(eventually(
      "all 100 to expire", [&] { return monitor.statistics().expired == 100; },
      [&] { return std::to_string(monitor.statistics().expired); }));
  BOOST_TEST(told.count() == 0);
  BOOST_TEST(!monitor.touch(50));
  may_go.open();

  BOOST_TEST(told.reaches(100));
}

BOOST_AUTO_TEST_CASE(g06_shutdown_says_no_while_the_sink_runs_and_yes_when_it_has_returned) {
  Door has_come;
  Door may_go;
  std::atomic<int> told{0};
  ThreadMonitor monitor{[&](const auto&) {
    has_come.open();
    may_go.wait();
    ++told;
  }};
  for (int key = 0; key < 10; ++key)
    monitor.watch(key, 1ms);
  BOOST_TEST(has_come.wait());
  BOOST_TEST(eventually(
      "all 10 to expire", [&] { return monitor.statistics().expired == 10; },
      [&] { return std::to_string(monitor.statistics().expired); }));

  BOOST_TEST(!monitor.shutdown(1ms));
  may_go.open();
  BOOST_TEST(monitor.shutdown(generous));

  BOOST_TEST(told.load() == 10);
}

BOOST_AUTO_TEST_CASE(g06_the_destructor_waits_for_the_sink) {
  Door has_come;
  Door may_go;
  std::atomic<bool> is_inside{false};
  std::optional<heartbeat::HeartbeatMonitor<std::shared_ptr<int>>> monitor;
  monitor.emplace([&](const auto&) {
    is_inside = true;
    has_come.open();
    may_go.wait();
    is_inside = false;
  });
  monitor->watch(std::make_shared<int>(1), 1ms);
  auto living = std::make_shared<int>(2);
  const std::weak_ptr<int> forgotten{living};
  monitor->watch(std::move(living), 1h);
  BOOST_TEST(has_come.wait());
  std::atomic<bool> has_begun{false};
  std::jthread opener{[&] {
    has_begun = eventually("the watched to be forgotten",
                           [&] { return forgotten.expired(); });  // the destructor has forgotten what was watched
    may_go.open();
  }};

  monitor.reset();

  BOOST_TEST(!is_inside.load());
  BOOST_TEST(has_begun.load());
}

BOOST_AUTO_TEST_CASE(g06_destroyed_inside_a_callback_of_another_the_destructor_waits_for_the_sink) {
  for (int round = 0; round < 5; ++round) {
    Door has_come;
    Door is_done;
    std::atomic<bool> is_over{false};
    std::atomic<bool> has_returned{false};
    std::optional<heartbeat::HeartbeatMonitor<std::shared_ptr<int>>> monitor;
    auto living = std::make_shared<int>(2);
    const std::weak_ptr<int> forgotten{living};
    monitor.emplace([&](const auto&) {
      has_come.open();
      (void)eventually("the destructor to forget what was watched", [&] { return forgotten.expired(); });
      for (int chance = 0; chance < 2'000 && !is_over.load(); ++chance)
        std::this_thread::yield();
      has_returned = true;
    });
    monitor->watch(std::move(living), 1h);
    monitor->watch(std::make_shared<int>(1), 1ms);
    BOOST_TEST_REQUIRE(has_come.wait());
    bool had_returned = false;
    ThreadMonitor another{[&](const auto&) {
      monitor.reset();
      is_over = true;
      had_returned = has_returned.load();
      is_done.open();
    }};

    another.watch(7, 1ms);

    BOOST_TEST_REQUIRE(is_done.wait());
    BOOST_TEST(had_returned);
    BOOST_TEST(eventually("the sink to return", [&] { return has_returned.load(); }));
  }
}

BOOST_AUTO_TEST_CASE(g04_every_call_is_safe_inside_the_sink) {
  Door is_done;
  std::optional<ThreadMonitor> monitor;
  std::atomic<int> wrong{0};
  const auto check = [&](bool holds) { wrong += holds ? 0 : 1; };
  monitor.emplace([&](const auto& expiry) {
    check(!monitor->contains(expiry.key));
    check(!monitor->touch(expiry.key));
    check(!monitor->forget(expiry.key));
    const auto again = monitor->watch(expiry.key, 1h);
    check(again != expiry.generation);
    check(monitor->touch(expiry.key, again));
    check(monitor->status(expiry.key).has_value() && monitor->suspicion(expiry.key).has_value());
    check(monitor->size() == 1 && monitor->statistics().told == 1);
    check(monitor->sweep().empty());
    check(monitor->forget(expiry.key, again));
    check(!monitor->shutdown(generous));  // inside the sink nothing waits for the sink
    is_done.open();
  });
  monitor->watch(7, 1ms);

  BOOST_TEST(is_done.wait());
  BOOST_TEST(monitor->shutdown(generous));
  BOOST_TEST(wrong.load() == 0);
}

// Touch and expiry of one deadline race; the answer of the touch says who has won.
BOOST_AUTO_TEST_CASE(g03_of_a_touch_and_an_expiry_that_race_exactly_one_wins) {
  Door is_told;
  std::atomic<std::int64_t> touched_at{0};
  ThreadMonitor monitor{[&](const auto& expiry) {
                          touched_at = expiry.touched_at.time_since_epoch().count();
                          is_told.open();
                        },
                        {.tick = 1us}};
  monitor.watch(7, 20us);

  std::int64_t last_true = 0;
  for (auto pause = 1us;; ++pause) {  // ever longer, until a touch comes too late
    const auto before = heartbeat::BootClock::now();
    if (!monitor.touch(7)) break;
    last_true = before.time_since_epoch().count();
    while (heartbeat::BootClock::now() < before + pause) {
    }
  }

  BOOST_TEST(is_told.wait());
  BOOST_TEST(touched_at.load() >= last_true);
}

BOOST_AUTO_TEST_SUITE_END()
