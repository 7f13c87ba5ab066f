// SPDX-License-Identifier: BSL-1.0
// What options take as a span of time: every std::chrono duration, clamped where it would overflow.
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <heartbeat/duration.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(duration)

using namespace std::chrono_literals;
using heartbeat::Duration;
using std::chrono::nanoseconds;

constexpr nanoseconds century{Duration::longest};

BOOST_AUTO_TEST_CASE(a_default_made_one_is_zero) {
  BOOST_TEST(Duration{}.count() == 0);
}

BOOST_AUTO_TEST_CASE(every_standard_unit_becomes_nanoseconds) {
  BOOST_TEST(Duration{7ns}.count() == 7);
  BOOST_TEST(Duration{7us}.count() == 7'000);
  BOOST_TEST(Duration{7ms}.count() == 7'000'000);
  BOOST_TEST(Duration{7s}.count() == 7'000'000'000);
  BOOST_TEST(Duration{7min}.count() == 420'000'000'000);
  BOOST_TEST(Duration{7h}.count() == 25'200'000'000'000);
}

BOOST_AUTO_TEST_CASE(it_converts_both_ways_without_a_word) {
  const Duration from_seconds = 5s;
  const nanoseconds back = from_seconds;

  BOOST_TEST(back.count() == 5'000'000'000);
  static_assert(std::is_nothrow_convertible_v<std::chrono::minutes, Duration>);
  static_assert(!std::is_convertible_v<int, Duration>, "a number says no unit");
}

BOOST_AUTO_TEST_CASE(the_longest_spans_of_every_unit_are_clamped_to_a_century_and_never_wrap_around) {
  BOOST_TEST(Duration{std::chrono::hours::max()}.count() == century.count());
  BOOST_TEST(Duration{std::chrono::minutes::max()}.count() == century.count());
  BOOST_TEST(Duration{std::chrono::seconds::max()}.count() == century.count());
  BOOST_TEST(Duration{std::chrono::milliseconds::max()}.count() == century.count());
  BOOST_TEST(Duration{std::chrono::microseconds::max()}.count() == century.count());
  BOOST_TEST(Duration{nanoseconds::max()}.count() == century.count());
}

BOOST_AUTO_TEST_CASE(the_most_negative_spans_are_clamped_too) {
  BOOST_TEST(Duration{std::chrono::hours::min()}.count() == -century.count());
  BOOST_TEST(Duration{std::chrono::seconds::min()}.count() == -century.count());
  BOOST_TEST(Duration{nanoseconds::min()}.count() == -century.count());
}

BOOST_AUTO_TEST_CASE(a_span_beside_the_limit_is_exact) {
  BOOST_TEST(Duration{century - 1ns}.count() == century.count() - 1);
  BOOST_TEST(Duration{century}.count() == century.count());
  BOOST_TEST(Duration{century + 1ns}.count() == century.count());
  BOOST_TEST(Duration{-century + 1ns}.count() == 1 - century.count());
  BOOST_TEST(Duration{Duration::longest + 1h}.count() == century.count());
}

BOOST_AUTO_TEST_CASE(a_floating_point_span_is_truncated) {
  using Milliseconds = std::chrono::duration<float, std::milli>;
  using Nanoseconds = std::chrono::duration<double, std::nano>;

  BOOST_TEST(Duration{std::chrono::duration<double>{1.5}}.count() == 1'500'000'000);
  BOOST_TEST(Duration{Milliseconds{-2.5F}}.count() == -2'500'000);
  BOOST_TEST(Duration{Nanoseconds{0.9}}.count() == 0);
}

BOOST_AUTO_TEST_CASE(infinity_is_a_century_and_not_a_number_is_zero) {
  using Seconds = std::chrono::duration<double>;
  constexpr double infinity = std::numeric_limits<double>::infinity();

  BOOST_TEST(Duration{Seconds{infinity}}.count() == century.count());
  BOOST_TEST(Duration{Seconds{-infinity}}.count() == -century.count());
  BOOST_TEST(Duration{Seconds{std::numeric_limits<double>::max()}}.count() == century.count());
  BOOST_TEST(Duration{Seconds{std::numeric_limits<double>::quiet_NaN()}}.count() == 0);
}

BOOST_AUTO_TEST_CASE(units_below_a_nanosecond_and_small_counters_fit) {
  using Picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  using SmallHours = std::chrono::duration<std::int8_t, std::ratio<3600>>;

  BOOST_TEST(Duration{Picoseconds::max()}.count() == std::numeric_limits<std::int64_t>::max() / 1000);
  BOOST_TEST(Duration{SmallHours{100}}.count() == 100LL * 3600 * 1'000'000'000);
}

BOOST_AUTO_TEST_CASE(spans_compare_by_length) {
  BOOST_CHECK(Duration{1s} == Duration{1000ms});
  BOOST_CHECK(Duration{1s} < Duration{1001ms});
  BOOST_CHECK(Duration{std::chrono::hours::max()} == Duration{nanoseconds::max()});
}

BOOST_AUTO_TEST_CASE(it_is_a_constant_where_its_source_is_one) {
  constexpr Duration constant = std::chrono::hours::max();

  static_assert(constant.count() > 0);
  static_assert(std::is_trivially_copyable_v<Duration> && sizeof(Duration) == 8);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
