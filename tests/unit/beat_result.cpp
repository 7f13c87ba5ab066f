// SPDX-License-Identifier: BSL-1.0
// What a beat came to, as a value.
#include <chrono>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_result.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(beat_result)

using namespace std::chrono_literals;
using heartbeat::BeatResult;
using heartbeat::Duration;
using Kind = BeatResult::Kind;

BOOST_AUTO_TEST_CASE(an_acknowledgement_carries_nothing_else) {
  const BeatResult result = BeatResult::acknowledged();

  BOOST_CHECK(result.kind() == Kind::acknowledged);
  BOOST_TEST(!result.ttl().has_value());
  BOOST_TEST(!result.error());
  BOOST_TEST(result.text().empty());
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_may_tell_a_ttl) {
  BOOST_CHECK(BeatResult::acknowledged(30s).ttl() == Duration{30s});
}

BOOST_AUTO_TEST_CASE(a_ttl_that_makes_no_sense_is_kept_for_the_engine_to_judge) {
  BOOST_CHECK(BeatResult::acknowledged(0s).ttl() == Duration{0s});
  BOOST_CHECK(BeatResult::acknowledged(-1s).ttl() == Duration{-1s});
  BOOST_CHECK(BeatResult::acknowledged(std::chrono::hours::max()).ttl() == Duration{Duration::longest});
}

BOOST_AUTO_TEST_CASE(gone_is_no_failure) {
  const BeatResult result = BeatResult::gone();
  BOOST_TEST(BeatResult::gone("unknown").text() == "unknown");
  BOOST_TEST(result.text().empty());

  BOOST_CHECK(result.kind() == Kind::gone);
  BOOST_TEST(!result.error());
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_unless_it_says_otherwise) {
  const auto refused = std::make_error_code(std::errc::connection_refused);

  const BeatResult plain = BeatResult::failed(refused);
  const BeatResult final = BeatResult::failed(refused, "bad password", false);

  BOOST_CHECK(plain.kind() == Kind::failed);
  BOOST_CHECK(plain.error() == std::errc::connection_refused);
  BOOST_TEST(plain.retry());
  BOOST_TEST(plain.text().empty());
  BOOST_TEST(!final.retry());
  BOOST_TEST(final.text() == "bad password");
}

BOOST_AUTO_TEST_CASE(the_text_can_be_moved_out) {
  const std::string words(100, 'x');
  BeatResult result = BeatResult::failed({}, words);

  const std::string taken = std::move(result).text();

  BOOST_TEST(taken == words);
  BOOST_TEST(result.text().empty());
}

BOOST_AUTO_TEST_CASE(it_is_a_value_that_moves_without_throwing) {
  static_assert(std::is_copy_constructible_v<BeatResult>);
  static_assert(std::is_nothrow_move_constructible_v<BeatResult>);
  BeatResult original = BeatResult::failed(std::make_error_code(std::errc::timed_out), "slow");

  const BeatResult copy = original;
  const BeatResult moved = std::move(original);

  BOOST_TEST(copy.text() == "slow");
  BOOST_TEST(moved.text() == "slow");
  BOOST_CHECK(moved.error() == std::errc::timed_out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
