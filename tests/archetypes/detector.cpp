// SPDX-License-Identifier: BSL-1.0
// The smallest detector: what detector.hpp asks for and nothing more. And the smallest key, clock and executor that a
// monitor takes are those of a registry.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(detector)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

// No default, no assignment. A key may be silent for as long as its first interval was.
struct SmallestDetector {
  struct State {
    std::chrono::nanoseconds first{};
  };

  explicit SmallestDetector(int) {}
  SmallestDetector(const SmallestDetector&) = default;
  SmallestDetector& operator=(const SmallestDetector&) = delete;

  void arrived(State& state, std::chrono::nanoseconds, std::chrono::nanoseconds silence) const noexcept {
    if (state.first == 0ns) state.first = silence;
  }
  std::chrono::nanoseconds allowance(const State& state, std::chrono::nanoseconds ttl) const noexcept {
    return state.first == 0ns ? ttl : state.first;
  }
  double suspicion(const State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept { return 0.25; }
};

struct WithoutSuspicion {
  struct State {};
  void arrived(State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept {}
  std::chrono::nanoseconds allowance(const State&, std::chrono::nanoseconds ttl) const noexcept { return ttl; }
};

struct MayThrow : FixedDeadline {
  std::chrono::nanoseconds allowance(const State&, std::chrono::nanoseconds ttl) const { return ttl; }
};

BOOST_AUTO_TEST_CASE(the_smallest_detector_decides) {
  static_assert(Detector<SmallestDetector>);
  ManualClock clock;
  ManualExecutor executor{clock};
  int expired = 0;
  HeartbeatMonitor<int, ManualClock, ManualExecutor, SmallestDetector> monitor{
      clock, executor, [&](const auto&) { ++expired; }, {}, SmallestDetector{1}};
  monitor.watch(7, 30s);

  executor.run_for(10s);
  BOOST_TEST(monitor.touch(7));
  executor.run_for(10s - 1ms);
  BOOST_TEST(expired == 0);
  BOOST_TEST(monitor.suspicion(7).value() == 0.25);
  executor.run_for(1ms);

  BOOST_TEST(expired == 1);
}

BOOST_AUTO_TEST_CASE(less_is_no_detector) {
  static_assert(!Detector<WithoutSuspicion>);
  static_assert(!Detector<MayThrow>);
  static_assert(!Detector<int>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
