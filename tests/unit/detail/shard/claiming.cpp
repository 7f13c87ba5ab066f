// SPDX-License-Identifier: BSL-1.0
// What a shard sends, and what it leaves waiting, when there are not credits or tokens enough for all that is ready.
#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "shard_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(claiming)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr Instant start_time = 10 * s;

BeatRules quick_timeout() {
  BeatRules rules = plain_rules();
  rules.beat_timeout = s;
  return rules;
}

BOOST_AUTO_TEST_CASE(no_more_calls_are_in_flight_than_there_are_credits) {
  ShardSubject subject{{.most_in_flight = 3}};
  for (int key = 0; key < 10; ++key)
    subject.start(key);

  const auto sent = subject.send(start_time);

  BOOST_TEST(sent.size() == 3u);
  BOOST_TEST(subject.statistics().in_flight == 3u);
  BOOST_TEST(subject.claim().empty());
  BOOST_TEST(!subject.core->limits().credits.waiting.empty());
}

BOOST_AUTO_TEST_CASE(each_answer_makes_room_for_one_more) {
  ShardSubject subject{{.most_in_flight = 2}};
  for (int key = 0; key < 5; ++key)
    subject.start(key);
  std::size_t in_all = 0;

  for (auto sent = subject.send(start_time); !sent.empty(); sent = subject.send(start_time)) {
    in_all += sent.size();
    BOOST_TEST(subject.statistics().in_flight <= 2u);
    for (AnswerTicket* ticket : sent)
      ticket->answer(BeatResult::acknowledged());
  }

  BOOST_TEST(in_all == 5u);
  BOOST_TEST(subject.core->limits().credits.available() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_nearest_to_valid_until_gets_the_credit_that_is_left) {
  ShardSubject subject{{.most_in_flight = 1}};
  subject.start(1, plain_rules(), start_time);
  subject.start(2, plain_rules(), start_time - 9 * s);
  subject.turn(start_time);

  const auto claims = subject.claim();

  BOOST_REQUIRE_EQUAL(claims.size(), 1u);
  BOOST_TEST(key_of<int>(*claims[0].record) == 2);
  subject.ticket(claims[0]);
  subject.initiated(claims[0]);
}

BOOST_AUTO_TEST_CASE(a_call_that_is_given_up_holds_no_credit) {
  ShardSubject subject{{.most_in_flight = 2}};
  subject.start(1, quick_timeout());
  RecordReference second = subject.start(2);
  (void)subject.send(start_time);
  BOOST_TEST(subject.core->limits().credits.available() == 0u);

  subject.stop(*second);
  BOOST_TEST(subject.core->limits().credits.available() == 1u);
  subject.turn(start_time + s);

  BOOST_TEST(subject.statistics().timed_out == 1u);
  BOOST_TEST(subject.core->limits().credits.available() == 2u);
}

// F16: four of ten credits are held by a dead server's sessions at first, then five at most, whatever they try.
BOOST_AUTO_TEST_CASE(repeated_attempts_hold_no_more_than_half_of_the_credits) {
  ShardSubject subject{{.most_in_flight = 10}};
  for (int key = 0; key < 9; ++key)
    subject.start(key, quick_timeout(), start_time);
  BOOST_TEST(subject.send(start_time).size() == 9u);
  subject.turn(start_time + s);  // all have timed out
  BOOST_TEST(subject.statistics().timed_out == 9u);

  subject.core->time = start_time + 7 * s / 2;
  subject.turn(subject.core->time);  // and every pause is over
  subject.start(100);
  const auto sent = subject.send(subject.core->time);

  BOOST_TEST(sent.size() == 6u);
  BOOST_TEST(subject.find(100)->slot != nullptr, "the one that has not failed yet");
  BOOST_TEST(subject.core->limits().credits.available() == 4u);
}

BOOST_AUTO_TEST_CASE(what_had_to_wait_is_counted_and_one_of_them_says_so) {
  ShardSubject subject{{.most_in_flight = 1}};
  for (int key = 0; key < 4; ++key)
    subject.start(key);
  auto sent = subject.send(start_time);
  (void)subject.events();

  for (int i = 1; i < 4; ++i) {
    subject.core->time = start_time + 10 * i * ms;
    sent.front()->answer(BeatResult::acknowledged());
    sent = subject.send(start_time + 10 * i * ms);
    BOOST_REQUIRE_EQUAL(sent.size(), 1u);
  }
  const auto told = subject.events();

  BOOST_TEST(subject.statistics().starved == 3u);
  BOOST_TEST(std::count_if(told.begin(), told.end(), [](const ShardSubject::Told& event) {
               return (event.mask & mask_of(EventKind::overloaded)) != 0;
             }) == 1);
}

BOOST_AUTO_TEST_CASE(a_shortage_is_told_though_nothing_leaves) {
  ShardSubject subject{{.most_in_flight = 1}};
  subject.start(1);
  (void)subject.send(start_time);
  subject.start(2, plain_rules(), start_time);
  BOOST_TEST(subject.send(start_time).empty());
  (void)subject.events();

  BOOST_TEST(subject.send(start_time + 2 * ms).empty());
  const auto told = subject.events();

  BOOST_REQUIRE_EQUAL(told.size(), 1u);
  BOOST_TEST(told[0].key == 2);
  BOOST_TEST(told[0].mask == mask_of(EventKind::overloaded));
  BOOST_TEST(subject.statistics().starved == 0u, "it has not been sent yet");
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_ends_with_the_name_of_the_limit) {
  ShardSubject subject{{.most_in_flight = 1}};
  BeatRules endless = plain_rules();
  endless.beat_timeout = 1000 * s;
  endless.keep_beating = true;
  subject.start(1, endless, start_time - 23 * s);
  BOOST_TEST(subject.send(start_time).size() == 1u);
  const RecordReference other = subject.start(2, plain_rules(), start_time - 23 * s);
  BOOST_TEST(subject.send(start_time).empty());

  subject.turn_when_asked(start_time + 7 * s);

  BOOST_TEST(other->life.is_ended());
  BOOST_CHECK(other->side->error == errc::in_flight_limit_reached);
  BOOST_TEST(subject.statistics().starved >= 1u);
}

// The thread is not to be had before, whoever waits for the answer.
BOOST_AUTO_TEST_CASE(a_blocking_call_holds_its_credit_until_it_returns) {
  ShardSubject subject{{.most_in_flight = 1}};
  subject.start(1, quick_timeout());
  subject.turn(start_time);
  const auto calls = subject.claim(Calling::blocking);
  BOOST_REQUIRE_EQUAL(calls.size(), 1u);
  subject.ticket(calls[0]);

  subject.turn(start_time + s);
  BOOST_TEST(subject.statistics().timed_out == 1u);
  BOOST_TEST(subject.core->limits().credits.available() == 0u);
  subject.returned(calls[0]);
  BOOST_TEST(subject.core->limits().credits.available() == 1u);

  subject.tickets.clear();
  BOOST_TEST(subject.core->limits().credits.available() == 1u);
}

BOOST_AUTO_TEST_CASE(a_lane_that_had_no_thread_makes_a_shortage_of_its_waiting) {
  ShardSubject subject;
  subject.start(1);
  subject.turn(start_time);
  subject.core->time = start_time + s;
  subject.had_no_thread(start_time);

  BOOST_CHECK(subject.limit() == errc::blocking_pool_busy);
  const auto calls = subject.claim(Calling::blocking);
  BOOST_REQUIRE_EQUAL(calls.size(), 1u);
  BOOST_TEST(subject.statistics().starved == 1u);
  subject.ticket(calls[0]).answer(BeatResult::acknowledged());
  subject.returned(calls[0]);
}

BOOST_AUTO_TEST_CASE(nothing_is_said_to_starve_while_there_are_credits) {
  ShardSubject subject{{.most_in_flight = 4}};
  for (int key = 0; key < 4; ++key)
    subject.start(key);

  (void)subject.send(start_time + 100 * ms);  // late, for other reasons

  BOOST_TEST(subject.statistics().starved == 0u);
}

// Its answer would come too late: the credit goes to one that can still make it.
BOOST_AUTO_TEST_CASE(in_a_shortage_what_cannot_make_it_any_more_lets_others_go_first) {
  ShardSubject subject{{.most_in_flight = 1}};
  subject.start(1, plain_rules(), start_time);
  auto sent = subject.send(start_time);
  BOOST_REQUIRE_EQUAL(sent.size(), 1u);
  subject.start(2, plain_rules(), start_time - 23 * s);  // valid for 6 s more, in which three attempts are to fit
  subject.start(3, plain_rules(), start_time);
  subject.turn(start_time);
  BOOST_TEST(subject.claim().empty());  // the shortage begins
  subject.core->time = start_time + 2 * s;
  sent.front()->answer(BeatResult::acknowledged());  // a round trip of two seconds

  sent = subject.send(start_time + 2 * s);

  BOOST_REQUIRE_EQUAL(sent.size(), 1u);
  BOOST_TEST(subject.find(3)->slot != nullptr);
}

BOOST_AUTO_TEST_CASE(sends_keep_their_rate_and_the_shard_asks_to_be_woken_for_the_next) {
  ShardSubject subject{{.rate = {.period = 100 * ms}}};
  for (int key = 0; key < 5; ++key)
    subject.start(key);

  BOOST_TEST(subject.send(start_time).size() == 1u);
  BOOST_TEST(subject.core->wake_at == start_time + 100 * ms);
  BOOST_TEST(subject.send(start_time + 99 * ms).empty());
  BOOST_TEST(subject.send(start_time + 100 * ms).size() == 1u);
}

BOOST_AUTO_TEST_CASE(repeated_attempts_have_a_slower_rate_of_their_own) {
  ShardSubject subject{{.rate = {.period = ms}, .rate_again = {.period = 100 * ms}}};
  for (int key = 0; key < 3; ++key)
    subject.start(key, quick_timeout(), start_time);
  for (int key = 0; key < 3; ++key)
    BOOST_TEST(subject.send(start_time + key * ms).size() == 1u);
  const Instant retrying = start_time + 4 * s;
  subject.turn(start_time + 2 * s);
  subject.turn(retrying);

  BOOST_TEST(subject.send(retrying).size() == 1u);
  subject.start(100);
  BOOST_TEST(subject.send(retrying + 2 * ms).size() == 1u);
  BOOST_TEST(subject.find(100)->slot != nullptr);
  BOOST_TEST(subject.send(retrying + 100 * ms).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
