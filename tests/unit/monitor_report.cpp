// SPDX-License-Identifier: BSL-1.0
// The words for why a key expired.
#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor_report.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(monitor_report)

using namespace heartbeat;

BOOST_AUTO_TEST_CASE(each_reason_has_its_words) {
  BOOST_TEST(to_string(ExpiryReason::silent) == "silent");
  BOOST_TEST(to_string(ExpiryReason::silent_in_grace) == "silent_in_grace");
  BOOST_TEST(to_string(static_cast<ExpiryReason>(9)) == "unknown");
}

BOOST_AUTO_TEST_CASE(a_new_count_is_nothing) {
  const MonitorStatistics nothing;
  BOOST_TEST(nothing.watched + nothing.watching + nothing.expired + nothing.forgotten == 0u);
  BOOST_TEST(nothing.told + nothing.swept + nothing.untold + nothing.sink_threw == 0u);
  BOOST_TEST(nothing.time_gaps + nothing.graces == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
