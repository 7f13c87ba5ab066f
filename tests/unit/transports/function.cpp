// SPDX-License-Identifier: BSL-1.0
// Any callable is a transport: each form it may have, what it is used as, and that nothing else passes for one.
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/transport.hpp>
#include <heartbeat/transports/function.hpp>

BOOST_AUTO_TEST_SUITE(function)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::FunctionTransport;

const BeatContext any_context{1s};

}  // namespace

BOOST_AUTO_TEST_CASE(true_means_acknowledged_and_false_means_gone) {
  FunctionTransport transport{[](const std::string& key) { return key == "known"; }};
  static_assert(heartbeat::beat_form<decltype(transport), std::string> == heartbeat::BeatForm::blocking);

  const BeatResult known = transport.beat(std::string{"known"}, any_context);
  const BeatResult unknown = transport.beat(std::string{"unknown"}, any_context);

  BOOST_CHECK(known.kind() == BeatResult::Kind::acknowledged);
  BOOST_CHECK(unknown.kind() == BeatResult::Kind::gone);
}

BOOST_AUTO_TEST_CASE(a_yes_or_no_callable_may_ask_for_the_context) {
  FunctionTransport transport{[](int, const BeatContext& context) { return context.timeout() == 1s; }};

  BOOST_CHECK(transport.beat(7, any_context).kind() == BeatResult::Kind::acknowledged);
  BOOST_CHECK(transport.beat(7, BeatContext{2s}).kind() == BeatResult::Kind::gone);
}

BOOST_AUTO_TEST_CASE(a_result_is_passed_on_as_it_is) {
  FunctionTransport transport{[](int key) {
    return BeatResult::failed(make_error_code(std::errc::timed_out), "key " + std::to_string(key), false);
  }};

  const BeatResult result = transport.beat(7, any_context);

  BOOST_CHECK(result.error() == std::errc::timed_out);
  BOOST_TEST(result.text() == "key 7");
  BOOST_TEST(!result.retry());
}

BOOST_AUTO_TEST_CASE(the_context_reaches_a_blocking_callable) {
  std::stop_source source;
  std::optional<bool> was_stopped;
  FunctionTransport transport{[&](int, const BeatContext& context) {
    was_stopped = context.stop_token().stop_requested();
    return BeatResult::acknowledged(context.timeout());
  }};
  source.request_stop();

  const BeatResult result = transport.beat(7, BeatContext{3s, source.get_token()});

  BOOST_TEST(was_stopped.value());
  BOOST_CHECK(result.ttl() == heartbeat::Duration{3s});
}

BOOST_AUTO_TEST_CASE(a_throw_passes_through_for_the_engine_to_count) {
  FunctionTransport transport{[](int) -> bool { throw std::runtime_error{"no route"}; }};

  BOOST_CHECK_THROW((void)transport.beat(7, any_context), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_callable_that_takes_a_completion_answers_later) {
  std::vector<BeatCompletion> kept;
  FunctionTransport transport{
      [&](int, const BeatContext&, BeatCompletion completion) { kept.push_back(std::move(completion)); }};
  static_assert(heartbeat::beat_form<decltype(transport), int> == heartbeat::BeatForm::async);
  static_assert(!heartbeat::BlockingTransport<decltype(transport), int>);
  std::optional<BeatResult> answer;

  transport.async_beat(7, any_context, BeatCompletion::calling([&](BeatResult result) { answer = std::move(result); }));
  const bool answered_inside = answer.has_value();
  kept.at(0)(BeatResult::gone());

  BOOST_TEST(!answered_inside);
  BOOST_CHECK(answer.value().kind() == BeatResult::Kind::gone);
}

BOOST_AUTO_TEST_CASE(a_completion_dropped_by_the_callable_is_a_failed_beat) {
  FunctionTransport transport{[](int, const BeatContext&, BeatCompletion) {}};
  std::optional<BeatResult> answer;

  transport.async_beat(7, any_context, BeatCompletion::calling([&](BeatResult result) { answer = std::move(result); }));

  BOOST_CHECK(answer.value().error() == heartbeat::errc::beat_dropped);
}

BOOST_AUTO_TEST_CASE(without_a_second_callable_there_is_no_close) {
  FunctionTransport transport{[](int) { return true; }};

  static_assert(!heartbeat::BlockingClosingTransport<decltype(transport), int>);
  static_assert(!heartbeat::AsyncClosingTransport<decltype(transport), int>);
  BOOST_CHECK(transport.beat(7, any_context).kind() == BeatResult::Kind::acknowledged);
}

BOOST_AUTO_TEST_CASE(a_second_callable_closes_and_waits) {
  std::vector<int> closed;
  FunctionTransport transport{[](int) { return true; },
                              [&](int key) {
                                closed.push_back(key);
                                return make_error_code(std::errc::connection_reset);
                              }};
  static_assert(heartbeat::BlockingClosingTransport<decltype(transport), int>);

  const std::error_code error = transport.close(7, any_context);

  BOOST_CHECK(error == std::errc::connection_reset);
  BOOST_TEST(closed == std::vector<int>{7}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_second_callable_that_takes_a_completion_closes_later) {
  FunctionTransport transport{[](int) { return true; },
                              [](int, const BeatContext&, CloseCompletion completion) { completion({}); }};
  static_assert(heartbeat::AsyncClosingTransport<decltype(transport), int>);
  std::optional<std::error_code> answer;

  transport.async_close(7, any_context, CloseCompletion::calling([&](std::error_code error) { answer = error; }));

  BOOST_CHECK(!answer.value());
}

BOOST_AUTO_TEST_CASE(what_answers_neither_yes_nor_a_result_is_no_transport) {
  const auto number = [](int key) { return key; };
  const auto nothing = [](int) {};
  const auto wrong_key = [](const std::string&) { return true; };

  static_assert(!heartbeat::Transport<FunctionTransport<decltype(number)>, int>);
  static_assert(!heartbeat::Transport<FunctionTransport<decltype(nothing)>, int>);
  static_assert(!heartbeat::Transport<FunctionTransport<decltype(wrong_key)>, int>);
  BOOST_TEST(number(7) == 7);
  nothing(7);
  BOOST_TEST(wrong_key("7"));
}

BOOST_AUTO_TEST_CASE(a_callable_that_can_only_be_moved_will_do) {
  auto answer = std::make_unique<bool>(true);
  FunctionTransport transport{[answer = std::move(answer)](int) { return *answer; }};

  FunctionTransport moved{std::move(transport)};

  BOOST_CHECK(moved.beat(7, any_context).kind() == BeatResult::Kind::acknowledged);
}

BOOST_AUTO_TEST_SUITE_END()
