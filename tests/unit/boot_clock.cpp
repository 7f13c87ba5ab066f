// SPDX-License-Identifier: BSL-1.0
// The default clock: steady, and at least as far as the clock that stops while the machine sleeps.
#include <chrono>
#include <ctime>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(boot_clock)

using heartbeat::BootClock;

BOOST_AUTO_TEST_CASE(it_is_a_clock_by_our_rules_and_by_the_standards) {
  static_assert(heartbeat::Clock<BootClock>);
  static_assert(std::chrono::is_clock_v<BootClock>);
  static_assert(std::is_empty_v<BootClock>&& noexcept(BootClock::now()));
}

BOOST_AUTO_TEST_CASE(it_never_goes_backward) {
  BootClock::time_point last = BootClock::now();

  for (int i = 0; i < 10'000; ++i) {
    const BootClock::time_point now = BootClock::now();
    BOOST_REQUIRE(now >= last);
    last = now;
  }

  BOOST_CHECK(last > BootClock::time_point{});
}

BOOST_AUTO_TEST_CASE(it_reads_the_systems_clock_of_that_id_to_the_nanosecond) {
  timespec before{};
  timespec after{};
  const auto nanoseconds = [](const timespec& at) { return at.tv_sec * 1'000'000'000LL + at.tv_nsec; };

  ::clock_gettime(BootClock::id, &before);
  const auto read = BootClock::now().time_since_epoch().count();
  ::clock_gettime(BootClock::id, &after);

  BOOST_TEST(nanoseconds(before) <= read);
  BOOST_TEST(read <= nanoseconds(after));
}

#ifdef CLOCK_BOOTTIME
BOOST_AUTO_TEST_CASE(it_counts_the_time_the_machine_slept) {
  static_assert(BootClock::id == CLOCK_BOOTTIME);
  timespec awake{};

  ::clock_gettime(CLOCK_MONOTONIC, &awake);
  const auto since_boot = BootClock::now().time_since_epoch();

  BOOST_TEST(since_boot.count() >= awake.tv_sec * 1'000'000'000LL + awake.tv_nsec);
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
