// SPDX-License-Identifier: BSL-1.0
// Error codes: each speaks for itself, and belongs to the group it is documented in. A code added without words, or
// forgotten in the lists here, is found by the walk over all numbers.
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/error.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(error)

using heartbeat::condition;
using heartbeat::errc;

// A category as another shared library would hold it: same name, another object.
class SameNameElsewhere final : public std::error_category {
 public:
  const char* name() const noexcept override { return "heartbeat"; }
  std::string message(int) const override { return "elsewhere"; }
};

bool is_known(int value) {
  return heartbeat::category().message(value) != heartbeat::category().message(0);
}

BOOST_AUTO_TEST_CASE(every_code_has_words_of_its_own) {
  std::set<std::string> messages;
  int codes = 0;

  for (int value = 1; value < 1000; ++value) {
    if (!is_known(value)) continue;
    ++codes;
    const std::string message = heartbeat::category().message(value);
    BOOST_TEST(message.size() > 10u);
    BOOST_TEST(messages.insert(message).second, message << " is said twice");
  }

  BOOST_TEST(codes == 7 + 33 + 9);
}

BOOST_AUTO_TEST_CASE(a_code_becomes_an_error_code_by_itself) {
  const std::error_code code = errc::shut_down;

  BOOST_TEST(code.value() == static_cast<int>(errc::shut_down));
  BOOST_CHECK(code.category() == heartbeat::category());
  BOOST_CHECK(code == errc::shut_down);
  BOOST_CHECK(code != errc::already_running);
  BOOST_TEST(std::string_view{code.category().name()} == "heartbeat");
}

BOOST_AUTO_TEST_CASE(no_code_means_no_error) {
  BOOST_TEST(!std::error_code{errc{}});
}

BOOST_AUTO_TEST_CASE(a_number_without_meaning_has_words_too) {
  BOOST_TEST(heartbeat::category().message(12'345) == "unknown heartbeat error");
}

BOOST_AUTO_TEST_CASE(each_code_is_in_the_group_of_its_hundred_and_in_no_other) {
  for (int value = 1; value < 100; ++value) {
    if (!is_known(value)) continue;
    const std::error_code code{value, heartbeat::category()};
    BOOST_TEST_CONTEXT(code.message()) {
      BOOST_TEST((code == condition::bad_options) == (value >= 20 && value < 60));
      BOOST_TEST((code == condition::beat_failed) == (value >= 60));
    }
  }
}

BOOST_AUTO_TEST_CASE(misuse_is_in_neither_group) {
  for (const errc code : {errc::already_running, errc::shut_down, errc::event_backlog, errc::group_cancelled,
                          errc::already_watched, errc::close_on_its_way, errc::made_before_fork}) {
    BOOST_CHECK(std::error_code{code} != condition::bad_options);
    BOOST_CHECK(std::error_code{code} != condition::beat_failed);
  }
}

BOOST_AUTO_TEST_CASE(a_strangers_code_is_in_no_group_even_with_the_same_number) {
  const std::error_code stranger{static_cast<int>(errc::interval_not_positive), std::generic_category()};

  BOOST_CHECK(stranger != condition::bad_options);
  BOOST_CHECK(stranger != errc::interval_not_positive);
}

BOOST_AUTO_TEST_CASE(a_second_category_object_of_the_same_name_means_the_same) {
  const SameNameElsewhere elsewhere;
  const std::error_code theirs{static_cast<int>(errc::ttl_not_above_interval), elsewhere};

  BOOST_CHECK(theirs == condition::bad_options);
  BOOST_TEST(heartbeat::category().equivalent(theirs, static_cast<int>(errc::ttl_not_above_interval)));
  BOOST_TEST(!heartbeat::category().equivalent(theirs, static_cast<int>(errc::shut_down)));
}

BOOST_AUTO_TEST_CASE(the_groups_have_words) {
  const std::error_condition options = condition::bad_options;
  const std::error_condition beat = condition::beat_failed;

  BOOST_TEST(options.message() == "an option breaks a rule");
  BOOST_TEST(beat.message() == "a beat failed");
  BOOST_TEST(std::string_view{options.category().name()} == "heartbeat.condition");
}

BOOST_AUTO_TEST_CASE(an_exception_says_what_the_code_says) {
  const std::system_error error{make_error_code(errc::floor_above_interval), "start"};

  BOOST_TEST(std::strstr(error.what(), "floor must not exceed interval") != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
