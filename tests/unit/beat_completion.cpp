// SPDX-License-Identifier: BSL-1.0
// How a transport answers, once: given, dropped, given twice, moved, thrown through; for beats and for closes.
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>

#include "recording_receiver.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(beat_completion)

using heartbeat::BeatCompletion;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::errc;
using heartbeat::detail::RecordingReceiver;

BOOST_AUTO_TEST_CASE(an_answer_given_is_the_answer_received) {
  RecordingReceiver receiver;
  {
    BeatCompletion completion{receiver.ticket()};
    completion(BeatResult::failed({}, "busy"));
  }

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_TEST(receiver.answers[0].result.text() == "busy");
  BOOST_TEST(receiver.releases == 1);
}

BOOST_AUTO_TEST_CASE(a_completion_dropped_unanswered_reports_a_failed_beat) {
  RecordingReceiver receiver;
  { const BeatCompletion completion{receiver.ticket()}; }

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::failed);
  BOOST_CHECK(receiver.answers[0].result.error() == errc::beat_dropped);
  BOOST_TEST(receiver.answers[0].result.retry());
}

BOOST_AUTO_TEST_CASE(a_completion_thrown_past_says_that_the_transport_threw) {
  RecordingReceiver receiver;
  try {
    const BeatCompletion completion{receiver.ticket()};
    throw std::runtime_error{"no route"};
  } catch (const std::runtime_error&) {
  }

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.error() == errc::transport_threw);
}

BOOST_AUTO_TEST_CASE(a_throw_after_the_answer_changes_nothing) {
  RecordingReceiver receiver;
  try {
    BeatCompletion completion{receiver.ticket()};
    completion(BeatResult::acknowledged());
    throw std::runtime_error{"too late"};
  } catch (const std::runtime_error&) {
  }

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::acknowledged);
  BOOST_TEST(receiver.second_answers == 0);
}

BOOST_AUTO_TEST_CASE(the_first_answer_wins_and_the_second_is_counted) {
  RecordingReceiver receiver;
  BeatCompletion completion{receiver.ticket()};

  completion(BeatResult::acknowledged());
  completion(BeatResult::gone());

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::acknowledged);
  BOOST_TEST(receiver.second_answers == 1);
}

BOOST_AUTO_TEST_CASE(a_completion_that_was_moved_from_owes_no_answer) {
  RecordingReceiver receiver;
  std::optional<BeatCompletion> kept;
  {
    BeatCompletion completion{receiver.ticket()};
    kept.emplace(std::move(completion));
    BOOST_TEST(!completion.is_open());
    completion(BeatResult::gone());
  }
  BOOST_TEST(receiver.answers.empty());
  BOOST_TEST(kept->is_open());

  (*kept)(BeatResult::acknowledged());

  BOOST_TEST(receiver.answers.size() == 1u);
  BOOST_TEST(receiver.second_answers == 0);
  BOOST_TEST(!kept->is_open());
}

BOOST_AUTO_TEST_CASE(a_completion_for_tests_calls_a_function) {
  std::vector<BeatResult> results;
  {
    BeatCompletion completion =
        BeatCompletion::calling([&](BeatResult result) { results.push_back(std::move(result)); });
    completion(BeatResult::acknowledged());
    completion(BeatResult::gone());
  }

  BOOST_REQUIRE_EQUAL(results.size(), 1u);
  BOOST_CHECK(results[0].kind() == BeatResult::Kind::acknowledged);
}

BOOST_AUTO_TEST_CASE(a_completion_for_tests_tells_its_function_when_it_is_dropped) {
  std::optional<std::error_code> error;
  {
    const auto completion = BeatCompletion::calling([&](const BeatResult& result) { error = result.error(); });
  }

  BOOST_REQUIRE(error.has_value());
  BOOST_CHECK(*error == errc::beat_dropped);
}

BOOST_AUTO_TEST_CASE(a_completion_for_tests_frees_its_function_with_the_last_owner) {
  const auto counted = std::make_shared<int>();
  {
    auto completion = BeatCompletion::calling([counted](const BeatResult&) {});
    const BeatCompletion moved{std::move(completion)};
    BOOST_TEST(counted.use_count() == 2);
  }

  BOOST_TEST(counted.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_close_without_an_error_is_a_session_closed) {
  RecordingReceiver receiver;
  {
    CloseCompletion completion{receiver.ticket()};
    completion({});
  }

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::acknowledged);
}

BOOST_AUTO_TEST_CASE(a_close_with_an_error_has_failed) {
  RecordingReceiver receiver;
  CloseCompletion completion{receiver.ticket()};

  completion(std::make_error_code(std::errc::connection_refused));

  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::failed);
  BOOST_CHECK(receiver.answers[0].result.error() == std::errc::connection_refused);
}

BOOST_AUTO_TEST_CASE(a_close_dropped_unanswered_has_failed) {
  std::optional<std::error_code> error;
  {
    const auto completion = CloseCompletion::calling([&](std::error_code given) { error = given; });
  }

  BOOST_REQUIRE(error.has_value());
  BOOST_CHECK(*error == errc::beat_dropped);
}

BOOST_AUTO_TEST_CASE(a_close_for_tests_hears_of_success_too) {
  std::optional<std::error_code> error;
  CloseCompletion completion = CloseCompletion::calling([&](std::error_code given) { error = given; });
  CloseCompletion moved{std::move(completion)};

  moved({});

  BOOST_REQUIRE(error.has_value());
  BOOST_TEST(!*error);
}

BOOST_AUTO_TEST_CASE(completions_move_and_are_never_copied) {
  static_assert(std::is_nothrow_move_constructible_v<BeatCompletion>);
  static_assert(!std::is_copy_constructible_v<BeatCompletion>);
  static_assert(!std::is_move_assignable_v<BeatCompletion>);
  static_assert(!std::is_copy_constructible_v<CloseCompletion>);
  static_assert(sizeof(BeatCompletion) <= 3 * sizeof(void*), "it allocates nothing, so it must be small");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
