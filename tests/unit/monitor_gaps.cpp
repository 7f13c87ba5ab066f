// SPDX-License-Identifier: BSL-1.0
// The mirror of G18: when the monitor's own process was away, the beats of those who live wait in socket buffers, and
// nothing expires before they could be read. ManualClock::advance is the absence; the gap threshold is 1 s. The wheel
// also wakes up to move its slots, so the cases that ask for the millisecond begin when that is done.
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/phi_accrual.hpp>

#include "watch_desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(monitor_gaps)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ToldExpiry;
using heartbeat::testing::WatchDesk;
using heartbeat::testing::WatchDeskOf;
using std::chrono::nanoseconds;

// The ttl; and the process is away for a while when it has been asked that often.
struct Interrupted {
  struct State {};
  std::function<void()> absence;
  int* asked;

  void arrived(State&, nanoseconds, nanoseconds) const noexcept {}
  nanoseconds allowance(const State&, nanoseconds ttl) const noexcept {
    if (--*asked == 0) absence();
    return ttl;
  }
  double suspicion(const State&, nanoseconds, nanoseconds) const noexcept { return 0; }
};

// 10,000 keys of 30 s, and an absence of 12 s after so many of the first looks at 29 s: when the first key is told.
[[nodiscard]] nanoseconds first_expiry_of_many(int looks) {
  ManualClock clock;
  ManualExecutor executor{clock, 1};
  int asked = 0;
  nanoseconds first{};
  std::size_t told = 0;
  HeartbeatMonitor<int, ManualClock, ManualExecutor, Interrupted> monitor{
      clock,
      executor,
      [&](const auto& expiry) {
        if (told++ == 0) first = expiry.expired_at.time_since_epoch();
      },
      {.shards = 1},
      Interrupted{[&] { clock.advance(12s); }, &asked}};
  for (int key = 0; key < 10'000; ++key)
    monitor.watch(key, 30s);
  executor.run_for(29s - 1ms);
  asked = looks;
  executor.run_for(1min);
  BOOST_TEST(told == 10'000u);
  BOOST_TEST(monitor.statistics().time_gaps == 1u);
  return first;
}

// 40 beats, one each second: the key is due about 2.6 s after the last one.
void learn(WatchDeskOf<PhiAccrual>& desk) {
  desk.monitor->watch(7, 30s);
  for (int beat = 0; beat < 40; ++beat) {
    desk.executor.run_for(1s);
    desk.monitor->touch(7);
  }
}

BOOST_AUTO_TEST_CASE(a_deadline_that_passed_while_we_were_away_is_put_off_by_the_time_we_were) {
  WatchDesk desk;
  const auto generation = desk.monitor->watch(7, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(12s);  // armed for 29 s, the first look: 11 s late

  desk.executor.run_for(11s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told == (std::vector{ToldExpiry{7, generation, 0s, 51s, ExpiryReason::silent_in_grace}}),
             boost::test_tools::per_element());
  BOOST_TEST(desk.monitor->statistics().time_gaps == 1u);
  BOOST_TEST(desk.monitor->statistics().graces == 1u);
}

BOOST_AUTO_TEST_CASE(a_key_whose_beat_was_waiting_in_the_socket_lives) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(10s);
  desk.clock.advance(10min);
  desk.executor.run_for(1s);

  BOOST_TEST(desk.monitor->touch(7));
  desk.executor.run_for(30s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_REQUIRE(desk.told.size() == 1u);
  BOOST_TEST(desk.told.front().reason == ExpiryReason::silent);
}

BOOST_AUTO_TEST_CASE(the_grace_is_no_longer_than_the_ttl) {
  WatchDesk desk;
  desk.monitor->watch(7, 2s);
  desk.clock.advance(1h);

  desk.executor.run_for(2s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 1u);
}

// Half of the 500 ms is their measure, though the threshold is a second.
BOOST_AUTO_TEST_CASE(a_short_ttl_has_its_grace_after_a_pause_of_its_length) {
  WatchDesk desk;
  desk.monitor->watch(7, 500ms);
  desk.executor.run_for(200ms);
  desk.clock.advance(600ms);  // the look at 250 ms is 550 ms late: until 1,300 ms

  desk.executor.run_for(500ms - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST((desk.told == std::vector{ToldExpiry{7, 1, 0s, 1300ms, ExpiryReason::silent_in_grace}}),
             boost::test_tools::per_element());
  BOOST_TEST(desk.monitor->statistics().time_gaps == 1u);
  BOOST_TEST(desk.monitor->statistics().graces == 1u);
}

BOOST_AUTO_TEST_CASE(a_short_ttl_bears_a_wake_up_that_is_late_by_less_than_half_of_it) {
  WatchDesk desk;
  desk.monitor->watch(7, 500ms);
  desk.executor.run_for(300ms);  // looked at, and silent
  desk.clock.advance(450ms);     // the look at 500 ms is 250 ms late

  desk.executor.run_for(0s);

  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(desk.monitor->statistics().time_gaps == 0u);
  BOOST_TEST(desk.monitor->statistics().graces == 0u);
}

BOOST_AUTO_TEST_CASE(a_short_ttl_expires_by_sweeps_alone) {
  WatchDesk desk;
  desk.monitor->watch(7, 500ms);
  std::size_t swept = 0;

  for (int sweep = 0; sweep < 30; ++sweep) {
    desk.clock.advance(100ms);
    swept += desk.monitor->sweep().size();
  }

  BOOST_TEST(swept == 1u);
  BOOST_TEST(desk.monitor->statistics().graces <= 1u);
}

BOOST_AUTO_TEST_CASE(each_gap_gives_one_grace) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(12s);  // 11 s late: until 51 s
  desk.executor.run_for(10s);
  desk.clock.advance(21s);  // until 71 s, 20 s late: until 91 s

  desk.executor.run_for(20s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(desk.monitor->statistics().time_gaps == 2u);
  BOOST_TEST(desk.monitor->statistics().graces == 2u);
}

// As where more keys are silent than the machine can look at within half their ttl.
BOOST_AUTO_TEST_CASE(a_process_that_is_late_all_the_time_says_who_is_silent_all_the_same) {
  WatchDesk desk;
  desk.monitor->watch(7, 100ms);
  desk.monitor->watch(8, 100ms);

  for (int turn = 0; turn < 100; ++turn) {
    desk.clock.advance(200ms);  // no turn is on time
    desk.executor.run_ready();
    BOOST_TEST(desk.monitor->touch(8), "its beats come in, and it lives");
  }

  BOOST_TEST_REQUIRE(desk.told.size() == 1u);
  BOOST_TEST(desk.told.front().key == 7);
  BOOST_TEST(desk.told.front().reason == ExpiryReason::silent_in_grace);
}

BOOST_AUTO_TEST_CASE(an_absence_that_ends_just_before_the_grace_does_leaves_time_to_be_touched) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(12s);  // 11 s late: until 51 s
  desk.executor.run_for(9s);
  BOOST_CHECK(desk.due(7) == 51s);
  desk.clock.advance(1900ms);  // the look at 50 s is 900 ms late

  desk.executor.run_for(500ms - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_absence_after_the_first_look_counts_as_well) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(29s);  // looked at, and silent
  desk.clock.advance(5s);      // 4 s late

  desk.executor.run_for(4s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_absence_that_ends_just_before_the_deadline_leaves_time_to_be_touched) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(1900ms);  // the first look is 900 ms late: no gap, but beats may wait

  desk.executor.run_for(500ms - 1ms);
  BOOST_TEST(desk.told.empty());
  BOOST_REQUIRE(desk.monitor->contains(7));
  BOOST_CHECK(desk.due(7) == 30'400ms);
  desk.executor.run_for(1ms);

  BOOST_REQUIRE(desk.told.size() == 1u);
  BOOST_TEST(desk.told.front().reason == ExpiryReason::silent);
}

BOOST_AUTO_TEST_CASE(a_wake_up_that_is_only_a_little_late_puts_nothing_off) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(29s);
  desk.clock.advance(2s);

  desk.executor.run_for(0s);

  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(desk.monitor->statistics().time_gaps == 0u);
}

BOOST_AUTO_TEST_CASE(an_absence_in_which_no_deadline_passed_puts_nothing_off) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.monitor->watch(8, 300s);
  desk.clock.advance(40s);

  desk.executor.run_until(desk.clock.now() + 260s);

  BOOST_TEST(desk.told.size() == 2u);
  BOOST_CHECK(desk.told.back().expired_at == 300s);
}

BOOST_AUTO_TEST_CASE(a_sweep_right_after_the_return_expires_nothing_and_the_grace_is_given_once) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(12s);

  BOOST_TEST(desk.monitor->sweep().empty());
  desk.executor.run_for(11s);

  BOOST_TEST(desk.told.size() == 1u);
  BOOST_TEST(desk.monitor->statistics().time_gaps == 1u);
}

BOOST_AUTO_TEST_CASE(an_executor_that_never_comes_does_not_keep_sweeps_from_expiring) {
  WatchDesk desk;
  desk.monitor->watch(7, 30s);
  desk.clock.advance(40s);
  BOOST_TEST(desk.monitor->sweep().empty());
  desk.clock.advance(30s);
  BOOST_TEST(desk.monitor->sweep().empty());  // the look before the end of the grace, and late
  desk.clock.advance(500ms);

  BOOST_TEST(desk.monitor->sweep().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_gap_puts_off_more_keys_than_one_hold_of_the_lock_looks_at) {
  WatchDesk desk;
  for (int key = 0; key < 10'000; ++key)
    desk.monitor->watch(key, 30s);
  desk.executor.run_for(28s);
  desk.clock.advance(12s);

  desk.executor.run_for(11s - 1ms);
  BOOST_TEST(desk.told.empty());
  desk.executor.run_for(1ms);

  BOOST_TEST(desk.told.size() == 10'000u);
  BOOST_TEST(desk.monitor->statistics().graces == 10'000u);
}

BOOST_AUTO_TEST_CASE(an_absence_between_two_slices_of_one_turn_puts_off_what_is_looked_at_afterwards) {
  BOOST_CHECK(first_expiry_of_many(1'000) == 41s + 12s);
}

BOOST_AUTO_TEST_CASE(an_absence_between_a_turn_and_its_next_part_puts_off_what_is_looked_at_afterwards) {
  BOOST_CHECK(first_expiry_of_many(2 * 16 * 256 - 2) == 41s + 12s);  // asked twice for each key
}

BOOST_AUTO_TEST_CASE(a_detector_does_not_learn_our_own_absence) {
  WatchDeskOf<PhiAccrual> desk;
  learn(desk);
  const nanoseconds usual = desk.due(7) - desk.now();
  desk.clock.advance(1h);

  BOOST_TEST(desk.monitor->touch(7));  // before the executor comes to it

  BOOST_CHECK(desk.due(7) - desk.now() == usual);
}

BOOST_AUTO_TEST_CASE(a_detector_learns_nothing_from_a_touch_in_the_grace) {
  WatchDeskOf<PhiAccrual> desk;
  learn(desk);
  const nanoseconds usual = desk.due(7) - desk.now();
  desk.clock.advance(1h);
  desk.executor.run_for(1s);
  BOOST_REQUIRE(desk.monitor->contains(7));

  BOOST_TEST(desk.monitor->touch(7));

  BOOST_CHECK(desk.due(7) - desk.now() == usual);
}

// Shorter than its allowance, but a look at another key was due meanwhile.
BOOST_AUTO_TEST_CASE(a_detector_does_not_learn_an_absence_that_was_noticed_by_another_keys_look) {
  for (const bool is_noticed_first : {true, false}) {
    WatchDeskOf<PhiAccrual> desk{{.gap_threshold = 100ms, .shards = 1}};
    learn(desk);
    const nanoseconds usual = desk.due(7) - desk.now();
    desk.monitor->watch(8, 500ms);
    desk.clock.advance(2s);

    if (is_noticed_first) desk.executor.run_for(0s);
    BOOST_TEST(desk.monitor->touch(7));

    BOOST_CHECK(desk.due(7) - desk.now() == usual);
    desk.executor.run_for(2s);  // from here on its silences are its own
    BOOST_TEST(desk.monitor->touch(7));
    BOOST_CHECK(desk.due(7) - desk.now() > 4s);
  }
}

// The executor was only a little late, so the silence was the key's.
BOOST_AUTO_TEST_CASE(a_detector_learns_a_silence_beyond_its_allowance_that_ended_in_a_beat) {
  WatchDeskOf<PhiAccrual> desk;
  learn(desk);
  desk.executor.run_for(2500ms);
  desk.clock.advance(500ms);

  BOOST_TEST(desk.monitor->touch(7));

  BOOST_CHECK(desk.due(7) - desk.now() > 6s);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
