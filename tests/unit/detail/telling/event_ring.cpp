// SPDX-License-Identifier: BSL-1.0
// Of everything that waits for the sink but ends: the newest state of each heartbeat.
#include <array>
#include <initializer_list>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/telling/event_ring.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(event_ring)

using namespace heartbeat;
using namespace heartbeat::detail;
using enum EventKind;

EventMask mask(std::initializer_list<EventKind> kinds) {
  unsigned bits = 0;
  for (const EventKind kind : kinds)
    bits |= mask_of(kind);
  return static_cast<EventMask>(bits);
}

EventRing ring_of(std::size_t capacity) {
  EventRing ring;
  ring.set_capacity(capacity);
  return ring;
}

// What a sink would hear of one heartbeat that had this news, one after the other, before the sink looked.
EventMask heard(std::initializer_list<EventMask> news) {
  EventRing ring = ring_of(1);
  KeyedRecord<int> record{1};
  for (const EventMask one : news)
    BOOST_TEST(ring.push(record, one, 0));
  return ring.pop().mask;
}

BOOST_AUTO_TEST_CASE(states_come_out_in_the_order_of_their_heartbeats_with_their_time) {
  EventRing ring = ring_of(4);
  KeyedRecord<int> first{1};
  KeyedRecord<int> second{2};
  (void)ring.push(first, mask({started}), 10);
  (void)ring.push(second, mask({started}), 20);
  (void)ring.push(first, mask({missed}), 30);

  const EventRing::Entry a = ring.pop();
  const EventRing::Entry b = ring.pop();

  BOOST_TEST(a.record == &first);
  BOOST_TEST(a.mask == mask({started, missed}));
  BOOST_TEST(a.at == 30);
  BOOST_TEST(b.record == &second);
  BOOST_TEST(ring.empty());
}

BOOST_AUTO_TEST_CASE(an_entry_holds_a_reference_for_whoever_takes_it_out) {
  EventRing ring = ring_of(4);
  KeyedRecord<int> record{1};
  (void)ring.push(record, mask({started}), 0);
  (void)ring.push(record, mask({missed}), 0);

  BOOST_TEST(record.references.load() == 1u);
  BOOST_TEST(record.event_place != Record::no_place);
  (void)ring.pop();
  BOOST_TEST(record.references.load() == 1u);
  BOOST_TEST(record.event_place == Record::no_place);
}

BOOST_AUTO_TEST_CASE(a_full_ring_drops_newcomers_and_keeps_joining_those_it_has) {
  EventRing ring = ring_of(2);
  KeyedRecord<int> first{1};
  KeyedRecord<int> second{2};
  KeyedRecord<int> third{3};
  (void)ring.push(first, mask({started}), 0);
  (void)ring.push(second, mask({started}), 0);

  BOOST_TEST(!ring.push(third, mask({started}), 0));
  BOOST_TEST(third.references.load() == 0u);
  BOOST_TEST(ring.push(first, mask({missed}), 0));

  (void)ring.pop();
  BOOST_TEST(ring.push(third, mask({started}), 0), "there is room again");
}

BOOST_AUTO_TEST_CASE(the_ring_goes_round_and_round) {
  EventRing ring = ring_of(3);
  std::array<KeyedRecord<int>, 3> records{KeyedRecord<int>{0}, KeyedRecord<int>{1}, KeyedRecord<int>{2}};

  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_TEST(ring.push(records[i % 3], mask({started}), static_cast<Instant>(i)));
    if (i == 0) continue;
    const EventRing::Entry entry = ring.pop();
    BOOST_TEST(entry.record == &records[(i - 1) % 3]);
    BOOST_TEST(entry.at == static_cast<Instant>(i - 1));
  }
}

BOOST_AUTO_TEST_CASE(an_entry_can_be_taken_back_out_of_turn) {
  EventRing ring = ring_of(3);
  KeyedRecord<int> first{1};
  KeyedRecord<int> second{2};
  (void)ring.push(first, mask({started}), 5);
  (void)ring.push(second, mask({started}), 6);

  const EventRing::Entry taken = ring.take_back(first);

  BOOST_TEST(taken.record == &first);
  BOOST_TEST(taken.at == 5);
  BOOST_TEST(first.event_place == Record::no_place);
  BOOST_TEST(ring.take_back(first).record == nullptr);
  BOOST_TEST(ring.pop().record == nullptr, "a hole");
  BOOST_TEST(ring.pop().record == &second);
}

BOOST_AUTO_TEST_CASE(the_newest_answer_wins) {
  BOOST_TEST(heard({mask({acknowledged}), mask({missed})}) == mask({missed}));
  BOOST_TEST(heard({mask({missed}), mask({acknowledged})}) == mask({acknowledged}));
  BOOST_TEST(heard({mask({started}), mask({acknowledged})}) == mask({started, acknowledged}));
}

BOOST_AUTO_TEST_CASE(trouble_that_is_over_before_it_was_heard_of_is_not_told) {
  BOOST_TEST(heard({mask({missed, jeopardy}), mask({acknowledged, recovered})}) == mask({acknowledged}));
  BOOST_TEST(heard({mask({lapsed}), mask({acknowledged, recovered})}) == mask({acknowledged}));
  BOOST_TEST(heard({mask({time_gap}), mask({acknowledged, recovered})}) == mask({acknowledged}));
}

BOOST_AUTO_TEST_CASE(a_recovery_from_trouble_that_was_told_is_told) {
  BOOST_TEST(heard({mask({acknowledged, recovered})}) == mask({acknowledged, recovered}));
}

BOOST_AUTO_TEST_CASE(trouble_after_a_recovery_is_told_or_the_sink_still_knows_of_the_trouble_before) {
  const EventMask told = heard({mask({acknowledged, recovered}), mask({missed, jeopardy})});

  // The sink was told of the trouble before; what it has not heard, a recovery and new trouble, leaves it in trouble.
  BOOST_TEST(told == mask({missed}));
}

BOOST_AUTO_TEST_CASE(trouble_that_stays_is_told) {
  BOOST_TEST(heard({mask({missed, jeopardy}), mask({missed}), mask({lapsed})}) == mask({missed, jeopardy, lapsed}));
}

BOOST_AUTO_TEST_CASE(a_withheld_beat_is_told_whatever_else_waits) {
  BOOST_TEST(heard({mask({withheld}), mask({acknowledged})}) == mask({withheld, acknowledged}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
