// SPDX-License-Identifier: BSL-1.0
// Why heartbeats end: each reason in words, and which of them are failures.
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/end.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(end)

using heartbeat::EndReason;

constexpr EndReason all[] = {EndReason::stopped, EndReason::parent_cancelled, EndReason::gone,
                             EndReason::failed,  EndReason::stalled,          EndReason::shut_down};

BOOST_AUTO_TEST_CASE(each_reason_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (const EndReason reason : all)
    words.insert(to_string(reason));

  BOOST_TEST(words.size() == std::size(all));
  BOOST_TEST(!words.contains("unknown"));
  BOOST_TEST(to_string(EndReason::parent_cancelled) == "parent_cancelled");
  BOOST_TEST(to_string(static_cast<EndReason>(99)) == "unknown");
}

BOOST_AUTO_TEST_CASE(what_somebody_asked_for_is_no_failure) {
  static_assert(!is_failure(EndReason::stopped));
  static_assert(!is_failure(EndReason::parent_cancelled));
  static_assert(!is_failure(EndReason::shut_down));
}

BOOST_AUTO_TEST_CASE(what_nobody_asked_for_is_one) {
  static_assert(is_failure(EndReason::gone));
  static_assert(is_failure(EndReason::failed));
  static_assert(is_failure(EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(a_failure_is_a_plain_value) {
  const heartbeat::Failure<std::string> failure{
      .key = "a", .generation = 2, .reason = EndReason::failed, .error = {}, .text = "bad password"};
  const auto copy = failure;

  BOOST_TEST(copy.key == "a");
  BOOST_TEST(copy.text == "bad password");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
