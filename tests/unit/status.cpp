// SPDX-License-Identifier: BSL-1.0
// How a heartbeat stands, as a value. What a registry fills in is tested in registry.cpp.
#include <set>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <heartbeat/status.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(status)

using heartbeat::HeartbeatState;

BOOST_AUTO_TEST_CASE(each_state_has_a_word_of_its_own) {
  BOOST_TEST(to_string(HeartbeatState::held) == "held");
  BOOST_TEST(to_string(HeartbeatState::waiting) == "waiting");
  BOOST_TEST(to_string(HeartbeatState::ready) == "ready");
  BOOST_TEST(to_string(HeartbeatState::in_flight) == "in_flight");
  BOOST_TEST(to_string(static_cast<HeartbeatState>(99)) == "unknown");
}

BOOST_AUTO_TEST_CASE(a_status_keeps_a_key_of_its_own) {
  std::string key = "a";
  const heartbeat::HeartbeatStatus<std::string> status{key, 1, HeartbeatState::waiting, std::nullopt, false, 0};

  key = "b";

  BOOST_TEST(status.key == "a");
  BOOST_TEST(!status.valid_until.has_value());
  BOOST_TEST(!status.error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
