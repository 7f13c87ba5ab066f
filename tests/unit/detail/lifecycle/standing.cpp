// SPDX-License-Identifier: BSL-1.0
// What everybody may read of a heartbeat, while the machine moves it.
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include "lifecycle_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(standing)

using namespace heartbeat;
using namespace heartbeat::detail;

static_assert(!std::is_default_constructible_v<Standing>, "only the machine has one");
static_assert(sizeof(Lifecycle) == sizeof(Standing), "the machine adds no state");

BOOST_AUTO_TEST_CASE(before_its_start_it_has_ended) {
  const Lifecycle life;
  const Standing& standing = life;

  BOOST_TEST(standing.is_ended());
  BOOST_TEST((standing.state() == State::ended));
  BOOST_TEST(!standing.valid_until().has_value());
}

BOOST_AUTO_TEST_CASE(it_follows_the_machine_through_a_failure_and_back) {
  Subject subject;
  const Standing& standing = subject.life;
  subject.bring_to(State::in_flight);
  BOOST_TEST((standing.state() == State::in_flight));
  BOOST_TEST((standing.valid_until() == 29 * s));

  (void)subject.fail(1 * s);
  BOOST_TEST(standing.in_jeopardy());
  BOOST_TEST(standing.is_again());
  BOOST_TEST(standing.failures() == 1);

  subject.send(standing.next_send());
  (void)subject.acknowledge(2 * s);
  BOOST_TEST(!standing.in_jeopardy());
  BOOST_TEST(!standing.is_again());
  BOOST_TEST(standing.failures() == 0);
}

BOOST_AUTO_TEST_CASE(in_grace_it_is_lapsed_and_every_send_is_one_again) {
  Subject subject;
  const Standing& standing = subject.life;
  subject.bring_to(State::waiting);

  (void)subject.due_after_gap(40 * s);

  BOOST_TEST(standing.in_grace());
  BOOST_TEST(standing.is_lapsed());
  BOOST_TEST(standing.is_again());
}

BOOST_AUTO_TEST_CASE(an_end_leaves_its_reason_and_its_time) {
  Subject subject;
  const Standing& standing = subject.life;
  subject.bring_to(State::waiting);

  subject.life.end(EndReason::gone, 3 * s);

  BOOST_TEST(standing.is_ended());
  BOOST_TEST((standing.reason() == EndReason::gone));
  BOOST_TEST(standing.ended_at() == 3 * s);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
