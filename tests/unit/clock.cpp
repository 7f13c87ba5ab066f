// SPDX-License-Identifier: BSL-1.0
// Which clocks are good enough to keep a session by. The smallest one is in ../archetypes/clock.cpp.
#include <chrono>
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <heartbeat/clock.hpp>

namespace {

template <class Rep, bool Steady = true>
struct ClockOf {
  using rep = Rep;
  using period = std::milli;
  using duration = std::chrono::duration<Rep, std::milli>;
  using time_point = std::chrono::time_point<ClockOf>;
  static constexpr bool is_steady = Steady;
  static time_point now() noexcept { return time_point{}; }
};

// Says it is not steady, but is, where it is used.
struct Trusted : ClockOf<std::int64_t, false> {};

struct NowChangesIt : ClockOf<std::int64_t> {
  time_point now() noexcept { return time_point{}; }  // not const
};

struct WithoutNow {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<WithoutNow>;
  [[maybe_unused]] static constexpr bool is_steady = true;
};

}  // namespace

template <>
inline constexpr bool heartbeat::treat_as_steady<Trusted> = true;

namespace {

BOOST_AUTO_TEST_SUITE(clock)

BOOST_AUTO_TEST_CASE(a_steady_clock_with_64_bits_will_do) {
  static_assert(heartbeat::Clock<std::chrono::steady_clock>);
  static_assert(heartbeat::Clock<ClockOf<std::int64_t>>);
}

BOOST_AUTO_TEST_CASE(a_clock_that_may_jump_will_not_do) {
  static_assert(!heartbeat::Clock<std::chrono::system_clock>);
  static_assert(!heartbeat::Clock<ClockOf<std::int64_t, false>>);
}

BOOST_AUTO_TEST_CASE(a_clock_may_be_declared_steady_by_who_knows_better) {
  static_assert(!Trusted::is_steady);
  static_assert(heartbeat::Clock<Trusted>);
}

BOOST_AUTO_TEST_CASE(a_count_that_wraps_around_or_loses_digits_will_not_do) {
  static_assert(!heartbeat::Clock<ClockOf<std::int32_t>>);
  static_assert(!heartbeat::Clock<ClockOf<double>>);
}

BOOST_AUTO_TEST_CASE(now_must_exist_and_leave_the_clock_as_it_is) {
  static_assert(!heartbeat::Clock<WithoutNow>);
  static_assert(!heartbeat::Clock<NowChangesIt>);
  static_assert(!heartbeat::Clock<int>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
