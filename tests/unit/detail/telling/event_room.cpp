// SPDX-License-Identifier: BSL-1.0
// The limit of what waits for the sink, over all shards: two counts that know nothing of each other.
#include <cstddef>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/telling/event_room.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(event_room)

using heartbeat::detail::EventRoom;

BOOST_AUTO_TEST_CASE(there_is_room_for_so_many_states_until_one_is_given_back) {
  EventRoom room{2};
  BOOST_TEST(room.take());
  BOOST_TEST(room.take());
  BOOST_TEST(!room.take());
  BOOST_TEST(!room.take(), "a refusal takes nothing");

  room.give_back();

  BOOST_TEST(room.take());
  BOOST_TEST(!room.take());
}

BOOST_AUTO_TEST_CASE(ends_are_counted_by_themselves_and_beyond_the_capacity) {
  EventRoom room{2};
  room.expect_end();
  BOOST_TEST(!room.has_backlog());
  room.expect_end();
  room.expect_end();
  BOOST_TEST(room.has_backlog());
  BOOST_TEST(room.take(), "states have their own room");

  room.told_end();
  BOOST_TEST(room.has_backlog());
  room.told_end();

  BOOST_TEST(!room.has_backlog());
}

BOOST_AUTO_TEST_CASE(threads_that_fight_for_the_last_places_get_as_many_as_there_are) {
  constexpr std::size_t capacity = 1000;
  EventRoom room{capacity};
  std::vector<std::size_t> taken(4);

  std::vector<std::thread> threads;
  for (std::size_t& mine : taken) {
    threads.emplace_back([&room, &mine] {
      while (room.take())
        ++mine;
    });
  }
  for (std::thread& thread : threads)
    thread.join();

  BOOST_TEST(taken[0] + taken[1] + taken[2] + taken[3] == capacity);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
