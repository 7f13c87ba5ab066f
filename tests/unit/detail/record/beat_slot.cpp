// SPDX-License-Identifier: BSL-1.0
// The pool of calls in flight: a slot is nobody's while it is free, and no serial is ever used twice.
#include <cstdint>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/beat_slot.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(beat_slot)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(each_slot_taken_is_another_one) {
  SlotPool pool;
  std::set<BeatSlot*> taken;

  for (int i = 0; i < 1000; ++i)
    taken.insert(pool.take());

  BOOST_TEST(taken.size() == 1000u);
  BOOST_TEST(!taken.contains(nullptr));
}

BOOST_AUTO_TEST_CASE(a_slot_given_back_is_used_again) {
  SlotPool pool;
  BeatSlot* const first = pool.take();
  pool.give_back(*first);

  BOOST_TEST(pool.take() == first);
}

BOOST_AUTO_TEST_CASE(the_pool_grows_to_the_most_that_were_in_use_at_once_and_no_further) {
  SlotPool pool;
  std::size_t slots = 0;
  for (int round = 0; round < 10; ++round) {
    std::vector<BeatSlot*> taken;
    for (int i = 0; i < 128; ++i)
      taken.push_back(pool.take());
    for (BeatSlot* slot : taken)
      pool.give_back(*slot);
  }

  pool.for_each([&](BeatSlot&) { ++slots; });

  BOOST_TEST(slots == 128u);
}

BOOST_AUTO_TEST_CASE(no_serial_is_used_twice_whatever_happens_to_the_slot) {
  SlotPool pool;
  std::set<std::uint64_t> serials;
  std::size_t seen = 0;
  BeatSlot* slot = nullptr;

  for (int i = 0; i < 100; ++i) {
    slot = pool.take();
    serials.insert(slot->serial);
    pool.expire_serial(*slot);
    serials.insert(slot->serial);
    pool.give_back(*slot);
    serials.insert(slot->serial);
    seen += 3;
  }

  BOOST_TEST(serials.size() == seen);
}

BOOST_AUTO_TEST_CASE(a_slot_remembers_nothing_of_the_call_before) {
  SlotPool pool;
  BeatSlot* slot = pool.take();
  slot->stop = std::stop_source{};
  slot->send_time = 5;
  slot->deadline = 6;
  slot->is_abandoned = slot->is_answered = slot->is_close = true;
  pool.give_back(*slot);

  slot = pool.take();

  BOOST_TEST(slot->record == nullptr);
  BOOST_TEST(!slot->stop.stop_possible());
  BOOST_TEST(slot->send_time == 0);
  BOOST_TEST(slot->deadline == instant_never);
  BOOST_TEST(!slot->is_abandoned);
  BOOST_TEST(!slot->is_answered);
  BOOST_TEST(!slot->is_close);
}

BOOST_AUTO_TEST_CASE(a_free_slot_belongs_to_no_record) {
  SlotPool pool;
  Record* const some = reinterpret_cast<Record*>(&pool);  // only its address counts
  BeatSlot* const slot = pool.take();
  slot->record = some;

  pool.give_back(*slot);

  pool.for_each([&](BeatSlot& each) { BOOST_TEST(each.record == nullptr); });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
