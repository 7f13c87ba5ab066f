// SPDX-License-Identifier: BSL-1.0
// Options as the engine reads them: each arrives in its field, and each default is filled in.
#include <chrono>
#include <functional>
#include <limits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/beat_rules.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(beat_rules)

using namespace std::chrono_literals;
using namespace heartbeat;
using namespace heartbeat::detail;
using Options = HeartbeatOptions<>;

BOOST_AUTO_TEST_CASE(the_defaults_are_filled_in) {
  const BeatRules rules = make_rules(Options{}, 1ms);

  BOOST_TEST(rules.interval == 5'000'000'000);
  BOOST_TEST(rules.ttl == 30'000'000'000);
  BOOST_TEST(rules.beat_timeout == rules.interval);
  BOOST_TEST(rules.margin == 1'000'000'000);
  BOOST_TEST(rules.floor == 100'000'000);
  BOOST_TEST(rules.backoff_initial == 200'000'000);
  BOOST_TEST(rules.backoff_maximum == 5'000'000'000);
  BOOST_TEST(rules.backoff_multiplier == 2.0);
  BOOST_TEST(rules.progress_within == 0);
  BOOST_TEST(rules.attempts == 3u);
  BOOST_TEST(rules.max_failures == 0u);
  BOOST_TEST(!rules.keep_beating);
  BOOST_TEST(!rules.first_now);
  BOOST_TEST(!rules.follow_ttl);
  BOOST_TEST(rules.close_when_stalled);
  BOOST_TEST(!rules.close_when_gone);
  BOOST_TEST(rules.close_when_ended);
}

BOOST_AUTO_TEST_CASE(each_option_arrives_in_its_field) {
  const Options options{.interval = 7s,
                        .ttl = 70s,
                        .beat_timeout = 3s,
                        .safety_margin = 2s,
                        .first_beat = FirstBeat::now,
                        .on_stall = OnStall::keep_beating,
                        .when_stalled = OnEnd::leave,
                        .when_gone = OnEnd::close,
                        .when_ended = OnEnd::leave,
                        .progress_within = 4s,
                        .follow_server_ttl = true,
                        .backoff = {.initial = 11ms, .maximum = 12ms, .multiplier = 1.5},
                        .attempts = 5,
                        .floor = 13ms,
                        .max_consecutive_failures = 9};

  const BeatRules expected{.interval = 7'000'000'000,
                           .ttl = 70'000'000'000,
                           .beat_timeout = 3'000'000'000,
                           .margin = 2'000'000'000,
                           .floor = 13'000'000,
                           .backoff_initial = 11'000'000,
                           .backoff_maximum = 12'000'000,
                           .progress_within = 4'000'000'000,
                           .backoff_multiplier = 1.5,
                           .attempts = 5,
                           .max_failures = 9,
                           .keep_beating = true,
                           .first_now = true,
                           .follow_ttl = true,
                           .close_when_stalled = false,
                           .close_when_gone = true,
                           .close_when_ended = false};

  BOOST_CHECK(make_rules(options, 1ms) == expected);
}

BOOST_AUTO_TEST_CASE(each_end_says_for_itself_whether_a_close_follows) {
  const BeatRules stalled =
      make_rules(Options{.when_stalled = OnEnd::close, .when_gone = OnEnd::leave, .when_ended = OnEnd::leave}, 1ms);
  BOOST_TEST((stalled.close_when_stalled && !stalled.close_when_gone && !stalled.close_when_ended));

  const BeatRules ended =
      make_rules(Options{.when_stalled = OnEnd::leave, .when_gone = OnEnd::leave, .when_ended = OnEnd::close}, 1ms);
  BOOST_TEST((!ended.close_when_stalled && !ended.close_when_gone && ended.close_when_ended));
}

BOOST_AUTO_TEST_CASE(a_multiplier_without_end_is_a_big_number) {
  Options options;
  options.backoff.multiplier = std::numeric_limits<double>::infinity();

  BOOST_TEST(make_rules(options, 1ms).backoff_multiplier == 1e6);
}

BOOST_AUTO_TEST_CASE(the_margin_depends_on_the_tick) {
  BOOST_TEST(make_rules(Options{.interval = 10ms, .ttl = 60ms}, 1ms).margin == 5'000'000);
  BOOST_TEST(make_rules(Options{.interval = 10ms, .ttl = 60ms}, 4ms).margin == 8'000'000);
}

BOOST_AUTO_TEST_CASE(who_the_heartbeat_belongs_to_is_no_rule) {
  std::stop_source parent;
  Options options;
  options.parent = parent.get_token();
  options.if_running = IfRunning::replace;
  options.granted_at = BootClock::time_point{1s};

  BOOST_CHECK(make_rules(options, 1ms) == make_rules(Options{}, 1ms));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
