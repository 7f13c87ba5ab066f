// SPDX-License-Identifier: BSL-1.0
// What may leave now, without a shard: the order, the two limits, the half for what is tried again, and the shortage.
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/departures.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(departures)

using namespace heartbeat::detail;

constexpr Instant ms = 1'000'000;
constexpr Instant s = 1'000 * ms;
constexpr bool again = true;
constexpr bool regular = false;

struct Subject {
  explicit Subject(std::size_t credits_there, TokenRate rate = {}, TokenRate rate_again = {})
      : limits{credits_there, rate, rate_again}, departures{chunks, 0, limits, 3} {
    chunks.reserve(hooks.size());
  }

  void file(std::size_t hook, Tick until, bool is_again) {
    is_filed_again[hook] = is_again;
    (void)departures.file(hooks[hook], until, is_again);
  }
  std::size_t number_of(const WheelHook* hook) const { return static_cast<std::size_t>(hook - hooks.data()); }
  // One round; what left, by number.
  std::vector<std::size_t> leave(std::size_t room, Instant now = 0) {
    std::vector<std::size_t> left;
    Departures::Round round = departures.begin(room);
    while (round.room != 0) {
      const Departures::Choice choice = departures.choose(round, now, returned);
      if (choice.hook == nullptr) break;
      BOOST_TEST(choice.is_again == is_filed_again[number_of(choice.hook)]);
      left.push_back(number_of(choice.hook));
      departures.sent(round);
    }
    departures.end(round, now, returned);
    give_back();
    return left;
  }
  // In one round: the first is chosen and not sent, and what it took is given back.
  WheelHook* next_after_one_that_is_not_sent() {
    Departures::Round round = departures.begin(4);
    Departures::Choice choice = departures.choose(round, 0, returned);
    BOOST_REQUIRE(choice.hook == hooks.data());
    departures.not_sent(choice, 0, returned);
    give_back();
    return departures.choose(round, 0, returned).hook;
  }
  void give_back() {
    credits.give(returned.credits, returned.again);
    may_pass_on = returned.may_pass_on;
    may_pass_on_again = returned.may_pass_on_again;
    returned = {};
  }

  Limits limits;
  Credits& credits = limits.credits;
  WheelChunkPool chunks;
  std::array<WheelHook, 16> hooks;
  std::array<bool, 16> is_filed_again{};
  Departures departures;
  Returned returned;
  bool may_pass_on = false;
  bool may_pass_on_again = false;
};

using Numbers = std::vector<std::size_t>;

BOOST_AUTO_TEST_CASE(nearest_to_the_end_of_its_waiting_leaves_first_whichever_queue_it_is_in) {
  Subject subject{100};
  subject.file(0, 300, regular);
  subject.file(1, 100, again);
  subject.file(2, 200, regular);
  subject.file(3, 50, again);

  BOOST_TEST((subject.leave(10) == Numbers{3, 1, 2, 0}));
  BOOST_TEST(subject.departures.empty());
}

BOOST_AUTO_TEST_CASE(a_round_takes_no_more_than_there_is_room_for_and_says_that_more_may_leave) {
  Subject subject{100};
  for (std::size_t i = 0; i < 5; ++i)
    subject.file(i, 100 + static_cast<Tick>(i), regular);

  BOOST_TEST((subject.leave(2) == Numbers{0, 1}));
  BOOST_TEST(subject.departures.can_leave_more());
  BOOST_TEST((subject.leave(10) == Numbers{2, 3, 4}));
  BOOST_TEST(!subject.departures.can_leave_more());
}

BOOST_AUTO_TEST_CASE(between_two_rounds_it_holds_no_credits) {
  Subject subject{10};
  subject.file(0, 100, regular);
  subject.file(1, 100, again);

  BOOST_TEST(subject.leave(8).size() == 2u);

  BOOST_TEST(subject.credits.available() == 8u, "what left has them");
  BOOST_TEST(subject.credits.available_again() == 4u);
}

BOOST_AUTO_TEST_CASE(what_was_not_sent_after_all_costs_nothing) {
  Subject subject{10};
  subject.file(0, 100, again);
  Departures::Round round = subject.departures.begin(4);
  const Departures::Choice choice = subject.departures.choose(round, 0, subject.returned);
  BOOST_REQUIRE(choice.hook == subject.hooks.data());
  subject.departures.not_sent(choice, 0, subject.returned);
  subject.departures.end(round, 0, subject.returned);
  subject.give_back();

  BOOST_TEST(subject.credits.available() == 10u);
  BOOST_TEST(subject.credits.available_again() == 5u);
}

BOOST_AUTO_TEST_CASE(what_is_tried_again_gets_half_of_the_credits_and_the_rest_leaves_all_the_same) {
  Subject subject{4};
  for (std::size_t i = 0; i < 3; ++i)
    subject.file(i, 10 + static_cast<Tick>(i), again);
  subject.file(3, 100, regular);

  BOOST_TEST((subject.leave(10) == Numbers{0, 1, 3}));
  BOOST_TEST(!subject.departures.can_leave_more(), "not before a credit of that kind comes back");
  BOOST_TEST((subject.credits.waiting_again.next() == 3u));
}

BOOST_AUTO_TEST_CASE(without_credits_nothing_leaves_and_the_shard_waits_for_some) {
  Subject subject{1};
  BOOST_REQUIRE(subject.credits.take(1) == 1u);
  subject.file(0, 100, regular);

  BOOST_TEST(subject.leave(10, 5 * s).empty());
  BOOST_TEST(subject.credits.waiting.next() == 3u);
  BOOST_TEST(!subject.may_pass_on);

  subject.credits.give(1, 0);
  BOOST_TEST((subject.leave(10, 6 * s) == Numbers{0}));
  BOOST_TEST(subject.may_pass_on);
}

BOOST_AUTO_TEST_CASE(a_shortage_begins_with_what_is_left_behind_is_told_once_and_ends_when_nothing_waits) {
  Subject subject{1};
  subject.file(0, 100, regular);
  subject.file(1, 200, regular);
  BOOST_TEST(!subject.departures.shortage().is_on());
  BOOST_TEST(subject.leave(10, 5 * s).size() == 1u);

  BOOST_TEST(subject.departures.shortage().is_on());
  BOOST_TEST(subject.departures.shortage().wait_of(10 * s, 7 * s) == 2 * s,
             "the rest of the lateness is not the shortage's");
  BOOST_TEST(subject.departures.shortage().wait_of(1 * s, 7 * s) == 1 * s);
  BOOST_TEST(subject.departures.shortage().is_first_told());
  BOOST_TEST(!subject.departures.shortage().is_first_told());

  subject.credits.give(1, 0);
  BOOST_TEST(subject.leave(10, 8 * s).size() == 1u);
  BOOST_TEST(!subject.departures.shortage().is_on());
  BOOST_TEST(subject.departures.shortage().wait_of(10 * s, 9 * s) == 0);

  subject.file(0, 300, regular);
  BOOST_TEST(subject.leave(10, 10 * s).empty());
  BOOST_TEST(subject.departures.shortage().is_first_told(), "another shortage");
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_token_leaves_when_there_is_one) {
  Subject subject{100, {.period = 1 * s}};
  subject.file(0, 100, regular);
  subject.file(1, 200, regular);
  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));

  BOOST_TEST(subject.departures.token_at() == 1 * s);
  BOOST_TEST(!subject.departures.has_token_now(1 * s - 1));
  BOOST_TEST(subject.departures.has_token_now(1 * s));
  BOOST_TEST(!subject.departures.has_token_now(1 * s), "said once");
  BOOST_TEST(subject.departures.token_at() == instant_never);
  BOOST_TEST((subject.leave(10, 1 * s) == Numbers{1}));
}

BOOST_AUTO_TEST_CASE(without_a_token_for_what_is_tried_again_its_permission_goes_back) {
  Subject subject{100, {}, {.period = 1 * s}};
  subject.file(0, 100, again);
  subject.file(1, 101, again);
  subject.file(2, 102, regular);

  BOOST_TEST((subject.leave(10, 0) == Numbers{0, 2}));
  BOOST_TEST(subject.credits.available_again() == 49u);
}

// A token of each: a retry that took none of all would let its kind leave beside the rate, not within it.
BOOST_AUTO_TEST_CASE(what_is_tried_again_takes_a_token_of_all_too) {
  for (const bool first : {regular, again}) {
    Subject subject{100, {.period = 1 * s}, {.period = 1 * s}};
    subject.file(0, 100, first);
    BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
    subject.file(1, 200, !first);

    BOOST_TEST(subject.leave(10, 1 * s - 1).empty(), "the first one was " << (first ? "tried again" : "regular"));
    BOOST_TEST((subject.leave(10, 1 * s) == Numbers{1}));
  }
}

// And of its own, whatever there is of all.
BOOST_AUTO_TEST_CASE(the_later_one_of_its_two_tokens_is_waited_for) {
  Subject subject{100, {.period = 1 * s}, {.period = 3 * s}};
  for (std::size_t hook = 0; hook < 3; ++hook)
    subject.file(hook, static_cast<Tick>(100 + hook), again);

  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
  BOOST_TEST(subject.leave(10, 3 * s - 1).empty());
  BOOST_TEST((subject.leave(10, 3 * s) == Numbers{1}));
}

// Two shards, one token a second: the second one has asked for its own, and needs no first one to wake it.
BOOST_AUTO_TEST_CASE(shards_that_share_a_rate_take_turns) {
  Subject subject{100, {.period = 1 * s}};
  Departures other{subject.chunks, 0, subject.limits, 4};
  WheelHook hook;
  subject.file(0, 100, regular);
  subject.file(1, 200, regular);
  (void)other.file(hook, 50, regular);
  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
  Departures::Round round = other.begin(1);

  BOOST_TEST(other.choose(round, 0, subject.returned).hook == nullptr);
  other.end(round, 0, subject.returned);
  BOOST_TEST(subject.departures.token_at() == 1 * s);
  BOOST_TEST(other.token_at() == 2 * s);

  BOOST_TEST((subject.leave(10, 1 * s) == Numbers{1}));
  round = other.begin(1);
  BOOST_TEST(other.choose(round, 2 * s, subject.returned).hook == &hook);
}

BOOST_AUTO_TEST_CASE(a_token_that_was_taken_is_not_lost_while_credits_are_short) {
  Subject subject{1, {.period = 1 * s}};
  subject.file(0, 100, regular);
  subject.file(1, 200, regular);
  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
  subject.credits.give(1, 0);
  BOOST_TEST(subject.leave(10, 0).empty(), "its token comes in a second");
  BOOST_REQUIRE(subject.credits.take(1) == 1u);
  BOOST_TEST(subject.leave(10, 1 * s).empty(), "no credit");

  subject.credits.give(1, 0);
  BOOST_TEST((subject.leave(10, 1 * s) == Numbers{1}));
}

BOOST_AUTO_TEST_CASE(what_was_chosen_and_not_sent_leaves_its_token_to_the_next) {
  Subject subject{100, {.period = 1 * s}};
  subject.file(0, 100, regular);
  subject.file(1, 200, regular);

  BOOST_TEST(subject.next_after_one_that_is_not_sent() == &subject.hooks[1]);
}

BOOST_AUTO_TEST_CASE(what_was_chosen_again_and_not_sent_leaves_its_two_tokens_to_the_next) {
  Subject subject{100, {.period = 1 * s}, {.period = 1 * s}};
  subject.file(0, 100, again);
  subject.file(1, 200, again);

  BOOST_TEST(subject.next_after_one_that_is_not_sent() == &subject.hooks[1]);
}

// The permission is another shard's to use meanwhile: it goes the way on which whoever waits for one is woken.
BOOST_AUTO_TEST_CASE(a_permission_that_waits_for_a_token_is_passed_on) {
  Subject subject{2, {}, {.period = 1 * s}};
  subject.file(0, 100, again);
  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
  subject.credits.give(1, 1);
  subject.file(1, 200, again);
  Departures::Round round = subject.departures.begin(1);
  BOOST_REQUIRE(subject.departures.choose(round, 0, subject.returned).hook == nullptr);

  subject.departures.end(round, 0, subject.returned);

  BOOST_TEST(subject.returned.again == 1u);
  BOOST_TEST(subject.returned.may_pass_on_again);
  BOOST_CHECK(subject.departures.shortage().limit() == Limit::rate);
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_permission_leaves_credits_to_others_and_the_other_way_round) {
  Subject subject{4};
  BOOST_REQUIRE(subject.credits.take_again());
  BOOST_REQUIRE(subject.credits.take_again());
  subject.file(0, 100, again);
  BOOST_TEST(subject.leave(10).empty());
  BOOST_TEST(subject.may_pass_on);
  BOOST_TEST(!subject.may_pass_on_again);

  subject.credits.give(0, 2);
  BOOST_REQUIRE(subject.credits.take(4) == 4u);
  BOOST_TEST(subject.leave(10).empty());
  BOOST_TEST(!subject.may_pass_on);
  BOOST_TEST(subject.may_pass_on_again);
  BOOST_CHECK(subject.departures.shortage().limit() == Limit::calls);
}

BOOST_AUTO_TEST_CASE(what_has_waited_too_long_is_given_out_of_both_queues) {
  Subject subject{100};
  subject.file(0, 10, regular);
  subject.file(1, 11, again);
  subject.file(2, 12, regular);
  std::array<WheelHook*, 2> due;
  BOOST_TEST(subject.departures.next() <= 10);

  TimingWheel::Expired expired = subject.departures.expire(11, due);

  BOOST_TEST(expired.count == 2u);
  BOOST_TEST(expired.more, "the room was used up");
  BOOST_TEST(subject.number_of(due[0]) == 0u);
  BOOST_TEST(subject.number_of(due[1]) == 1u);
  expired = subject.departures.expire(11, due);
  BOOST_TEST(expired.count == 0u);
  BOOST_TEST(!expired.more);
  BOOST_TEST((subject.leave(10) == Numbers{2}));
}

BOOST_AUTO_TEST_CASE(what_is_taken_out_leaves_no_more) {
  Subject subject{100};
  subject.file(0, 10, regular);
  subject.file(1, 11, again);

  subject.departures.erase(subject.hooks[0], regular);
  subject.departures.erase(subject.hooks[1], again);

  BOOST_TEST(subject.departures.empty());
  BOOST_TEST(subject.leave(10).empty());
  BOOST_TEST(subject.may_pass_on, "who waits for nothing leaves the credits to others");
}

BOOST_AUTO_TEST_CASE(the_next_to_have_waited_too_long_is_looked_for_in_both_queues) {
  Subject subject{100};
  subject.file(0, 20, again);
  BOOST_TEST(subject.departures.next() <= 20);

  subject.file(1, 10, regular);
  BOOST_TEST(subject.departures.next() <= 10);
}

BOOST_AUTO_TEST_CASE(a_round_takes_the_credits_that_it_can_use_and_no_more) {
  Subject subject{10};
  while (subject.credits.available_again() > 2)
    BOOST_REQUIRE(subject.credits.take_again());
  const auto credits_for = [&](std::size_t room) {
    Departures::Round round = subject.departures.begin(room);
    const std::size_t taken = round.credits;
    subject.departures.end(round, 0, subject.returned);
    subject.give_back();
    return taken;
  };
  BOOST_TEST(credits_for(10) == 0u);

  subject.file(0, 100, regular);
  BOOST_TEST(credits_for(10) == 1u);
  for (std::size_t i = 1; i < 6; ++i)
    subject.file(i, 100, again);

  BOOST_TEST(credits_for(10) == 3u, "two have a permission");
  BOOST_TEST(credits_for(2) == 2u);
}

BOOST_AUTO_TEST_CASE(of_two_that_are_as_near_the_regular_beat_leaves_first) {
  Subject subject{100};
  subject.file(0, 100, again);
  subject.file(1, 100, regular);

  BOOST_TEST((subject.leave(10) == Numbers{1, 0}));
}

BOOST_AUTO_TEST_CASE(a_round_that_used_up_its_room_with_the_last_credit_waits_for_the_next) {
  Subject subject{2};
  for (std::size_t i = 0; i < 3; ++i)
    subject.file(i, 100 + static_cast<Tick>(i), regular);

  BOOST_TEST(subject.leave(2).size() == 2u);

  BOOST_TEST(!subject.departures.can_leave_more());
  BOOST_TEST(subject.departures.shortage().is_on());
  BOOST_TEST(subject.credits.waiting.next() == 3u);
}

BOOST_AUTO_TEST_CASE(credits_that_came_since_the_round_began_are_taken_without_waiting) {
  Subject subject{1};
  BOOST_REQUIRE(subject.credits.take(1) == 1u);
  subject.file(0, 100, regular);
  Departures::Round round = subject.departures.begin(1);
  subject.credits.give(1, 0);

  BOOST_TEST(subject.departures.choose(round, 0, subject.returned).hook == subject.hooks.data());

  BOOST_TEST(subject.credits.waiting.empty());
}

BOOST_AUTO_TEST_CASE(what_a_round_passes_on_a_later_one_of_the_same_hold_does_not_keep) {
  Subject subject{1};
  Departures::Round round = subject.departures.begin(1);
  subject.departures.end(round, 0, subject.returned);
  BOOST_REQUIRE(subject.credits.take(1) == 1u);
  BOOST_REQUIRE(subject.credits.take_again());
  subject.file(0, 100, regular);
  round = subject.departures.begin(1);
  BOOST_TEST(subject.departures.choose(round, 0, subject.returned).hook == nullptr);
  subject.departures.end(round, 0, subject.returned);
  BOOST_TEST(subject.returned.may_pass_on);

  subject.departures.erase(subject.hooks[0], regular);
  subject.file(0, 100, again);
  subject.credits.give(1, 0);
  round = subject.departures.begin(1);
  BOOST_TEST(subject.departures.choose(round, 0, subject.returned).hook == nullptr);
  subject.departures.end(round, 0, subject.returned);
  BOOST_TEST(subject.returned.may_pass_on_again);
}

BOOST_AUTO_TEST_CASE(a_shortage_goes_on_while_something_waits_though_more_may_leave) {
  Subject subject{1};
  for (std::size_t i = 0; i < 4; ++i)
    subject.file(i, 100 + static_cast<Tick>(i), regular);
  BOOST_TEST(subject.leave(10, 5 * s).size() == 1u);
  subject.credits.give(10, 0);

  BOOST_TEST(subject.leave(1, 6 * s).size() == 1u);

  BOOST_TEST(subject.departures.can_leave_more());
  BOOST_TEST(subject.departures.shortage().is_on());
}

BOOST_AUTO_TEST_CASE(what_is_tried_again_and_not_sent_leaves_its_token_to_the_next_of_its_kind) {
  Subject subject{100, {}, {.period = 1 * s}};
  subject.file(0, 100, again);
  subject.file(1, 200, again);

  BOOST_TEST(subject.next_after_one_that_is_not_sent() == &subject.hooks[1]);
}

BOOST_AUTO_TEST_CASE(what_is_tried_again_needs_a_token_of_all_sends_too) {
  Subject subject{100, {.period = 1 * s}};
  subject.file(0, 100, again);
  subject.file(1, 200, again);

  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));
  BOOST_TEST(subject.departures.token_at() == 1 * s);
}

BOOST_AUTO_TEST_CASE(of_two_queues_that_wait_for_a_token_the_first_one_counts) {
  Subject subject{100, {.period = 1 * s}};
  subject.file(0, 50, regular);
  subject.file(1, 100, again);
  subject.file(2, 200, regular);
  BOOST_TEST((subject.leave(10, 0) == Numbers{0}));

  BOOST_TEST(subject.departures.token_at() == 1 * s, "the other one's comes a second later");
}

BOOST_AUTO_TEST_CASE(the_regular_beat_that_comes_next_is_shown_and_stays) {
  Subject subject{100};
  BOOST_TEST(subject.departures.first() == nullptr);
  subject.file(0, 200, regular);
  subject.file(1, 100, regular);
  subject.file(2, 50, again);

  BOOST_TEST(subject.departures.first() == &subject.hooks[1]);

  BOOST_TEST((subject.leave(10) == Numbers{2, 1, 0}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
