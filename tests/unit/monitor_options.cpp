// SPDX-License-Identifier: BSL-1.0
// What may be chosen of a monitor: the defaults keep the rules, and each rule has a code of its own.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor_options.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(monitor_options)

using namespace std::chrono_literals;
using namespace heartbeat;

BOOST_AUTO_TEST_CASE(the_defaults_keep_the_rules) {
  BOOST_CHECK(broken_rule(MonitorOptions{}) == errc{});
  BOOST_CHECK(broken_rule(WatchOptions{}) == errc{});
}

BOOST_AUTO_TEST_CASE(each_rule_of_a_monitor_has_a_code) {
  BOOST_CHECK(broken_rule(MonitorOptions{.gap_threshold = 0s}) == errc::gap_threshold_not_positive);
  BOOST_CHECK(broken_rule(MonitorOptions{.event_capacity = 0}) == errc::event_capacity_not_positive);
  BOOST_CHECK(broken_rule(MonitorOptions{.event_capacity = 1'000'000'001}) == errc::event_capacity_not_positive);
  BOOST_CHECK(broken_rule(MonitorOptions{.tick = 999ns}) == errc::tick_out_of_range);
  BOOST_CHECK(broken_rule(MonitorOptions{.tick = 1s + 1ns}) == errc::tick_out_of_range);
  BOOST_CHECK(broken_rule(MonitorOptions{.shards = 3}) == errc::shards_not_power_of_two);
  BOOST_CHECK(broken_rule(MonitorOptions{.shards = 512}) == errc::shards_not_power_of_two);
  BOOST_CHECK(broken_rule(MonitorOptions{.shards = 256}) == errc{});
}

BOOST_AUTO_TEST_CASE(each_rule_of_a_watch_has_a_code) {
  BOOST_CHECK(broken_rule(WatchOptions{.ttl = 0s}) == errc::ttl_not_positive);
  BOOST_CHECK(broken_rule(WatchOptions{.ttl = -1s}) == errc::ttl_not_positive);
  BOOST_CHECK(broken_rule(WatchOptions{.if_watched = static_cast<IfWatched>(2)}) == errc::unknown_choice);
  BOOST_CHECK(broken_rule(WatchOptions{.ttl = std::chrono::hours::max()}) == errc{});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
