// SPDX-License-Identifier: BSL-1.0
// The phi accrual detector: phi against a table that was computed without it, the way back, what is learnt from
// arrivals, what is said before there were enough of them, and what a key may always do without being expired.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/phi_accrual.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(phi_accrual)

using namespace std::chrono_literals;
using namespace heartbeat;

constexpr double tight = 1e-12;

struct Row {
  double deviations;
  double phi;
};

// From the erfc of Python's library, and beyond 7 deviations from Laplace's continued fraction for it:
//
//   python3 -c '
//   import math as m
//   def phi(d):
//       x = d / m.sqrt(2)
//       if x < -1: return -m.log1p(-m.erfc(-x) / 2) / m.log(10)
//       if x < 5: return -m.log10(m.erfc(x) / 2)
//       f = x
//       for n in range(200, 0, -1): f = x + n / 2 / f
//       return (x * x + m.log(f) + m.log(m.pi) / 2 + m.log(2)) / m.log(10)
//   for d in (-30, -8, -5, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 5, 5.612001244174789, 8, 15, 28, 28.5, 37, 40, 60, 1000,
//   1e9):
//       print(f"{{{d!r}, {phi(d):.15g}}},")'
constexpr Row table[] = {
    {-30, 2.13095878283854e-198}, {-8, 2.70172884954394e-16},
    {-5, 1.24491213738829e-07},   {-2, 0.00999437953410871},
    {-1, 0.075026012957818},      {-0.5, 0.160231392277849},
    {0, 0.301029995663981},       {0.5, 0.510691989265241},
    {1, 0.79954554149197},        {2, 1.64301608014094},
    {3, 2.86969903592937},        {5, 6.54264567239065},
    {5.612001244174789, 8},       {8, 15.2061425510172},
    {15, 50.4352196142755},       {28, 172.090237063241},
    {28.5, 178.232314302178},     {37, 299.24218117861},
    {40, 349.437006459346},       {60, 783.90742916411},
    {1000, 217150.640041994},     {1000000000.0, 2.17147240951626e+17},
};

[[nodiscard]] std::chrono::nanoseconds seconds(double count) {
  return std::chrono::nanoseconds{static_cast<std::int64_t>(count * 1e9)};
}

// After `count` intervals of `one` and `other` in turn.
[[nodiscard]] PhiAccrual::State after(const PhiAccrual& detector, int count, std::chrono::nanoseconds one,
                                      std::chrono::nanoseconds other) {
  PhiAccrual::State state;
  for (int i = 0; i < count; ++i)
    detector.arrived(state, 30s, i % 2 == 0 ? one : other);
  return state;
}

BOOST_AUTO_TEST_CASE(phi_is_what_the_table_says_far_out_in_both_tails) {
  for (const Row& row : table) {
    BOOST_TEST_CONTEXT(row.deviations << " deviations") {
      BOOST_TEST(PhiAccrual::phi_at(row.deviations) == row.phi, boost::test_tools::tolerance(tight));
    }
  }
}

BOOST_AUTO_TEST_CASE(phi_grows_with_the_silence_across_all_its_formulas) {
  double before = -1.0;
  for (double deviations = -6.0; deviations < 70.0; deviations += 0.001) {
    const double phi = PhiAccrual::phi_at(deviations);
    if (!(phi > before)) BOOST_ERROR("phi falls at " << deviations);
    before = phi;
  }
}

BOOST_AUTO_TEST_CASE(no_silence_is_so_long_that_phi_is_no_number) {
  BOOST_TEST(std::isfinite(PhiAccrual::phi_at(1e100)));
  BOOST_TEST(PhiAccrual::phi_at(-1e100) == 0.0);

  const PhiAccrual detector{{.minimum_deviation = 1ns}};
  const PhiAccrual::State state = after(detector, 40, 1s, 1s);
  BOOST_TEST(std::isfinite(detector.suspicion(state, 30s, std::chrono::nanoseconds::max())));
  BOOST_TEST(detector.suspicion(state, 30s, 0ns) >= 0.0);
  BOOST_TEST(detector.suspicion(state, 30s, 0ns) < 1e-6);
}

BOOST_AUTO_TEST_CASE(the_way_back_leads_to_the_same_phi) {
  for (const double phi : {0.001, 0.1, 0.301, 1.0, 3.0, 8.0, 16.0, 100.0, 172.0, 300.0, 999.0, 1'000.0}) {
    BOOST_TEST(PhiAccrual::phi_at(PhiAccrual::deviations_at(phi)) == phi, boost::test_tools::tolerance(tight));
  }
  BOOST_TEST(PhiAccrual::deviations_at(8.0) == 5.612001244174789, boost::test_tools::tolerance(tight));
}

BOOST_AUTO_TEST_CASE(before_enough_intervals_were_seen_the_ttl_is_the_deadline_and_phi_meets_the_threshold_there) {
  const PhiAccrual detector{{.threshold = 5.0, .first = 3}};
  const PhiAccrual::State state = after(detector, 2, 1s, 1s);

  BOOST_CHECK(detector.allowance(PhiAccrual::State{}, 30s) == 30s);
  BOOST_CHECK(detector.allowance(state, 30s) == 30s);
  BOOST_TEST(detector.suspicion(state, 30s, 30s) == 5.0, boost::test_tools::tolerance(tight));
  BOOST_TEST(detector.suspicion(state, 30s, 15s) == PhiAccrual::phi_at(0), boost::test_tools::tolerance(tight));
}

BOOST_AUTO_TEST_CASE(mean_and_deviation_are_those_of_the_intervals) {
  const PhiAccrual detector;
  const PhiAccrual::State state = after(detector, 100, 1s, 9s);

  BOOST_TEST(state.mean == 5e9, boost::test_tools::tolerance(tight));
  BOOST_TEST(std::sqrt(state.variance) == 4e9, boost::test_tools::tolerance(tight));
  BOOST_TEST(detector.suspicion(state, 30s, 17s) == PhiAccrual::phi_at(3), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(at_the_deadline_the_suspicion_is_the_threshold) {
  for (const double threshold : {1.0, 8.0, 100.0, 1'000.0}) {
    const PhiAccrual detector{{.threshold = threshold, .acceptable_pause = 2s}};
    const PhiAccrual::State state = after(detector, 50, 4s, 6s);

    const auto deadline = detector.allowance(state, 30s);

    BOOST_TEST(detector.suspicion(state, 30s, deadline) == threshold, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(detector.suspicion(state, 30s, deadline + 1ms) > threshold);
    BOOST_TEST(detector.suspicion(state, 30s, deadline - 1ms) < threshold);
  }
}

BOOST_AUTO_TEST_CASE(the_least_deviation_and_the_acceptable_pause_lengthen_the_deadline) {
  const double z = PhiAccrual::deviations_at(8.0);
  const PhiAccrual detector{{.minimum_deviation = 500ms, .acceptable_pause = 3s}};
  const PhiAccrual::State state = after(detector, 50, 1s, 1s);

  const auto deadline = detector.allowance(state, 30s);

  BOOST_CHECK(deadline - seconds(2.0 + 3.0 + z * 0.5) < 1us);
  BOOST_CHECK(deadline - seconds(2.0 + 3.0 + z * 0.5) > -1us);
}

BOOST_AUTO_TEST_CASE(what_lies_further_back_than_the_window_fades) {
  const PhiAccrual detector{{.window = 20}};
  PhiAccrual::State state = after(detector, 1'000, 10s, 10s);

  for (int i = 0; i < 300; ++i)
    detector.arrived(state, 30s, 1s);

  BOOST_TEST(state.intervals == 20u);
  BOOST_TEST(state.mean == 1e9, boost::test_tools::tolerance(1e-3));
  BOOST_CHECK(detector.allowance(state, 30s) < 3s);
}

// --- what keeps it from being sure too soon

// A backlog that came at once, 8 beats within milliseconds, made it expire a key with a ttl of 30 s after 0.6 s.
BOOST_AUTO_TEST_CASE(a_backlog_that_is_delivered_at_once_teaches_nothing) {
  const PhiAccrual detector;
  const PhiAccrual::State at_the_start = after(detector, 8, 1ms, 2ms);
  PhiAccrual::State later = after(detector, 50, 5s, 5s);
  const auto usual = detector.allowance(later, 30s);

  for (int i = 0; i < 200; ++i)
    detector.arrived(later, 30s, 1ms);

  BOOST_CHECK(detector.allowance(at_the_start, 30s) == 30s);
  BOOST_CHECK(detector.allowance(later, 30s) == usual);
}

BOOST_AUTO_TEST_CASE(an_interval_goes_from_the_first_of_a_burst_to_the_next_arrival_that_counts) {
  const PhiAccrual detector;
  PhiAccrual::State state;

  for (int burst = 0; burst < 20; ++burst) {
    for (int i = 0; i < 9; ++i)
      detector.arrived(state, 30s, 10ms);
    detector.arrived(state, 30s, 5s - 90ms);
  }

  BOOST_TEST(state.intervals == 20u);
  BOOST_TEST(state.mean == 5e9, boost::test_tools::tolerance(tight));
  BOOST_TEST(state.variance < 1.0);
}

// Were it each two arrivals that are compared, nothing of it would ever count.
BOOST_AUTO_TEST_CASE(a_key_that_always_beats_faster_than_the_floor_counts_at_the_floor) {
  const PhiAccrual detector{{.floor = 1s}};

  const PhiAccrual::State state = after(detector, 1'000, 300ms, 300ms);

  BOOST_TEST(state.mean == 1.2e9, boost::test_tools::tolerance(1e-9));
  BOOST_CHECK(detector.allowance(state, 30s) < 3s);
}

BOOST_AUTO_TEST_CASE(the_floor_is_a_hundredth_of_the_ttl_unless_it_is_said) {
  const PhiAccrual by_ttl;
  const PhiAccrual by_option{{.floor = 1ns}};

  BOOST_TEST(after(by_ttl, 10, 300ms, 299ms).intervals == 5u);
  BOOST_TEST(after(by_ttl, 10, 300ms, 300ms).intervals == 10u);
  BOOST_TEST(after(by_option, 10, 300ms, 1ns).intervals == 10u);
}

// One lost beat of a perfectly regular key expired it.
BOOST_AUTO_TEST_CASE(a_regular_key_may_lose_one_beat_and_not_two) {
  for (const auto interval : {1s, 5s, 14s}) {
    const PhiAccrual detector;
    const PhiAccrual::State state = after(detector, 50, interval, interval);

    BOOST_CHECK(detector.allowance(state, 30s) > 2 * interval + 500ms);
    BOOST_CHECK(detector.allowance(state, 30s) < 3 * interval);
    BOOST_TEST(detector.suspicion(state, 30s, 2 * interval + 500ms) < 8.0);
  }
}

BOOST_AUTO_TEST_CASE(until_a_whole_ttl_of_intervals_was_seen_the_ttl_is_the_deadline) {
  const PhiAccrual detector;

  BOOST_CHECK(detector.allowance(after(detector, 29, 1s, 1s), 30s) == 30s);
  BOOST_CHECK(detector.allowance(after(detector, 30, 1s, 1s), 30s) < 3s);
  BOOST_CHECK(detector.allowance(after(detector, 7, 10s, 10s), 30s) == 30s);
  BOOST_CHECK(detector.allowance(after(detector, 8, 10s, 10s), 30s) < 21s);
}

// The mean tells their sum but for its rounding.
BOOST_AUTO_TEST_CASE(intervals_that_are_exactly_a_ttl_together_are_a_whole_ttl) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    detail::Random random{seed};
    std::vector<std::int64_t> intervals;
    for (int i = 0; i < 20; ++i)
      intervals.push_back(1'000'000'000 + random.below(1'000'000'000));
    const std::chrono::nanoseconds ttl{std::accumulate(intervals.begin(), intervals.end(), std::int64_t{0})};
    const PhiAccrual detector;
    PhiAccrual::State state;

    for (const std::int64_t interval : intervals)
      detector.arrived(state, ttl, std::chrono::nanoseconds{interval});

    BOOST_TEST_REQUIRE(detector.allowance(state, ttl).count() < 5'000'000'000, "seed " << seed);
  }
}

// It is kept in less digits than it has.
BOOST_AUTO_TEST_CASE(the_longest_interval_is_remembered_to_no_less_than_it_was) {
  const PhiAccrual detector{{.minimum_deviation = 1ns}};
  for (int more = 0; more < 1'000; ++more) {
    const std::chrono::nanoseconds interval = 5s + more * 7ns;
    const PhiAccrual::State state = after(detector, 40, interval, interval);

    BOOST_TEST_REQUIRE(detector.allowance(state, 30s).count() >= 2 * interval.count());
  }
}

BOOST_AUTO_TEST_CASE(a_window_that_is_shorter_than_a_ttl_waits_for_it_all_the_same) {
  const PhiAccrual detector{{.window = 8, .first = 8}};
  PhiAccrual::State state = after(detector, 29, 1s, 1s);
  BOOST_CHECK(detector.allowance(state, 30s) == 30s);

  detector.arrived(state, 30s, 1s);

  BOOST_CHECK(detector.allowance(state, 30s) < 3s);
  BOOST_TEST(state.intervals == 8u, "from now on that many count");
}

BOOST_AUTO_TEST_CASE(the_longest_interval_is_remembered_for_a_window_and_less_than_two) {
  constexpr std::uint32_t window = 10;
  const PhiAccrual detector{{.window = window}};
  for (int phase = 0; phase < static_cast<int>(window); ++phase) {
    PhiAccrual::State state = after(detector, 40 + phase, 1s, 1s);
    detector.arrived(state, 30s, 20s);

    for (std::uint32_t i = 1; i < window; ++i) {
      detector.arrived(state, 30s, 1s);
      BOOST_CHECK(detector.allowance(state, 30s) >= 40s);
    }
    for (std::uint32_t i = 0; i <= window; ++i)
      detector.arrived(state, 30s, 1s);
    BOOST_TEST(std::max(state.longest, state.longest_before) < 1.1e9F);
  }
}

// Against the intervals themselves, written down one by one.
BOOST_AUTO_TEST_CASE(whatever_arrives_the_allowance_is_twice_the_longest_and_the_suspicion_agrees) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    detail::Random random{detail::Random::mix(seed)};
    const auto window = static_cast<std::uint32_t>(8 + random.below(30));
    const double threshold = 1.0 + static_cast<double>(random.below(200)) / 10.0;
    const std::chrono::nanoseconds ttl{1'000'000'000 + random.below(60'000'000'000)};
    const PhiAccrual detector{{.threshold = threshold, .window = window}};
    PhiAccrual::State state;
    std::vector<std::int64_t> intervals;
    std::int64_t since = 0;
    std::int64_t sum = 0;
    for (int step = 0; step < 300; ++step) {
      const std::int64_t silence = 1 + random.below(random.below(3) == 0 ? ttl.count() / 200 : ttl.count() / 3);
      detector.arrived(state, ttl, std::chrono::nanoseconds{silence});
      since += silence;
      if (since >= ttl.count() / 100) {
        intervals.push_back(since);
        sum += since;
        since = 0;
      }
      const auto allowance = detector.allowance(state, ttl);
      const double suspicion = detector.suspicion(state, ttl, allowance);
      BOOST_REQUIRE_MESSAGE(std::abs(suspicion - threshold) < 1e-6 * threshold, "seed " << seed << ", " << step);
      if (intervals.size() < 8 || sum < ttl.count()) {
        BOOST_REQUIRE_MESSAGE(allowance == ttl, "seed " << seed << ", " << step);
        continue;
      }
      const auto recent = std::min<std::size_t>(window, intervals.size());
      const std::int64_t longest =
          *std::max_element(intervals.end() - static_cast<std::ptrdiff_t>(recent), intervals.end());
      BOOST_REQUIRE_MESSAGE(allowance.count() >= 2 * longest, "seed " << seed << ", " << step);
    }
  }
}

BOOST_AUTO_TEST_CASE(it_remembers_40_bytes_of_a_key) {
  static_assert(sizeof(PhiAccrual::State) == 40);
}

BOOST_AUTO_TEST_CASE(the_longest_silences_stay_within_what_can_be_said) {
  const PhiAccrual detector;
  const std::chrono::nanoseconds longest{Duration::longest};

  BOOST_CHECK(detector.allowance(after(detector, 50, longest, 0ns), 30s) == longest);
  BOOST_CHECK(detector.allowance(after(detector, 50, 0ns, 0ns), 30s) > 0ns);
}

BOOST_AUTO_TEST_CASE(options_that_break_a_rule_are_refused) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static_assert(broken_rule(PhiAccrualOptions{}) == errc{});
  static_assert(broken_rule(PhiAccrualOptions{.threshold = 0.9}) == errc::threshold_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.threshold = 1'001}) == errc::threshold_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.threshold = nan}) == errc::threshold_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.first = 1}) == errc::window_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.window = 7}) == errc::window_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.window = 2, .first = 2}) == errc{});
  static_assert(broken_rule(PhiAccrualOptions{.window = 1'000'000}) == errc{});
  static_assert(broken_rule(PhiAccrualOptions{.window = 1'000'001}) == errc::window_out_of_range);
  static_assert(broken_rule(PhiAccrualOptions{.floor = 0s}) == errc::floor_not_positive);
  static_assert(broken_rule(PhiAccrualOptions{.floor = 1ns}) == errc{});
  static_assert(broken_rule(PhiAccrualOptions{.minimum_deviation = 0s}) == errc::minimum_deviation_not_positive);
  static_assert(broken_rule(PhiAccrualOptions{.acceptable_pause = -1s}) == errc::acceptable_pause_negative);

  try {
    const PhiAccrual detector{{.threshold = 0}};
    BOOST_ERROR("it was made");
  } catch (const std::system_error& error) {
    BOOST_CHECK(error.code() == errc::threshold_out_of_range);
    BOOST_CHECK(error.code() == condition::bad_options);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
