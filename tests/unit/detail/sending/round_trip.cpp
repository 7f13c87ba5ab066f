// SPDX-License-Identifier: BSL-1.0
// How long answers take: the first one says it all, and each later one an eighth.
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/round_trip.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(round_trip)

using heartbeat::detail::RoundTrip;

constexpr std::int64_t ms = 1'000'000;

BOOST_AUTO_TEST_CASE(the_round_trip_follows_what_answers_take) {
  RoundTrip round_trip;
  BOOST_TEST(round_trip.smoothed() == 0);
  round_trip.add(80 * ms);
  BOOST_TEST(round_trip.smoothed() == 80 * ms, "the first says all there is to say");
  round_trip.add(160 * ms);
  BOOST_TEST(round_trip.smoothed() == 90 * ms);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
