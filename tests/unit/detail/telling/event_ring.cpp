// SPDX-License-Identifier: BSL-1.0
// Of everything that waits for the sink but ends: the newest state of each heartbeat.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/telling/event_ring.hpp>
#include <heartbeat/detail/timing/random.hpp>

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

struct Ring {
  explicit Ring(std::size_t capacity) : room{capacity}, ring{room} {}
  EventRoom room;
  EventRing ring;
};

constexpr std::size_t plenty = 1'000'000;

BOOST_AUTO_TEST_CASE(states_come_out_in_the_order_of_their_heartbeats_with_their_time) {
  Ring with{4};
  EventRing& ring = with.ring;
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
  Ring with{4};
  EventRing& ring = with.ring;
  KeyedRecord<int> record{1};
  (void)ring.push(record, mask({started}), 0);
  (void)ring.push(record, mask({missed}), 0);

  BOOST_TEST(record.references.load() == 1u);
  BOOST_TEST(std::uint32_t{record.event_place} != Record::no_place);
  (void)ring.pop();
  BOOST_TEST(record.references.load() == 1u);
  BOOST_TEST(std::uint32_t{record.event_place} == Record::no_place);
}

BOOST_AUTO_TEST_CASE(a_full_ring_drops_newcomers_and_keeps_joining_those_it_has) {
  Ring with{2};
  EventRing& ring = with.ring;
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
  Ring with{3};
  EventRing& ring = with.ring;
  std::array<KeyedRecord<int>, 3> records{KeyedRecord<int>{0}, KeyedRecord<int>{1}, KeyedRecord<int>{2}};

  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_TEST(ring.push(records[i % 3], mask({started}), static_cast<Instant>(i)));
    if (i == 0) continue;
    const EventRing::Entry entry = ring.pop();
    BOOST_TEST(entry.record == &records[(i - 1) % 3]);
    BOOST_TEST(entry.at == static_cast<Instant>(i - 1));
  }
}

BOOST_AUTO_TEST_CASE(an_entry_can_be_taken_back_out_of_turn_and_leaves_no_hole) {
  Ring with{3};
  EventRing& ring = with.ring;
  KeyedRecord<int> first{1};
  KeyedRecord<int> second{2};
  KeyedRecord<int> third{3};
  (void)ring.push(first, mask({started}), 5);
  (void)ring.push(second, mask({started}), 6);
  (void)ring.push(third, mask({started}), 7);

  const EventRing::Entry taken = ring.take_back(first);

  BOOST_TEST(taken.record == &first);
  BOOST_TEST(taken.at == 5);
  BOOST_TEST(std::uint32_t{first.event_place} == Record::no_place);
  BOOST_TEST(ring.take_back(first).record == nullptr);
  BOOST_TEST(with.room.take(), "its place in the room is free at once");
  BOOST_TEST(ring.pop().record == &third, "the last one has its turn");
  BOOST_TEST(ring.pop().record == &second);
  BOOST_TEST(ring.empty());
}

BOOST_AUTO_TEST_CASE(what_the_sink_is_told_is_remembered_once_it_is_handed_out) {
  Ring with{3};
  KeyedRecord<int> record{1};
  (void)with.ring.push(record, mask({missed, jeopardy}), 0);
  BOOST_CHECK(record.known == KnownStanding::fine);
  (void)with.ring.pop();
  BOOST_CHECK(record.known == KnownStanding::jeopardy);

  (void)with.ring.push(record, mask({lapsed}), 0);
  (void)with.ring.push(record, mask({acknowledged, recovered}), 0);

  BOOST_TEST(with.ring.pop().mask == mask({acknowledged, recovered}));
  BOOST_CHECK(record.known == KnownStanding::fine);
}

BOOST_AUTO_TEST_CASE(what_says_nothing_new_takes_no_place) {
  Ring with{1};
  KeyedRecord<int> record{1};

  BOOST_TEST(with.ring.push(record, mask({recovered}), 0));

  BOOST_TEST(with.ring.empty());
  BOOST_TEST(record.references.load() == 0u);
  BOOST_TEST(with.room.take());
}

BOOST_AUTO_TEST_CASE(two_rings_share_one_room) {
  EventRoom room{3};
  EventRing some{room};
  EventRing others{room};
  std::array<KeyedRecord<int>, 4> records{KeyedRecord<int>{0}, KeyedRecord<int>{1}, KeyedRecord<int>{2},
                                          KeyedRecord<int>{3}};
  BOOST_TEST(some.push(records[0], mask({started}), 0));
  BOOST_TEST(some.push(records[1], mask({started}), 0));
  BOOST_TEST(others.push(records[2], mask({started}), 0));
  BOOST_TEST(!others.push(records[3], mask({started}), 0));

  (void)some.pop();

  BOOST_TEST(others.push(records[3], mask({started}), 0));
}

// Against a plain vector: many chunks come and go, the table grows and is given back, places go round past the last
// one.
BOOST_AUTO_TEST_CASE(entries_of_many_chunks_keep_their_turn) {
  Ring with{plenty};
  EventRing& ring = with.ring;
  std::deque<KeyedRecord<int>> records;
  for (int i = 0; i < 6000; ++i)
    records.emplace_back(+i);
  std::vector<KeyedRecord<int>*> expected;
  Random random{7};

  for (const std::size_t most : {6000u, 300u, 2600u, 1u, 6000u}) {
    for (int step = 0; step < 12'000; ++step) {
      const bool drains = step >= 9'000;
      const bool grows = !drains && expected.size() < most && random.below(4) != 0;
      KeyedRecord<int>& record = records[static_cast<std::size_t>(random.below(6000))];
      const bool waits = record.event_place != Record::no_place;
      if (grows) {
        if (!waits) expected.push_back(&record);
        BOOST_REQUIRE(ring.push(record, mask({started}), step));
      } else if (waits && random.below(2) == 0) {
        BOOST_REQUIRE(ring.take_back(record).record == &record);
        *std::find(expected.begin(), expected.end(), &record) = expected.back();
        expected.pop_back();
      } else if (!expected.empty()) {
        BOOST_REQUIRE(ring.pop().record == expected.front());
        expected.erase(expected.begin());
      }
    }
    for (KeyedRecord<int>* const record : std::exchange(expected, {}))
      BOOST_REQUIRE(ring.pop().record == record);
    BOOST_TEST(ring.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
