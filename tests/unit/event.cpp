// SPDX-License-Identifier: BSL-1.0
// What the owner is told: each kind in words, and `ended` as the last of them, in which order those that wait are told.
#include <set>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <heartbeat/event.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(event)

using heartbeat::EventKind;

BOOST_AUTO_TEST_CASE(each_kind_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (unsigned kind = 0; kind <= static_cast<unsigned>(EventKind::ended); ++kind)
    words.insert(to_string(static_cast<EventKind>(kind)));

  BOOST_TEST(words.size() == 10u);
  BOOST_TEST(!words.contains("unknown"));
  BOOST_TEST(to_string(static_cast<EventKind>(10)) == "unknown");
}

BOOST_AUTO_TEST_CASE(kinds_that_wait_together_are_told_in_an_order_that_makes_sense) {
  static_assert(EventKind::started < EventKind::missed);
  static_assert(EventKind::missed < EventKind::time_gap);
  static_assert(EventKind::time_gap < EventKind::jeopardy);
  static_assert(EventKind::jeopardy < EventKind::lapsed);
  static_assert(EventKind::lapsed < EventKind::acknowledged);
  static_assert(EventKind::acknowledged < EventKind::recovered);
  static_assert(EventKind::recovered < EventKind::ended);
}

BOOST_AUTO_TEST_CASE(an_event_refers_to_the_key_and_the_text) {
  const std::string_view key = "session";
  const heartbeat::Event<std::string_view> event{.key = key,
                                                 .generation = 1,
                                                 .kind = EventKind::missed,
                                                 .at = {},
                                                 .reason = heartbeat::EndReason::stopped,
                                                 .error = {},
                                                 .text = "no route",
                                                 .failures = 1};

  BOOST_TEST(&event.key == &key);
  BOOST_TEST(event.text == "no route");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
