// SPDX-License-Identifier: BSL-1.0
// What the state machine answers, as a value that compares and prints itself, so that a failed test can be read.
#include <set>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/lifecycle/action.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(action)

using namespace heartbeat;
using namespace heartbeat::detail;

std::string printed(const Action& action) {
  std::ostringstream out;
  out << action;
  return out.str();
}

BOOST_AUTO_TEST_CASE(each_kind_of_event_has_a_bit_of_its_own) {
  std::set<EventMask> bits;
  for (unsigned kind = 0; kind <= static_cast<unsigned>(EventKind::ended); ++kind)
    bits.insert(mask_of(static_cast<EventKind>(kind)));

  BOOST_TEST(bits.size() == 10u);
  BOOST_TEST(!bits.contains(0));
}

BOOST_AUTO_TEST_CASE(a_new_action_asks_for_nothing) {
  BOOST_TEST(Action{} == Action{});
  BOOST_TEST(printed(Action{}).empty());
}

BOOST_AUTO_TEST_CASE(an_ending_says_why_and_what_is_told) {
  const Action action = Action::ending(EndReason::gone, mask_of(EventKind::missed));

  BOOST_TEST(action.end);
  BOOST_CHECK(action.reason == EndReason::gone);
  BOOST_TEST(action.told == mask_of(EventKind::missed));
  BOOST_TEST(!action.make_ready);
}

BOOST_AUTO_TEST_CASE(two_actions_differ_by_any_field) {
  const auto differs = [](auto change) {
    Action action;
    change(action);
    return !(action == Action{});
  };

  BOOST_TEST(differs([](Action& a) { a.abandon_beat = true; }));
  BOOST_TEST(differs([](Action& a) { a.make_ready = true; }));
  BOOST_TEST(differs([](Action& a) { a.end = true; }));
  BOOST_TEST(differs([](Action& a) { a.reason = EndReason::gone; }));
  BOOST_TEST(differs([](Action& a) { a.told = 1; }));
  BOOST_TEST(differs([](Action& a) { a.skipped = 1; }));
  BOOST_TEST(differs([](Action& a) { a.withheld = 1; }));
}

BOOST_AUTO_TEST_CASE(an_action_prints_everything_it_asks_for) {
  Action action = Action::ending(EndReason::stalled);
  action.abandon_beat = action.make_ready = true;
  action.told =
      static_cast<EventMask>(mask_of(EventKind::missed) | mask_of(EventKind::jeopardy) | mask_of(EventKind::ended));
  action.skipped = 2;
  action.withheld = 3;

  BOOST_TEST(printed(action) ==
             "abandon_beat make_ready end:stalled tell:missed tell:jeopardy tell:ended skipped:2 withheld:3 ");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
