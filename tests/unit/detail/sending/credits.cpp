// SPDX-License-Identifier: BSL-1.0
// The limit of calls in flight: never exceeded, half of it for what is tried again, and nobody who waits is forgotten.
#include <atomic>
#include <cstddef>
#include <set>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/sending/credits.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(credits)

using heartbeat::detail::Credits;
using heartbeat::detail::WaitingShards;

BOOST_AUTO_TEST_CASE(there_are_no_more_than_the_limit) {
  Credits all{10};

  BOOST_TEST(all.take(4) == 4u);
  BOOST_TEST(all.take(100) == 6u);
  BOOST_TEST(all.take(1) == 0u);
  all.give(3, 0);

  BOOST_TEST(all.available() == 3u);
  BOOST_TEST(all.take(5) == 3u);
}

BOOST_AUTO_TEST_CASE(what_is_tried_again_gets_half) {
  Credits all{5};

  BOOST_TEST(all.take_again());
  BOOST_TEST(all.take_again());
  BOOST_TEST(!all.take_again());
  all.give(0, 2);

  BOOST_TEST(all.available_again() == 2u);
  BOOST_TEST(all.take_again());
}

BOOST_AUTO_TEST_CASE(a_limit_of_one_still_lets_something_be_tried_again) {
  Credits all{1};

  BOOST_TEST(all.take_again());
  BOOST_TEST(!all.take_again());
}

BOOST_AUTO_TEST_CASE(who_waits_is_found_once_and_in_turn) {
  WaitingShards waiting;
  BOOST_TEST(waiting.empty());
  for (const std::size_t shard : {3u, 70u, 255u})
    waiting.add(shard);

  BOOST_TEST(waiting.next() == 3u);
  waiting.add(3);
  BOOST_TEST(waiting.next() == 70u, "the one that was served waits behind the others");
  BOOST_TEST(waiting.next() == 255u);
  BOOST_TEST(!waiting.empty());
  BOOST_TEST(waiting.next() == 3u);

  BOOST_TEST(waiting.next() == WaitingShards::nobody);
  BOOST_TEST(waiting.empty());
}

BOOST_AUTO_TEST_CASE(who_has_just_been_passed_by_is_found_too) {
  for (std::size_t shard = 1; shard < WaitingShards::most_shards; ++shard) {
    WaitingShards waiting;
    waiting.add(shard);
    BOOST_TEST(waiting.next() == shard);

    waiting.add(shard - 1);

    BOOST_TEST(waiting.next() == shard - 1);
  }
}

BOOST_AUTO_TEST_CASE(every_shard_is_found) {
  WaitingShards waiting;
  std::set<std::size_t> found;
  for (std::size_t shard = 0; shard < WaitingShards::most_shards; ++shard)
    waiting.add(shard);

  for (std::size_t shard = waiting.next(); shard != WaitingShards::nobody; shard = waiting.next())
    found.insert(shard);

  BOOST_TEST(found.size() == WaitingShards::most_shards);
}

BOOST_AUTO_TEST_CASE(threads_that_take_and_give_never_have_more_than_the_limit_and_lose_none) {
  Credits all{7};
  std::atomic<std::size_t> taken{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        const std::size_t mine = all.take(3);
        if (taken.fetch_add(mine) + mine > 7) exceeded = true;
        taken.fetch_sub(mine);
        all.give(mine, 0);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();

  BOOST_TEST(!exceeded);
  BOOST_TEST(all.available() == 7u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
