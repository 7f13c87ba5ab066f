// SPDX-License-Identifier: BSL-1.0
// Slots in their buckets, without calls: one record's are found among any number of others, and none waits for ever.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/answering/cancelled_calls.hpp>
#include <heartbeat/detail/record/parent_link.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(cancelled_calls)

using namespace heartbeat::detail;

// Records, and slots that wait for their tokens.
struct Waiting {
  // A record of that generation. Those of one generation share a bucket, which a shard's own never do for sure.
  Record& record(std::uint64_t generation) {
    records.emplace_back(static_cast<int>(generation)).generation = generation;
    return records.back();
  }
  BeatSlot& push(Record& record) {
    slots.emplace_back().fired = &record;
    calls.push(slots.back());
    return slots.back();
  }

  std::deque<KeyedRecord<int>> records;
  std::deque<BeatSlot> slots;
  CancelledCalls calls;
};

BOOST_AUTO_TEST_CASE(of_one_bucket_the_oldest_comes_first) {
  Waiting waiting;
  Record& record = waiting.record(1);
  std::vector<BeatSlot*> pushed;
  for (int i = 0; i < 5; ++i)
    pushed.push_back(&waiting.push(record));

  std::vector<BeatSlot*> popped;
  while (!waiting.calls.empty())
    popped.push_back(&waiting.calls.pop());

  BOOST_TEST((popped == pushed));
}

BOOST_AUTO_TEST_CASE(one_records_are_found_wherever_they_are_in_their_bucket_and_the_others_stay) {
  for (std::size_t place = 0; place < 4; ++place) {
    Waiting waiting;
    Record& other = waiting.record(1);
    Record& record = waiting.record(1);
    std::vector<BeatSlot*> others;
    BeatSlot* wanted = nullptr;
    for (std::size_t i = 0; i < 4; ++i) {
      if (i == place) {
        wanted = &waiting.push(record);
      } else {
        others.push_back(&waiting.push(other));
      }
    }

    BOOST_TEST(waiting.calls.pop_of(record) == wanted);
    BOOST_TEST(waiting.calls.pop_of(record) == nullptr);

    others.push_back(&waiting.push(other));
    for (BeatSlot* const slot : others)
      BOOST_TEST(waiting.calls.pop_of(other) == slot);
    BOOST_TEST(waiting.calls.empty());
    BOOST_TEST(waiting.calls.pop_of(other) == nullptr);
  }
}

BOOST_AUTO_TEST_CASE(every_records_are_found_however_many_wait) {
  constexpr std::size_t many = 100'000;
  Waiting waiting;
  std::vector<BeatSlot*> slots;
  for (std::size_t i = 0; i < many; ++i)
    slots.push_back(&waiting.push(waiting.record(i)));
  BOOST_TEST(waiting.calls.size() == many);

  std::size_t found = 0;
  for (std::size_t i = 0; i < many; ++i) {
    if (waiting.calls.pop_of(waiting.records[i]) == slots[i]) ++found;
  }

  BOOST_TEST(found == many);
  BOOST_TEST(waiting.calls.empty());
}

// For each one that comes out many come in, of its own record and of others, so that ever more wait; one of the very
// first is out in time nevertheless, in whichever bucket it is.
BOOST_AUTO_TEST_CASE(one_that_waits_is_not_kept_waiting_by_those_that_come_later) {
  constexpr std::size_t soon = 4 * CancelledCalls::bucket_count;
  for (std::uint64_t first = 1; first <= 8; ++first) {
    Waiting waiting;
    std::uint64_t generation = first;
    Record& record = waiting.record(generation);
    for (int i = 0; i < 3; ++i)
      waiting.push(record);
    const BeatSlot& last = waiting.push(record);

    std::size_t before = 0;
    for (; &waiting.calls.pop() != &last && before < soon; ++before) {
      waiting.push(record);
      for (int i = 0; i < 16; ++i)
        waiting.push(waiting.record(++generation));
    }

    BOOST_TEST(before < soon);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
