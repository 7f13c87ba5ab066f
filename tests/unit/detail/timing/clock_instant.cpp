// SPDX-License-Identifier: BSL-1.0
// Time points of any clock as instants, and back: no rounding makes a deadline earlier, no coarse clock overflows.
#include <chrono>
#include <cstdint>
#include <ratio>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(clock_instant)

using namespace std::chrono_literals;
using namespace heartbeat::detail;
using heartbeat::BootClock;

struct CoarseClock {
  using duration = std::chrono::duration<std::int64_t, std::ratio<1>>;
  using time_point = std::chrono::time_point<CoarseClock, duration>;
};

BOOST_AUTO_TEST_CASE(nanoseconds_come_back_as_they_were) {
  const BootClock::time_point at{12'345ns};

  BOOST_TEST(to_instant<BootClock>(at) == 12'345);
  BOOST_CHECK(to_time_point<BootClock>(12'345) == at);
}

BOOST_AUTO_TEST_CASE(before_the_epoch_is_the_epoch) {
  BOOST_TEST(to_instant<BootClock>(BootClock::time_point{-5ns}) == 0);
}

BOOST_AUTO_TEST_CASE(a_coarser_clock_is_asked_to_wake_no_earlier) {
  BOOST_TEST(to_instant<CoarseClock>(CoarseClock::time_point{3s}) == 3'000'000'000);
  BOOST_CHECK(to_time_point<CoarseClock>(3'000'000'001) == CoarseClock::time_point{4s});
}

BOOST_AUTO_TEST_CASE(a_coarser_clock_is_promised_no_more_than_there_is) {
  BOOST_CHECK(to_time_point_before<CoarseClock>(3'999'999'999) == CoarseClock::time_point{3s});
  BOOST_CHECK(to_time_point_before<CoarseClock>(4'000'000'000) == CoarseClock::time_point{4s});
}

BOOST_AUTO_TEST_CASE(more_seconds_than_nanoseconds_can_say_are_never) {
  BOOST_TEST(to_instant<CoarseClock>(CoarseClock::time_point::max()) == instant_never);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
