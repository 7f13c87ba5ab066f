// SPDX-License-Identifier: BSL-1.0
// What the attempts so far leave to the next one: its share of the validity, and the pause before it.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/attempts.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(attempts)

using namespace heartbeat::detail;

BeatRules three_attempts() {
  BeatRules rules;
  rules.attempts = 3;
  rules.beat_timeout = 500;
  rules.floor = 10;
  rules.backoff_initial = 20;
  rules.backoff_multiplier = 2;
  rules.backoff_maximum = 70;
  return rules;
}

BOOST_AUTO_TEST_CASE(only_an_acknowledgement_sets_the_counts_back) {
  Attempts attempts;
  BOOST_TEST(attempts.is_none());

  attempts.sent();
  BOOST_TEST(!attempts.is_none());
  BOOST_TEST(!attempts.is_retry());
  attempts.failed();
  attempts.sent();
  BOOST_TEST(attempts.is_retry());
  BOOST_TEST(attempts.failures() == 1);

  attempts.acknowledged();
  BOOST_TEST(attempts.is_none());
  BOOST_TEST(attempts.failures() == 0);
}

BOOST_AUTO_TEST_CASE(both_counts_saturate) {
  Attempts attempts;

  for (int i = 0; i < 256; ++i) {
    attempts.sent();
    attempts.failed();
  }

  BOOST_TEST(attempts.is_retry());
  BOOST_TEST(attempts.failures() == 255);
}

BOOST_AUTO_TEST_CASE(failures_are_too_many_only_where_the_rules_say_so) {
  BeatRules rules = three_attempts();
  Attempts attempts;
  attempts.failed();
  BOOST_TEST(!attempts.is_exhausted(rules));

  rules.max_failures = 2;
  BOOST_TEST(!attempts.is_exhausted(rules));
  attempts.failed();
  BOOST_TEST(attempts.is_exhausted(rules));
}

BOOST_AUTO_TEST_CASE(attempts_owed_share_what_is_left_equally) {
  const BeatRules rules = three_attempts();
  Attempts attempts;

  BOOST_TEST(attempts.timeout(rules, 303, 1) == 100);
  attempts.sent();
  BOOST_TEST(attempts.timeout(rules, 303, 1) == 150);
  attempts.sent();
  BOOST_TEST(attempts.timeout(rules, 303, 1) == 302);
  attempts.sent();
  BOOST_TEST(attempts.timeout(rules, 303, 1) == 302);  // none is owed: one more all the same
}

BOOST_AUTO_TEST_CASE(a_timeout_is_never_longer_than_the_rules_nor_shorter_than_a_tick) {
  const BeatRules rules = three_attempts();
  const Attempts attempts;

  BOOST_TEST(attempts.timeout(rules, 30'000, 1) == 500);
  BOOST_TEST(attempts.timeout(rules, 6, 4) == 4);
  BOOST_TEST(attempts.timeout(rules, 0, 4) == 500);
  BOOST_TEST(attempts.timeout(rules, -7, 4) == 500);
}

BOOST_AUTO_TEST_CASE(a_pause_grows_up_to_the_longest_one) {
  const BeatRules rules = three_attempts();
  Attempts attempts;

  for (const int pause : {20, 40, 70, 70}) {
    attempts.failed();
    BOOST_TEST(attempts.longest_pause(rules, 30'000, 1) == pause);
    BOOST_TEST(attempts.longest_pause(rules, 0, 1) == pause);  // no validity left to share
  }
}

BOOST_AUTO_TEST_CASE(a_pause_takes_half_of_a_share_and_nothing_of_the_floor) {
  const BeatRules rules = three_attempts();
  Attempts attempts;
  attempts.sent();
  attempts.failed();

  BOOST_TEST(attempts.longest_pause(rules, 60, 1) == 15);  // two are owed
  BOOST_TEST(attempts.longest_pause(rules, 30, 1) == 7);
  BOOST_TEST(attempts.longest_pause(rules, 24, 1) == 2);  // twice the floor and a tick must fit
  BOOST_TEST(attempts.longest_pause(rules, 20, 1) == 0);
}

// Two sends are never closer together than a tick, whatever the floor is.
BOOST_AUTO_TEST_CASE(of_a_floor_below_a_tick_an_attempt_takes_two_ticks) {
  BeatRules rules = three_attempts();
  rules.floor = 1;
  Attempts attempts;
  BOOST_TEST(Attempts::room(rules, 5) == 3 * 10 + 5);

  attempts.sent();
  attempts.failed();

  BOOST_TEST(attempts.longest_pause(rules, 26, 5) == 6, "half of a share");
  BOOST_TEST(attempts.longest_pause(rules, 22, 5) == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
