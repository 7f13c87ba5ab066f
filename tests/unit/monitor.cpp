// SPDX-License-Identifier: BSL-1.0
// The monitor: when keys expire, what each call does and refuses, who is told what, and how it ends. In virtual time.
// After time gaps: monitor_gaps.cpp; against a naive model: monitor_model.cpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/phi_accrual.hpp>

#include "watch_desk.hpp"

namespace {

// Its copies throw when there were so many; it has no move of its own.
struct Fragile {
  explicit Fragile(int the_value) : value{the_value} {}
  Fragile(const Fragile& other) : value{other.value} {
    if (copies_left == 0) {
      if (before_throw) before_throw();
      throw std::runtime_error{"no copy"};
    }
    --copies_left;
  }
  Fragile& operator=(const Fragile&) = delete;
  friend bool operator==(const Fragile& a, const Fragile& b) noexcept { return a.value == b.value; }

  int value;
  static inline int copies_left = 0;
  static inline std::function<void()> before_throw;
};

}  // namespace

template <>
struct std::hash<Fragile> {
  std::size_t operator()(const Fragile& key) const noexcept { return static_cast<std::size_t>(key.value); }
};

namespace {

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ToldExpiry;
using heartbeat::testing::WatchDesk;
using heartbeat::testing::WatchDeskOf;

using Monitor = WatchDesk::Monitor;

// No wake-up counts as a time gap.
constexpr MonitorOptions no_gaps{.gap_threshold = 1000h, .shards = 1};

std::error_code refusal(Monitor& monitor, int key, WatchOptions options) {
  std::error_code error;
  BOOST_TEST(monitor.watch(key, options, error) == 0u);
  return error;
}

// As if each timer was due just when it is cancelled.
struct NeverCancels {
  ManualExecutor executor;

  void post(Work& work) noexcept { executor.post(work); }
  bool wake_by(Timer& timer, ManualClock::time_point at) noexcept { return executor.wake_by(timer, at); }
  static bool cancel(Timer&) noexcept { return false; }
};

BOOST_AUTO_TEST_SUITE(monitor)

BOOST_AUTO_TEST_CASE(it_is_neither_copied_nor_moved) {
  static_assert(!std::is_copy_constructible_v<Monitor> && !std::is_move_constructible_v<Monitor>);
  static_assert(!std::is_copy_assignable_v<Monitor> && !std::is_move_assignable_v<Monitor>);
}

BOOST_AUTO_TEST_CASE(one_that_watches_nothing_wakes_nobody) {
  WatchDesk desk;
  BOOST_TEST(desk.executor.is_idle());

  desk.monitor->watch(1, 30s);
  BOOST_TEST(!desk.executor.is_idle());
  desk.monitor->forget(1);
  desk.executor.run_for(1h);

  BOOST_TEST(desk.executor.is_idle());
  BOOST_TEST(desk.monitor->size() == 0u);
}

BOOST_AUTO_TEST_CASE(options_that_break_a_rule_are_refused_by_the_constructor) {
  try {
    WatchDesk desk{MonitorOptions{.tick = 0s}};
    BOOST_ERROR("it was made");
  } catch (const std::system_error& error) {
    BOOST_CHECK(error.code() == errc::tick_out_of_range);
    BOOST_TEST(std::string{error.what()}.find("HeartbeatMonitor") != std::string::npos);
  }
}

// --- expiry

BOOST_AUTO_TEST_CASE(a_silent_key_expires_its_ttl_after_its_last_touch_and_is_told_once) {
  WatchDesk desk;
  const auto generation = desk.monitor->watch(7, 30s);
  desk.executor.run_for(20s);
  BOOST_TEST(desk.monitor->touch(7));

  desk.executor.run_for(30s - 1ns);
  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->contains(7));
  desk.executor.run_for(1ns);

  BOOST_TEST(desk.told == (std::vector{ToldExpiry{7, generation, 20s, 50s, ExpiryReason::silent}}),
             boost::test_tools::per_element());
  BOOST_TEST(!desk.monitor->contains(7));
  BOOST_TEST(!desk.monitor->touch(7));
  BOOST_TEST(!desk.monitor->forget(7));
  desk.executor.run_for(1h);
  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(desk.executor.is_idle());
}

BOOST_AUTO_TEST_CASE(a_key_that_is_touched_in_time_never_expires) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);

  for (int beat = 0; beat < 1'000; ++beat) {
    desk.executor.run_for(30s - 1ns);
    BOOST_TEST(desk.monitor->touch(7));
  }

  BOOST_TEST(desk.told.empty());
}

BOOST_AUTO_TEST_CASE(each_key_has_a_ttl_of_its_own) {
  WatchDesk desk{MonitorOptions{.shards = 4}};
  for (int key = 1; key <= 100; ++key)
    desk.monitor->watch(key, std::chrono::milliseconds{100 * (101 - key)});

  desk.executor.run_for(10s);

  BOOST_TEST(desk.told.size() == 100u);
  for (const ToldExpiry& told : desk.told)
    BOOST_CHECK(told.expired_at == std::chrono::milliseconds{100 * (101 - told.key)});
  BOOST_TEST(std::ranges::is_sorted(desk.told, {}, &ToldExpiry::expired_at));
}

BOOST_AUTO_TEST_CASE(touches_cost_no_wake_ups) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);

  std::size_t works = 0;
  for (int beat = 0; beat < 29'000; ++beat) {
    works += desk.executor.run_for(100ms);
    desk.monitor->touch(7);
  }

  BOOST_TEST(works > 0u);
  BOOST_TEST(works <= 2 * 2'900u / 29);  // 2,900 s; the key comes up once in 29 s, moved down a level before
}

BOOST_AUTO_TEST_CASE(a_touch_after_the_deadline_that_comes_before_the_expiry_wins) {
  WatchDesk desk{no_gaps};
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(29s);
  desk.clock.advance(2s);  // the executor is late

  BOOST_TEST(desk.monitor->touch(7));
  desk.executor.run_for(30s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(!desk.monitor->touch(7));
}

BOOST_AUTO_TEST_CASE(a_ttl_without_end_never_ends) {
  WatchDesk desk;
  desk.monitor->watch(7, std::chrono::hours::max());
  desk.monitor->watch(8, std::chrono::nanoseconds::max());

  desk.executor.run_for(24h * 365 * 99);

  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->size() == 2u);
}

// --- what is refused

BOOST_AUTO_TEST_CASE(a_key_that_is_watched_is_refused_with_nothing_changed) {
  WatchDesk desk;
  const auto generation = desk.monitor->watch(7, 30s);
  desk.executor.run_for(10s);

  BOOST_CHECK(refusal(*desk.monitor, 7, {.ttl = 1s}) == errc::already_watched);
  BOOST_CHECK_EXCEPTION(desk.monitor->watch(7, 1s), std::system_error, [](const std::system_error& error) {
    return error.code() == errc::already_watched && std::string{error.what()}.find("watched") != std::string::npos;
  });

  BOOST_TEST(desk.monitor->status(7)->generation == generation);
  BOOST_CHECK(desk.due(7) == 30s);
  BOOST_TEST(desk.monitor->size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_key_may_be_replaced_and_the_old_generation_does_not_expire) {
  WatchDesk desk;
  const auto old = desk.monitor->watch(7, 30s);
  desk.executor.run_for(10s);

  const auto fresh = desk.monitor->watch(7, {.ttl = 60s, .if_watched = IfWatched::replace});
  desk.executor.run_for(1h);

  BOOST_TEST(fresh != old);
  BOOST_TEST(desk.told == (std::vector{ToldExpiry{7, fresh, 10s, 70s, ExpiryReason::silent}}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(options_that_break_a_rule_are_refused) {
  WatchDesk desk;

  BOOST_CHECK(refusal(*desk.monitor, 7, {.ttl = 0s}) == errc::ttl_not_positive);
  BOOST_CHECK(refusal(*desk.monitor, 7, {.if_watched = static_cast<IfWatched>(9)}) == errc::unknown_choice);
  BOOST_TEST(!desk.monitor->contains(7));
}

BOOST_AUTO_TEST_CASE(while_too_many_expiries_wait_no_key_is_taken) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Monitor without_sink{clock, executor, {}, {.event_capacity = 2, .shards = 1}};
  without_sink.watch(1, 1s);
  without_sink.watch(2, 1s);
  executor.run_for(1s);

  BOOST_CHECK(refusal(without_sink, 3, {}) == errc::event_backlog);
  BOOST_TEST(without_sink.sweep().size() == 2u);
  BOOST_TEST(without_sink.watch(3, 1s) != 0u);
}

BOOST_AUTO_TEST_CASE(that_many_may_wait_whatever_the_shards) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Monitor without_sink{clock, executor, {}, {.event_capacity = 100, .shards = 16}};
  for (int key = 0; key < 99; ++key)
    without_sink.watch(key, 1s);
  executor.run_for(1s);

  for (int key = 100; key < 140; ++key)
    BOOST_TEST(without_sink.watch(key, 1s) != 0u);
  executor.run_for(1s);

  BOOST_CHECK(refusal(without_sink, 200, {}) == errc::event_backlog);
}

// --- generations

BOOST_AUTO_TEST_CASE(a_forgotten_key_is_not_told) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);

  BOOST_TEST(desk.monitor->forget(7));
  BOOST_TEST(!desk.monitor->forget(7));
  BOOST_TEST(!desk.monitor->touch(7));
  desk.executor.run_for(1h);

  BOOST_TEST(desk.told.empty());
}

BOOST_AUTO_TEST_CASE(what_comes_late_for_an_old_generation_leaves_the_new_one_alone) {
  WatchDesk desk;
  const auto old = desk.monitor->watch(7, 30s);
  desk.executor.run_for(30s);
  const auto fresh = desk.monitor->watch(7, 30s);
  desk.executor.run_for(10s);

  BOOST_TEST(!desk.monitor->touch(7, old));
  BOOST_TEST(!desk.monitor->forget(7, old));
  BOOST_CHECK(desk.due(7) == 60s);
  BOOST_TEST(desk.monitor->touch(7, fresh));
  BOOST_CHECK(desk.due(7) == 70s);
  BOOST_TEST(desk.monitor->forget(7, fresh));
}

BOOST_AUTO_TEST_CASE(a_sink_may_watch_its_key_again_and_forget_others) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.monitor->watch(8, 40s);
  desk.and_then = [&](int key, std::uint64_t) {
    if (desk.told.size() > 1) return;
    desk.monitor->watch(key, 30s);
    desk.monitor->forget(8);
  };

  desk.executor.run_for(1h);

  BOOST_TEST(desk.told.size() == 2u);
  BOOST_TEST(desk.told.front().generation != desk.told.back().generation);
  BOOST_CHECK(desk.told.back().expired_at == 60s);
}

// --- sweep

BOOST_AUTO_TEST_CASE(without_a_sink_each_expiry_waits_for_one_sweep) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Monitor without_sink{clock, executor};
  for (int key = 0; key < 1'000; ++key)
    without_sink.watch(key, key % 2 == 0 ? 1s : 100s);
  executor.run_for(1s);

  std::vector<int> swept = without_sink.sweep();

  std::ranges::sort(swept);
  BOOST_TEST(swept.size() == 500u);
  for (std::size_t i = 0; i < swept.size(); ++i)
    BOOST_TEST(swept[i] == static_cast<int>(2 * i));
  BOOST_TEST(without_sink.sweep().empty());
  BOOST_TEST(without_sink.size() == 500u);
}

BOOST_AUTO_TEST_CASE(a_sweep_expires_what_is_due_before_the_executor_comes_to_it_and_the_sink_is_not_told) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(29s);
  desk.clock.advance(1s);

  BOOST_TEST(desk.monitor->sweep() == std::vector{7}, boost::test_tools::per_element());
  desk.executor.run_for(1h);

  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->statistics().swept == 1u);
}

BOOST_AUTO_TEST_CASE(a_sweep_whose_keys_throw_returns_what_it_has_and_loses_none) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Fragile::copies_left = 1'000;
  HeartbeatMonitor<Fragile, ManualClock, ManualExecutor> without_sink{clock, executor, {}, no_gaps};
  for (int key = 0; key < 5; ++key)
    without_sink.watch(Fragile{key}, 1s);
  executor.run_for(1s);

  Fragile::copies_left = 0;
  BOOST_CHECK_THROW(without_sink.sweep(), std::runtime_error);
  BOOST_TEST(without_sink.statistics().untold == 5u);
  Fragile::copies_left = 2;
  const auto some = without_sink.sweep();
  Fragile::copies_left = 1'000;
  const auto others = without_sink.sweep();

  BOOST_REQUIRE(some.size() == 2u);
  BOOST_REQUIRE(others.size() == 3u);
  int sum = 0;
  for (const auto& keys : {std::cref(some), std::cref(others)})
    for (const Fragile& key : keys.get())
      sum += key.value;
  BOOST_TEST(sum == 0 + 1 + 2 + 3 + 4);
  BOOST_TEST(without_sink.statistics().swept == 5u);
}

// A key that cannot be copied when it is due, and nothing has run since.
struct DueAndFragile {
  DueAndFragile() {
    Fragile::copies_left = 1'000;
    monitor.watch(Fragile{7}, 1s);
    executor.run_for(1s - 1ms);
    clock.advance(1ms);
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  int told = 0;
  HeartbeatMonitor<Fragile, ManualClock, ManualExecutor> monitor{clock, executor, [this](const auto&) { ++told; },
                                                                 no_gaps};
};

BOOST_FIXTURE_TEST_CASE(what_a_throwing_sweep_has_found_is_told_to_the_sink, DueAndFragile) {
  Fragile::copies_left = 0;

  BOOST_CHECK_THROW(monitor.sweep(), std::runtime_error);
  executor.run_for(0s);

  BOOST_TEST(told == 1);
}

// The teller has looked while the sweep had the key, and rests.
BOOST_FIXTURE_TEST_CASE(what_the_teller_missed_while_a_throwing_sweep_had_it_is_told, DueAndFragile) {
  while (monitor.statistics().expired == 0)
    executor.run_one();
  Fragile::copies_left = 0;
  Fragile::before_throw = [&] { executor.run_for(0s); };

  BOOST_CHECK_THROW(monitor.sweep(), std::runtime_error);
  Fragile::before_throw = nullptr;
  BOOST_TEST(told == 0);
  executor.run_for(0s);

  BOOST_TEST(told == 1);
}

// --- the sink

BOOST_AUTO_TEST_CASE(a_sink_that_throws_is_counted_and_told_the_next_one) {
  WatchDesk desk;
  desk.and_then = [](int, std::uint64_t) { throw std::runtime_error{"not today"}; };
  desk.monitor->watch(7, 30s);
  desk.monitor->watch(8, 31s);

  desk.executor.run_for(1min);

  BOOST_TEST(desk.told.size() == 2u);
  BOOST_TEST(desk.monitor->statistics().sink_threw == 2u);
}

BOOST_AUTO_TEST_CASE(the_counts_add_up) {
  WatchDesk desk;
  for (int key = 0; key < 10; ++key)
    desk.monitor->watch(key, std::chrono::seconds{10 + key});
  desk.monitor->forget(9);
  desk.executor.run_for(14s);
  desk.clock.advance(1s);
  desk.monitor->sweep();

  const MonitorStatistics sums = desk.monitor->statistics();

  BOOST_TEST(sums.watched == 10u);
  BOOST_TEST(sums.forgotten == 1u);
  BOOST_TEST(sums.expired == 6u);
  BOOST_TEST(sums.watching == 3u);
  BOOST_TEST(sums.told == 5u);
  BOOST_TEST(sums.swept == 1u);
  BOOST_TEST(sums.untold == 0u);
  BOOST_TEST(desk.monitor->size() == 3u);
}

// --- looking

BOOST_AUTO_TEST_CASE(a_watched_key_is_seen_as_it_stands) {
  WatchDesk desk;
  const auto generation = desk.monitor->watch(7, 30s);
  desk.executor.run_for(10s);
  desk.monitor->touch(7);
  desk.executor.run_for(15s);

  const auto status = desk.monitor->status(7);

  BOOST_REQUIRE(status.has_value());
  BOOST_TEST(status->generation == generation);
  BOOST_CHECK(status->touched_at.time_since_epoch() == 10s);
  BOOST_CHECK(status->due.time_since_epoch() == 40s);
  BOOST_TEST(desk.monitor->suspicion(7).value() == 0.5);
  BOOST_TEST(!desk.monitor->status(8).has_value());
  BOOST_TEST(!desk.monitor->suspicion(8).has_value());
}

BOOST_AUTO_TEST_CASE(a_detector_that_has_learnt_moves_the_deadline_earlier_and_the_wheel_with_it) {
  WatchDeskOf<PhiAccrual> desk{{.shards = 1}, PhiAccrual{{.threshold = 8.0, .minimum_deviation = 100ms}}};
  desk.monitor->watch(7, 30s);
  for (int beat = 0; beat < 30; ++beat) {
    desk.executor.run_for(1s);
    BOOST_CHECK(desk.due(7) == desk.now() + 29s);  // no whole ttl was watched yet
    BOOST_TEST(desk.monitor->touch(7));
  }
  // 2 s + 5.612 deviations of 100 ms
  BOOST_CHECK(desk.due(7) > 32'561ms && desk.due(7) < 32'562ms);
  desk.executor.run_for(2561ms);
  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->suspicion(7).value() == 8.0, boost::test_tools::tolerance(0.01));

  desk.executor.run_for(2ms);

  BOOST_TEST(desk.told.size() == 1u);
}

// What they sent while the network stood still comes at once.
BOOST_AUTO_TEST_CASE(beats_that_are_delivered_at_once_expire_nobody) {
  WatchDeskOf<PhiAccrual> desk;
  desk.monitor->watch(7, 30s);

  for (int beat = 0; beat < 8; ++beat) {
    desk.executor.run_for(1ms);
    BOOST_TEST(desk.monitor->touch(7));
  }
  desk.executor.run_for(30s - 1ms);

  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->suspicion(7).value() < 8.0);
  desk.executor.run_for(1ms);
  BOOST_TEST(desk.told.size() == 1u);
}

// However regular it was, and wherever in its life one of its beats is lost.
BOOST_AUTO_TEST_CASE(a_key_that_loses_one_beat_lives_and_one_that_loses_two_does_not) {
  for (int lost = 1; lost < 300; lost += 7) {
    WatchDeskOf<PhiAccrual> desk;
    desk.monitor->watch(7, 30s);
    for (int beat = 1; beat <= 300; ++beat) {
      desk.executor.run_for(5s);
      if (beat != lost) BOOST_TEST_REQUIRE(desk.monitor->touch(7));
    }
    for (int beat = 0; beat < 400; ++beat) {  // until the loss is long ago
      desk.executor.run_for(5s);
      BOOST_TEST_REQUIRE(desk.monitor->touch(7));
    }

    desk.executor.run_for(15s);

    BOOST_TEST(desk.told.size() == 1u);
  }
}

// --- the end

BOOST_AUTO_TEST_CASE(after_shutdown_nothing_is_watched_and_nothing_is_told) {
  WatchDesk desk;
  for (int key = 0; key < 1'000; ++key)
    desk.monitor->watch(key, 30s);

  BOOST_TEST(desk.monitor->shutdown());

  BOOST_TEST(desk.monitor->size() == 0u);
  BOOST_TEST(desk.monitor->statistics().forgotten == 1'000u);
  BOOST_CHECK(refusal(*desk.monitor, 7, {}) == errc::shut_down);
  BOOST_TEST(!desk.monitor->touch(7));
  desk.executor.run_for(1h);
  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->shutdown());
}

// Keys are destroyed between two holds of the lock, and may come to anything.
BOOST_AUTO_TEST_CASE(from_the_first_key_that_a_shutdown_forgets_on_none_is_taken) {
  ManualClock clock;
  ManualExecutor executor{clock};
  using Name = std::shared_ptr<int>;
  HeartbeatMonitor<Name, ManualClock, ManualExecutor> monitor{clock, executor, {}, no_gaps};
  int asked = 0;
  int refused = 0;
  const auto ask = [&](int* name) {
    delete name;
    std::error_code error;
    monitor.watch(std::make_shared<int>(0), WatchOptions{.ttl = 1h}, error);
    ++asked;
    refused += error == errc::shut_down ? 1 : 0;
  };
  for (int name = 0; name < 1'000; ++name)  // more than one hold of the lock forgets
    monitor.watch(Name{new int{name}, ask}, 1h);

  monitor.shutdown();

  BOOST_TEST(asked == 1'000);
  BOOST_TEST(refused == 1'000);
  BOOST_TEST(monitor.size() == 0u);
}

BOOST_AUTO_TEST_CASE(what_had_expired_is_told_by_the_shutdown) {
  WatchDesk desk;
  for (int key = 0; key < 200; ++key)
    desk.monitor->watch(key, 30s);
  desk.executor.run_for(29s);
  desk.clock.advance(1s);
  while (desk.monitor->statistics().expired == 0)
    desk.executor.run_one();  // the wheel's turn; the sink's is still to come

  BOOST_TEST(desk.told.empty());
  BOOST_TEST(desk.monitor->shutdown());

  BOOST_TEST(desk.told.size() == 200u);
  BOOST_TEST(desk.monitor->statistics().told == 200u);
}

BOOST_AUTO_TEST_CASE(without_a_sink_what_had_expired_can_be_swept_after_the_shutdown) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Monitor without_sink{clock, executor};
  without_sink.watch(7, 1s);
  executor.run_for(1s);

  BOOST_TEST(without_sink.shutdown());

  BOOST_TEST(without_sink.sweep() == std::vector{7}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_shutdown_inside_the_sink_does_not_wait_and_the_rest_is_told_afterwards) {
  WatchDesk desk;
  for (int key = 0; key < 5; ++key)
    desk.monitor->watch(key, 30s);
  bool is_done = true;
  desk.and_then = [&](int, std::uint64_t) {
    if (desk.told.size() == 1) is_done = desk.monitor->shutdown(1h);
  };

  desk.executor.run_for(30s);

  BOOST_TEST(!is_done);
  BOOST_TEST(desk.told.size() == 5u);
  BOOST_TEST(desk.monitor->shutdown());
}

BOOST_AUTO_TEST_CASE(destroyed_inside_its_sink_it_tells_the_rest_and_frees_the_sink_afterwards) {
  WatchDesk desk;
  for (int key = 0; key < 5; ++key)
    desk.monitor->watch(key, 30s);
  desk.monitor->watch(9, 60s);
  desk.and_then = [&](int, std::uint64_t) {
    if (desk.told.size() == 1) desk.monitor.reset();
  };

  desk.executor.run_for(1h);

  BOOST_TEST(desk.told.size() == 5u);
  BOOST_TEST(desk.executor.is_idle());
}

BOOST_AUTO_TEST_CASE(no_key_outlives_the_monitor_though_the_executor_still_holds_a_turn) {
  ManualClock clock;
  ManualExecutor executor{clock};
  const auto untold = std::make_shared<int>(1);
  const auto another = std::make_shared<int>(3);
  const auto watched = std::make_shared<int>(2);
  {
    HeartbeatMonitor<std::shared_ptr<int>, ManualClock, NeverCancels> without_sink{clock, {executor}, {}, no_gaps};
    without_sink.watch(untold, 1s);
    without_sink.watch(another, 1s);
    without_sink.watch(watched, 1h);
    executor.run_for(1s);
    BOOST_TEST(without_sink.statistics().untold == 2u);
  }

  BOOST_TEST(untold.use_count() == 1);
  BOOST_TEST(another.use_count() == 1);
  BOOST_TEST(watched.use_count() == 1);
  executor.run_for(2h);
  BOOST_TEST(executor.is_idle());
}

BOOST_AUTO_TEST_CASE(destroyed_with_works_in_the_executors_hands_it_leaves_nothing_behind) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.monitor->watch(8, 90s);
  desk.executor.run_for(29s);
  desk.clock.advance(1s);
  while (desk.monitor->statistics().expired == 0)
    desk.executor.run_one();

  desk.monitor.reset();

  BOOST_TEST(desk.told.size() == 1u);
  desk.executor.run_for(1h);  // the tell that was posted finds the gate closed
  BOOST_TEST(desk.executor.is_idle());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
