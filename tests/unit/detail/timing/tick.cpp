// SPDX-License-Identifier: BSL-1.0
//
// Instants, ticks and the rounding between them, at every edge: 0, one before and one after a tick, never.
// Read next: timing_wheel.cpp, where ticks are all there is.
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/tick.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(tick)

using namespace heartbeat::detail;

static_assert(add(1, 2) == 3);
static_assert(TickScale{}.nanoseconds() == 1'000'000);

BOOST_AUTO_TEST_CASE(a_sum_of_instants_stays_between_0_and_never) {
  BOOST_TEST(add(0, 0) == 0);
  BOOST_TEST(add(5, 7) == 12);
  BOOST_TEST(add(5, -5) == 0);
  BOOST_TEST(add(5, -4) == 1);

  BOOST_TEST(add(5, -6) == 0);
  BOOST_TEST(add(0, -1) == 0);
  BOOST_TEST(add(5, INT64_MIN) == 0);
  BOOST_TEST(add(instant_never - 1, INT64_MIN) == 0);

  BOOST_TEST(add(instant_never - 1, 0) == instant_never - 1);
  BOOST_TEST(add(instant_never - 2, 1) == instant_never - 1);
  BOOST_TEST(add(instant_never - 1, 1) == instant_never);
  BOOST_TEST(add(instant_never - 1, 2) == instant_never);
  BOOST_TEST(add(0, INT64_MAX) == instant_never);
  BOOST_TEST(add(1, INT64_MAX) == instant_never);
}

BOOST_AUTO_TEST_CASE(never_plus_anything_is_never) {
  for (const std::int64_t step : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
    BOOST_TEST(add(instant_never, step) == instant_never);
  }
}

BOOST_AUTO_TEST_CASE(a_deadline_is_rounded_up) {
  constexpr TickScale scale;

  BOOST_TEST(scale.up(0) == 0);
  BOOST_TEST(scale.up(1) == 1);
  BOOST_TEST(scale.up(999'999) == 1);
  BOOST_TEST(scale.up(1'000'000) == 1);
  BOOST_TEST(scale.up(1'000'001) == 2);
  BOOST_TEST(scale.up(instant_never - 1) == INT64_MAX / 1'000'000 + 1);
  BOOST_TEST(scale.up(instant_never) == tick_never);
}

BOOST_AUTO_TEST_CASE(now_and_the_end_of_validity_are_rounded_down) {
  constexpr TickScale scale;

  BOOST_TEST(scale.down(0) == 0);
  BOOST_TEST(scale.down(1) == 0);
  BOOST_TEST(scale.down(999'999) == 0);
  BOOST_TEST(scale.down(1'000'000) == 1);
  BOOST_TEST(scale.down(1'999'999) == 1);
  BOOST_TEST(scale.down(instant_never - 1) == INT64_MAX / 1'000'000);
  BOOST_TEST(scale.down(instant_never) == tick_never);
}

BOOST_AUTO_TEST_CASE(a_negative_instant_is_taken_for_0) {
  constexpr TickScale scale;

  BOOST_TEST(scale.up(-1) == 0);
  BOOST_TEST(scale.down(-1) == 0);
  BOOST_TEST(scale.down(INT64_MIN) == 0);
  BOOST_TEST(scale.up(INT64_MIN) == 0);
}

BOOST_AUTO_TEST_CASE(a_tick_begins_at_an_instant_or_at_never) {
  constexpr TickScale scale;
  constexpr Tick last = INT64_MAX / 1'000'000;

  BOOST_TEST(scale.instant(-1) == 0);
  BOOST_TEST(scale.instant(0) == 0);
  BOOST_TEST(scale.instant(1) == 1'000'000);
  BOOST_TEST(scale.instant(last) == last * 1'000'000);
  BOOST_TEST(scale.instant(last + 1) == instant_never);
  BOOST_TEST(scale.instant(tick_never - 1) == instant_never);
  BOOST_TEST(scale.instant(tick_never) == instant_never);
}

BOOST_AUTO_TEST_CASE(a_tick_of_one_nanosecond_changes_nothing) {
  constexpr TickScale scale{1};

  for (const Instant instant : {Instant{0}, Instant{1}, Instant{12345}, instant_never - 1, instant_never}) {
    BOOST_TEST(scale.up(instant) == instant);
    BOOST_TEST(scale.down(instant) == instant);
    BOOST_TEST(scale.instant(instant) == instant);
  }
}

BOOST_AUTO_TEST_CASE(the_longest_tick_there_is_still_rounds_right) {
  constexpr TickScale scale{INT64_MAX};

  BOOST_TEST(scale.up(1) == 1);
  BOOST_TEST(scale.down(instant_never - 1) == 0);
  BOOST_TEST(scale.instant(1) == instant_never);
  BOOST_TEST(scale.up(instant_never) == tick_never);
}

BOOST_AUTO_TEST_CASE(a_deadline_rounded_up_is_never_reached_early) {
  for (const std::int64_t nanoseconds : {1, 3, 1000, 999'983, 1'000'000}) {
    const TickScale scale{nanoseconds};
    for (const Instant deadline : {Instant{1}, nanoseconds - 1, nanoseconds, nanoseconds + 1, 7 * nanoseconds + 2}) {
      const Instant fires = scale.instant(scale.up(deadline));

      BOOST_TEST(fires >= deadline);
      BOOST_TEST(fires - deadline < nanoseconds);
      BOOST_TEST(scale.down(fires) == scale.up(deadline));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
