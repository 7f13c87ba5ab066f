// SPDX-License-Identifier: BSL-1.0
// The one word that a holder relies on: three things it can say, and who may read them.
#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/validity.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(validity)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(before_a_start_it_has_ended) {
  const Validity validity;

  BOOST_TEST(validity.is_ended());
  BOOST_TEST(!validity.until().has_value());
}

BOOST_AUTO_TEST_CASE(patience_has_a_limit_but_is_no_validity) {
  Validity validity;

  for (const Instant limit : {Instant{0}, Instant{7}}) {
    validity.expect(limit);

    BOOST_TEST(!validity.is_ended());
    BOOST_TEST(!validity.is_confirmed());
    BOOST_TEST(!validity.until().has_value());
    BOOST_TEST(validity.limit() == limit);
  }
}

BOOST_AUTO_TEST_CASE(what_was_confirmed_may_also_shrink) {
  Validity validity;
  validity.expect(5);

  for (const Instant limit : {Instant{29}, Instant{40}, Instant{12}, Instant{0}}) {
    validity.confirm(limit);

    BOOST_TEST(validity.is_confirmed());
    BOOST_TEST((validity.until() == limit));
    BOOST_TEST(validity.limit() == limit);
  }
}

BOOST_AUTO_TEST_CASE(after_the_end_nothing_is_valid) {
  Validity validity;
  validity.confirm(instant_never);

  validity.end();

  BOOST_TEST(validity.is_ended());
  BOOST_TEST(!validity.is_confirmed());
  BOOST_TEST(!validity.until().has_value());
}

BOOST_AUTO_TEST_CASE(it_is_over_in_the_tick_of_its_limit_and_not_before) {
  const TickScale scale{10};
  Validity validity;

  for (const bool confirmed : {false, true}) {
    confirmed ? validity.confirm(25) : validity.expect(25);

    BOOST_TEST(!validity.is_over(scale, 19));
    BOOST_TEST(validity.is_over(scale, 20));
    BOOST_TEST(validity.is_over(scale, 26));
  }
}

BOOST_AUTO_TEST_CASE(the_margin_leaves_half_of_a_short_ttl_and_never_more_than_of_the_one_asked_for) {
  BeatRules rules;
  rules.ttl = 30;
  rules.margin = 10;

  BOOST_TEST(Validity::lasting(rules, 30) == 20);
  BOOST_TEST(Validity::lasting(rules, 50) == 40);
  BOOST_TEST(Validity::lasting(rules, 12) == 6);
  rules.margin = 25;
  BOOST_TEST(Validity::lasting(rules, 20) == 5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
