// SPDX-License-Identifier: BSL-1.0
// Blocking calls of one key take turns, across generations: whoever comes next waits for the one that is on a stack, as
// long as his attempts still fit, and so does his close.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "shard_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(succession)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr Instant start_time = 10 * s;

// A heartbeat of key 7 that was stopped while its blocking call was on a stack.
struct StoppedInItsCall : ShardSubject {
  explicit StoppedInItsCall(bool has_close = false)
      : ShardSubject{{.has_close = has_close, .blocks_in_close = has_close}} {
    old = start(7);
    turn(start_time);
    const auto claims = claim(Calling::blocking);
    BOOST_REQUIRE_EQUAL(claims.size(), 1u);
    call = claims.front();
    ticket(*call);
    stop(*old);
  }
  ~StoppedInItsCall() {
    if (call) return_call();  // else its ticket keeps the core
  }

  void return_call() {
    for (const auto& ticket : tickets)
      ticket->answer(BeatResult::acknowledged());
    returned(*call);
    call.reset();
    tickets.clear();
  }
  // The call of what may leave now, as it began; no value if nothing may.
  std::optional<Claim> next(Instant now) {
    turn(now);
    const auto claims = claim(Calling::blocking);
    if (claims.empty()) return std::nullopt;
    ticket(claims.front());
    return claims.front();
  }

  RecordReference old;
  std::optional<Claim> call;
};

BOOST_AUTO_TEST_CASE(a_new_heartbeat_is_held_until_the_call_of_the_old_one_has_returned) {
  StoppedInItsCall subject;
  const RecordReference young = subject.start(7);
  BOOST_CHECK(young->life.state() == State::held);
  BOOST_TEST(!subject.next(start_time + 15 * s));

  subject.core->time = start_time + 16 * s;
  subject.return_call();

  const auto call = subject.next(subject.core->time + 5 * s);
  BOOST_REQUIRE(call.has_value());
  BOOST_TEST(call->record == young.get());
  subject.tickets.front()->answer(BeatResult::acknowledged());
  subject.returned(*call);
  BOOST_CHECK(young->life.valid_until().has_value());
}

BOOST_AUTO_TEST_CASE(it_gives_up_when_its_attempts_would_not_fit_any_more_and_says_why) {
  StoppedInItsCall subject;
  const BeatRules rules = plain_rules();
  const RecordReference young = subject.start(7);
  (void)subject.events();
  const Instant limit = start_time + rules.ttl - rules.margin;
  const Instant last = limit - Attempts::room(rules, ms);

  subject.turn_when_asked(last - 2 * ms);
  BOOST_TEST(!young->life.is_ended());
  subject.turn_when_asked(last);

  BOOST_TEST(young->life.is_ended());
  BOOST_CHECK(young->life.reason() == EndReason::failed);
  const auto told = subject.events();
  BOOST_REQUIRE(!told.empty());
  BOOST_TEST(told.back().is_end);
  BOOST_CHECK(told.back().error == errc::old_call_stuck);
}

BOOST_AUTO_TEST_CASE(of_several_that_came_and_went_meanwhile_the_last_one_begins) {
  StoppedInItsCall subject;
  for (int i = 0; i < 3; ++i)
    subject.stop(*subject.start(7));
  const RecordReference young = subject.start(7);

  subject.core->time = start_time + s;
  subject.return_call();

  BOOST_CHECK(young->life.state() == State::waiting);
  BOOST_TEST(subject.find(7) == young.get());
}

BOOST_AUTO_TEST_CASE(what_was_granted_stays_valid_while_it_waits) {
  StoppedInItsCall subject;
  const RecordReference young = subject.start(7, plain_rules(), start_time);

  BOOST_TEST(young->life.valid_until().value() == start_time + plain_rules().ttl - plain_rules().margin);
  subject.core->time = start_time + s;
  subject.return_call();
  BOOST_TEST(young->life.valid_until().value() == start_time + plain_rules().ttl - plain_rules().margin);
}

BOOST_AUTO_TEST_CASE(after_the_call_nothing_is_remembered) {
  StoppedInItsCall subject;

  subject.return_call();

  BOOST_CHECK(subject.start(7)->life.state() == State::waiting);
}

// The call that it waits for was away as long as we were.
BOOST_AUTO_TEST_CASE(after_a_gap_its_patience_begins_anew) {
  StoppedInItsCall subject;
  const RecordReference young = subject.start(7);
  subject.turn(start_time);

  subject.turn(start_time + 60 * s);
  BOOST_TEST(!young->life.is_ended());
  subject.core->time = start_time + 61 * s;
  subject.return_call();

  const auto call = subject.next(subject.core->time + 5 * s);
  BOOST_REQUIRE(call.has_value());
  BOOST_TEST(call->record == young.get());
  subject.tickets.front()->answer(BeatResult::acknowledged());
  subject.returned(*call);
}

BOOST_AUTO_TEST_CASE(a_close_of_one_that_never_began_waits_for_the_call_too) {
  StoppedInItsCall subject{true};
  const RecordReference young = subject.start(7);  // withdraws the close of the old one
  subject.stop(*young);
  BOOST_TEST(!subject.next(start_time + 6 * s), "the beat's timeout is over, and the call is still on its stack");

  subject.return_call();

  const auto close = subject.next(start_time + 6 * s);
  BOOST_REQUIRE(close.has_value());
  BOOST_TEST(close->is_close);
  BOOST_TEST(close->record == young.get());
  subject.tickets.front()->answer(BeatResult::acknowledged());
  subject.returned(*close);
  BOOST_TEST(subject.statistics().closes_done == 1u);
  BOOST_TEST(subject.statistics().closes_withdrawn == 1u);
}

BOOST_AUTO_TEST_CASE(a_close_that_has_timed_out_and_not_returned_is_waited_for) {
  StoppedInItsCall subject{true};
  subject.return_call();
  const auto close = subject.next(start_time + s);
  BOOST_REQUIRE(close.has_value());
  subject.turn(start_time + 7 * s);  // it has timed out

  const RecordReference young = subject.start(7);

  BOOST_CHECK(young->life.state() == State::held);
  subject.tickets.front()->answer(BeatResult::acknowledged());
  subject.returned(*close);
  BOOST_CHECK(young->life.state() == State::waiting);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
