// SPDX-License-Identifier: BSL-1.0
// The simplest detector: the ttl, whatever arrives.
#include <chrono>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detector.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(detector)

using namespace std::chrono_literals;
using namespace heartbeat;

BOOST_AUTO_TEST_CASE(a_fixed_deadline_is_the_ttl_whatever_arrives) {
  constexpr FixedDeadline detector;
  FixedDeadline::State state;

  detector.arrived(state, 30s, 29s);
  detector.arrived(state, 30s, 1ns);

  BOOST_CHECK(detector.allowance(state, 30s) == 30s);
}

BOOST_AUTO_TEST_CASE(its_suspicion_is_the_silence_in_ttls) {
  constexpr FixedDeadline detector;

  BOOST_TEST(detector.suspicion({}, 30s, 0s) == 0.0);
  BOOST_TEST(detector.suspicion({}, 30s, 15s) == 0.5);
  BOOST_TEST(detector.suspicion({}, 30s, 30s) == 1.0);
}

BOOST_AUTO_TEST_CASE(it_keeps_nothing) {
  static_assert(std::is_empty_v<FixedDeadline> && std::is_empty_v<FixedDeadline::State>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
