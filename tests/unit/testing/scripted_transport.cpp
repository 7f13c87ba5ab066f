// SPDX-License-Identifier: BSL-1.0
// The scripted transport: each word of its script, the record of what happened, and what it finds wrong.
// Read next: ../../../include/heartbeat/testing/scripted_reply.hpp.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace {

using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::Duration;
using heartbeat::errc;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ScriptedTransport;
using Kind = BeatResult::Kind;
using namespace std::chrono_literals;

constexpr ManualClock::time_point epoch{};

// Counts every answer, the second one of a call too, which a completion alone would swallow.
class Receiver final : public heartbeat::detail::AnswerReceiver {
 public:
  BeatCompletion completion() { return BeatCompletion{heartbeat::detail::AnswerTicket{*this, slot_, 0}}; }

  void on_answer(heartbeat::detail::AnswerSlot&, std::uint64_t, BeatResult&& answer) noexcept override {
    result = std::move(answer);
  }
  std::stop_token stop_token_of(heartbeat::detail::AnswerSlot&, std::uint64_t) override { return {}; }
  void on_second_answer() noexcept override { ++second_answers; }
  void release() noexcept override { ++released; }

  std::optional<BeatResult> result;
  int second_answers = 0;
  int released = 0;

 private:
  heartbeat::detail::AnswerSlot slot_;
};

// An answer that comes now, later or never.
template <class T>
using Answer = std::shared_ptr<std::optional<T>>;

struct Fixture {
  Answer<BeatResult> beat(int key, std::stop_token token = {}) {
    auto answer = std::make_shared<std::optional<BeatResult>>();
    transport.async_beat(key, BeatContext{5s, std::move(token)},
                         BeatCompletion::calling([answer](BeatResult result) { *answer = std::move(result); }));
    return answer;
  }

  Answer<std::error_code> close(int key) {
    auto answer = std::make_shared<std::optional<std::error_code>>();
    transport.async_close(key, BeatContext{5s},
                          CloseCompletion::calling([answer](std::error_code error) { *answer = error; }));
    return answer;
  }

  static bool is(const Answer<BeatResult>& answer, Kind kind) { return *answer && (*answer)->kind() == kind; }

  ManualClock clock;
  ManualExecutor executor{clock, 1};
  ScriptedTransport<int> transport{executor};
};

BOOST_FIXTURE_TEST_SUITE(scripted_transport, Fixture)

BOOST_AUTO_TEST_CASE(without_a_script_everything_is_acknowledged_at_once) {
  BOOST_TEST(is(beat(7), Kind::acknowledged));
  BOOST_TEST((*close(7) == std::error_code{}));
}

BOOST_AUTO_TEST_CASE(replies_are_given_in_the_order_in_which_they_were_written) {
  transport.on(7).gone();
  transport.on(7).acknowledge(30s);
  transport.on(8).fail(std::make_error_code(std::errc::timed_out), "too slow").then().fail_for_good();

  BOOST_TEST(is(beat(7), Kind::gone));
  BOOST_TEST(((*beat(7))->ttl() == Duration{30s}));
  BOOST_TEST(is(beat(7), Kind::acknowledged));
  const auto failed = beat(8);
  BOOST_REQUIRE(is(failed, Kind::failed));
  BOOST_TEST(((*failed)->error() == std::errc::timed_out));
  BOOST_TEST((*failed)->text() == "too slow");
  BOOST_TEST((*failed)->retry());
  BOOST_TEST(!(*beat(8))->retry());
}

BOOST_AUTO_TEST_CASE(a_queued_reply_goes_before_the_standing_one_and_that_before_the_default_one) {
  transport.otherwise().gone();
  transport.on(7).fail().always();
  transport.on(7).acknowledge().times(2);

  BOOST_TEST(is(beat(7), Kind::acknowledged));
  BOOST_TEST(is(beat(7), Kind::acknowledged));
  BOOST_TEST(is(beat(7), Kind::failed));
  BOOST_TEST(is(beat(7), Kind::failed));
  BOOST_TEST(is(beat(8), Kind::gone));
}

BOOST_AUTO_TEST_CASE(an_answer_comes_after_its_delay_in_virtual_time) {
  transport.on(7).acknowledge().after(2ms);

  const auto answer = beat(7);

  executor.run_for(2ms - 1ns);
  BOOST_TEST(!answer->has_value());
  executor.run_for(1ns);
  BOOST_TEST(is(answer, Kind::acknowledged));
}

BOOST_AUTO_TEST_CASE(an_answer_after_no_delay_comes_soon_but_not_inside_the_call) {
  transport.on(7).gone().after(0s);

  const auto answer = beat(7);

  BOOST_TEST(!answer->has_value());
  executor.run_ready();
  BOOST_TEST(is(answer, Kind::gone));
}

BOOST_AUTO_TEST_CASE(without_an_executor_a_delay_is_refused_and_nothing_is_written) {
  transport = ScriptedTransport<int>{};

  BOOST_CHECK_THROW(transport.on(7).gone().after(1ms), std::logic_error);

  BOOST_TEST(is(beat(7), Kind::acknowledged));
}

BOOST_AUTO_TEST_CASE(a_dropped_completion_answers_by_itself) {
  transport.on(7).drop().then().drop().after(1s);

  const auto at_once = beat(7);
  const auto later = beat(7);

  BOOST_REQUIRE(is(at_once, Kind::failed));
  BOOST_TEST(((*at_once)->error() == errc::beat_dropped));
  BOOST_TEST(!later->has_value());
  executor.run_for(1s);
  BOOST_TEST(is(later, Kind::failed));
}

BOOST_AUTO_TEST_CASE(never_is_never_while_the_transport_lives) {
  transport.on(7).never();

  const auto answer = beat(7);
  executor.run_for(24h);

  BOOST_TEST(!answer->has_value());
  BOOST_TEST(transport.unanswered(7) == 0U);
}

BOOST_AUTO_TEST_CASE(the_script_may_throw_instead_of_answering_or_after_it) {
  transport.on(7).throws("out of order").then().gone().and_throws();
  Receiver receiver;

  BOOST_CHECK_EXCEPTION(beat(7), std::runtime_error,
                        [](const std::exception& thrown) { return thrown.what() == std::string{"out of order"}; });
  BOOST_CHECK_THROW(transport.async_beat(7, BeatContext{5s}, receiver.completion()), std::runtime_error);

  BOOST_REQUIRE(receiver.result.has_value());
  BOOST_TEST((receiver.result->kind() == Kind::gone));
}

BOOST_AUTO_TEST_CASE(the_script_may_answer_twice) {
  transport.on(7).acknowledge().twice();
  Receiver receiver;

  transport.async_beat(7, BeatContext{5s}, receiver.completion());

  BOOST_TEST(receiver.result.has_value());
  BOOST_TEST(receiver.second_answers == 1);
  BOOST_TEST(receiver.released == 1);
}

BOOST_AUTO_TEST_CASE(held_beats_are_answered_by_hand_oldest_first) {
  transport.on(7).held().always();
  const auto first = beat(7);
  const auto second = beat(7);
  const auto third = beat(7);
  BOOST_TEST(transport.unanswered(7) == 3U);

  transport.answer(7, BeatResult::gone());
  transport.drop(7);

  BOOST_TEST(is(first, Kind::gone));
  BOOST_TEST(is(second, Kind::failed));
  BOOST_TEST(!third->has_value());
  BOOST_TEST(transport.unanswered(7) == 1U);
  BOOST_CHECK_THROW(transport.answer(8, BeatResult::gone()), std::logic_error);
}

BOOST_AUTO_TEST_CASE(close_calls_have_a_script_of_their_own) {
  transport.on_close(7).fail(std::make_error_code(std::errc::timed_out)).then().gone().then().held();
  transport.otherwise_on_close().never();

  BOOST_TEST((*close(7) == std::make_error_code(std::errc::timed_out)));
  BOOST_TEST((*close(7) == std::error_code{}));
  const auto held = close(7);
  BOOST_TEST(transport.unanswered_closes(7) == 1U);
  transport.answer_close(7);
  BOOST_TEST((*held == std::error_code{}));
  BOOST_TEST(!close(7)->has_value());
  BOOST_TEST(transport.closes_of(7).size() == 4U);
  BOOST_TEST(transport.closes().size() == 4U);
  BOOST_TEST(transport.beats().empty());
}

BOOST_AUTO_TEST_CASE(a_hook_is_called_inside_the_call_and_may_use_the_transport) {
  int seen = 0;
  int calls = 0;
  transport.on(7).calling([&](const int& key) {
    seen = key;
    BOOST_TEST(transport.beats_of(7).size() == 1U);
    beat(8);
  });
  transport.on(8).calling([&] { ++calls; }).gone();

  beat(7);

  BOOST_TEST(seen == 7);
  BOOST_TEST(calls == 1);
  BOOST_TEST(transport.beats_of(8).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_hook_may_destroy_the_transport) {
  auto handle = std::make_optional(std::exchange(transport, ScriptedTransport<int>{}));
  handle->on(7).calling([&] { handle.reset(); });
  Receiver receiver;

  handle->async_beat(7, BeatContext{5s}, receiver.completion());

  BOOST_TEST((receiver.result && receiver.result->kind() == Kind::acknowledged));
}

BOOST_AUTO_TEST_CASE(beats_are_recorded_with_key_time_and_timeout) {
  transport.on(8).never();
  beat(7);
  executor.run_for(5s);
  beat(8);

  using Call = ScriptedTransport<int>::Call;
  const std::vector<Call> expected{{7, epoch, 5s, true, false}, {8, epoch + 5s, 5s, false, false}};
  BOOST_TEST((transport.beats() == expected));
  BOOST_TEST((transport.beats_of(8) == std::vector<Call>{expected[1]}));
}

BOOST_AUTO_TEST_CASE(cancellation_is_recorded_if_it_is_watched) {
  std::stop_source unwatched, watched, requested;
  requested.request_stop();
  transport.otherwise().never();
  beat(6, unwatched.get_token());
  transport.watch_cancellation();
  beat(7, watched.get_token());
  beat(8, requested.get_token());
  executor.run_for(1s);

  unwatched.request_stop();
  watched.request_stop();

  BOOST_TEST(!transport.beats_of(6).at(0).cancelled);
  BOOST_TEST(transport.beats_of(7).at(0).cancelled);
  BOOST_TEST(transport.beats_of(8).at(0).cancelled);
  BOOST_TEST(transport.transcript().find("1 s          beat of 7 sent at 0 s: cancelled\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_transcript_reads_as_a_log) {
  transport.on(7).acknowledge(30s).after(2ms).then().drop();
  beat(7);
  executor.run_for(5s);
  beat(7);
  close(7);

  BOOST_TEST(transport.transcript() ==
             "    0 s          beat of 7 (timeout 5 s)\n"
             "    2 ms         beat of 7 sent at 0 s: acknowledged, ttl 30 s\n"
             "    5 s          beat of 7 (timeout 5 s)\n"
             "    5 s          beat of 7 sent at 5 s: dropped\n"
             "    5 s          close of 7 (timeout 5 s)\n"
             "    5 s          close of 7 sent at 5 s: acknowledged\n");
}

BOOST_AUTO_TEST_CASE(a_script_that_was_followed_verifies) {
  transport.expect(7).at(0s).acknowledge().after(2ms);
  transport.expect(7).at(epoch + 5s).gone();
  transport.expect_close(7);
  transport.on(8).acknowledge().always();
  beat(7);
  executor.run_for(5s);
  beat(7);
  beat(8);
  close(7);

  BOOST_TEST(transport.verify() == "");
}

BOOST_AUTO_TEST_CASE(what_the_script_did_not_foresee_is_marked) {
  transport.expect(7).at(5s).gone();
  transport.expect(7).at(10s);
  transport.on(9).gone();
  executor.run_for(6s);
  beat(7);
  beat(8);

  BOOST_TEST(transport.verify() ==
             ">>> 6 s          beat of 7 (timeout 5 s), expected at 5 s\n"
             "    6 s          beat of 7 sent at 6 s: gone\n"
             ">>> 6 s          beat of 8 (timeout 5 s), not expected\n"
             "    6 s          beat of 8 sent at 6 s: acknowledged\n"
             ">>> so far       beat of 7 expected at 10 s, never sent\n");
}

BOOST_AUTO_TEST_CASE(a_close_call_is_unexpected_only_where_closes_are_expected) {
  transport.expect(7);
  beat(7);
  close(7);
  BOOST_TEST(transport.verify() == "");

  transport.expect_close(8);
  close(7);

  BOOST_TEST(transport.verify().find(">>> 0 s          close of 7 (timeout 5 s), not expected\n") != std::string::npos);
  BOOST_TEST(transport.verify().find(">>> so far       close of 8 expected, never sent\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(delayed_answers_do_not_keep_the_transport_alive) {
  const auto held = std::make_shared<int>();
  transport.on(7).acknowledge().after(1h);
  transport.on(8).calling([held] {}).always();
  const auto answer = beat(7);

  transport = ScriptedTransport<int>{};

  BOOST_TEST(held.use_count() == 1);
  executor.run_for(1h);
  BOOST_REQUIRE(is(answer, Kind::failed));
  BOOST_TEST(((*answer)->error() == errc::beat_dropped));
}

BOOST_AUTO_TEST_CASE(threads_may_beat_at_the_same_time) {
  constexpr int count = 500;
  transport = ScriptedTransport<int>{};
  transport.watch_cancellation();
  std::vector<std::thread> threads;

  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::stop_source source;
      for (int i = 0; i < count; ++i) {
        transport.on(t).held();
        beat(t, source.get_token());
        transport.answer(t, BeatResult::gone());
      }
      source.request_stop();
    });
  }
  for (auto& thread : threads)
    thread.join();

  BOOST_TEST(transport.beats().size() == 4U * count);
  for (const auto& call : transport.beats())
    BOOST_TEST((call.answered && call.cancelled));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
