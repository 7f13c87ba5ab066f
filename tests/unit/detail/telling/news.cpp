// SPDX-License-Identifier: BSL-1.0
// What is to be told, without a shard: ends are never dropped and come last of their heartbeat, states only while there
// is room, tokens before ends; and who is busy, and what holds a reference, at each step.
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/telling/news.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(news)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr EventMask started = mask_of(EventKind::started);
constexpr EventMask missed = mask_of(EventKind::missed);

struct Heartbeat : KeyedRecord<int> {
  Heartbeat() : KeyedRecord<int>{1} { references.store(1); }
  std::uint32_t count() const { return references.load(); }
};

BOOST_AUTO_TEST_CASE(a_state_keeps_its_record_and_makes_it_busy_while_it_is_told) {
  EventRoom room{4};
  News news{true, room};
  Heartbeat heartbeat;
  BOOST_TEST(news.empty());
  BOOST_TEST(news.push(heartbeat, started, 5));
  BOOST_TEST(heartbeat.count() == 2u);
  BOOST_TEST(!heartbeat.is_busy());
  BOOST_TEST(!news.empty());

  const News::Item item = news.pop();

  BOOST_TEST(item.record == &heartbeat);
  BOOST_TEST(!item.is_end);
  BOOST_TEST(item.mask == started);
  BOOST_TEST(item.at == 5);
  BOOST_TEST(heartbeat.is_busy());
  BOOST_TEST(heartbeat.count() == 2u, "the caller's now");
  BOOST_TEST(news.empty());
  BOOST_TEST(news.pop().record == nullptr);
}

BOOST_AUTO_TEST_CASE(states_are_dropped_when_there_is_no_room_and_ends_are_not) {
  EventRoom room{1};
  News news{true, room};
  Heartbeat first;
  Heartbeat second;
  BOOST_TEST(news.push(first, started, 0));
  BOOST_TEST(!news.push(second, started, 0));
  BOOST_TEST(second.count() == 1u);

  second.references.store(2);
  news.push_end(second);
  news.push_end(first);

  BOOST_TEST(news.pop().record == &second);
  BOOST_TEST(!news.pop().is_end, "the first one's state");
  const News::Item last = news.pop();
  BOOST_TEST(last.record == &first);
  BOOST_TEST(last.is_end);
}

BOOST_AUTO_TEST_CASE(an_end_overtakes_the_states_of_others_and_never_its_own) {
  EventRoom room{4};
  News news{true, room};
  Heartbeat other;
  Heartbeat ended;
  (void)news.push(other, started, 0);
  (void)news.push(ended, missed, 0);
  news.push_end(ended);

  News::Item item = news.pop();
  BOOST_TEST(item.record == &ended);
  BOOST_TEST(!item.is_end);
  item = news.pop();
  BOOST_TEST(item.record == &ended);
  BOOST_TEST(item.is_end);
  BOOST_TEST(news.pop().record == &other);
}

BOOST_AUTO_TEST_CASE(what_was_discarded_is_not_told) {
  EventRoom room{4};
  News news{true, room};
  Heartbeat heartbeat;
  (void)news.push(heartbeat, started, 0);

  news.discard(heartbeat);

  BOOST_TEST(heartbeat.count() == 1u);
  BOOST_TEST(news.pop().record == nullptr);
  news.discard(heartbeat);
  BOOST_TEST(heartbeat.count() == 1u, "there was nothing left to discard");
}

BOOST_AUTO_TEST_CASE(a_token_is_given_out_once_with_a_busy_record) {
  EventRoom room{4};
  News news{true, room};
  Heartbeat heartbeat;
  news.push_token(heartbeat);
  BOOST_TEST(bool{heartbeat.is_to_be_fired});
  BOOST_TEST(!news.empty());

  BOOST_TEST(news.pop_token() == &heartbeat);

  BOOST_TEST(!bool{heartbeat.is_to_be_fired});
  BOOST_TEST(heartbeat.is_busy());
  BOOST_TEST(heartbeat.count() == 2u);
  BOOST_TEST(news.pop_token() == nullptr);
}

BOOST_AUTO_TEST_CASE(too_many_untold_ends_are_a_backlog_until_they_were_told) {
  EventRoom room{2};
  News news{true, room};
  news.expect_end();
  BOOST_TEST(!news.has_backlog());
  news.expect_end();
  BOOST_TEST(news.has_backlog());

  news.told_end();

  BOOST_TEST(!news.has_backlog());
}

BOOST_AUTO_TEST_CASE(without_a_sink_nothing_piles_up) {
  EventRoom room{1};
  News news{false, room};
  BOOST_TEST(!news.has_sink());

  news.expect_end();
  news.expect_end();

  BOOST_TEST(!news.has_backlog());
  BOOST_TEST(!room.has_backlog());
}

BOOST_AUTO_TEST_CASE(ends_of_all_shards_fill_one_room) {
  EventRoom room{2};
  News some{true, room};
  News others{true, room};
  some.expect_end();
  BOOST_TEST(!some.has_backlog());

  others.expect_end();

  BOOST_TEST(some.has_backlog());
  BOOST_TEST(others.has_backlog());
  others.told_end();
  BOOST_TEST(!some.has_backlog());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
