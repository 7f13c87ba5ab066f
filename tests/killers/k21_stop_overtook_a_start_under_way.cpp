// SPDX-License-Identifier: BSL-1.0
// K21: stop overtook a start that was still under way; the renewal outlived the unlock. Here a stop before the start is
// complete finds nothing and says so; whoever must be able to cancel that early passes a parent's token, which is
// looked at once more after the heartbeat is in the index, and before every beat.
#include <stop_token>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::EndReason;
using heartbeat::EventKind;
using heartbeat::testing::EventLog;

BOOST_AUTO_TEST_SUITE(k21_stop_overtook_a_start_under_way)

// K21
BOOST_AUTO_TEST_CASE(k21_a_stop_that_comes_first_says_that_it_stopped_nothing) {
  World world;

  BOOST_TEST(!world.registry->stop(7));
  const Handle lock = world.registry->start(7, at_once());
  world.executor.run_ready();

  BOOST_TEST(lock.valid());
}

BOOST_AUTO_TEST_CASE(k21_a_start_whose_parent_was_cancelled_first_renews_nothing) {
  World world;
  std::stop_source unlock;
  Options options = at_once();
  options.parent = unlock.get_token();
  unlock.request_stop();

  const Handle lock = world.registry->start(7, options);
  world.executor.run_for(10min);

  BOOST_TEST(world.sent(7).empty());
  BOOST_TEST(why(lock) == "parent_cancelled");
}

// K21: the stop comes inside the very call of the first beat, before `start`'s caller can have seen its handle used.
BOOST_AUTO_TEST_CASE(k21_a_stop_inside_the_first_beat_leaves_no_second_one) {
  World world;
  world.transport.on(7).calling([&] { BOOST_TEST(world.registry->stop(7)); }).acknowledge();

  const Handle lock = world.registry->start(7, at_once());
  world.executor.run_for(10min);

  BOOST_TEST(world.sent(7).size() == 1U);
  BOOST_TEST(why(lock) == "stopped");
  BOOST_TEST(world.registry->size() == 0U);
}

// K21: the two on two threads, in whatever order they come; nothing is left that would renew.
BOOST_AUTO_TEST_CASE(k21_whichever_comes_first_nothing_outlives_the_unlock) {
  for (int round = 0; round < 300; ++round) {
    EventLog<int> log;
    ThreadRegistry registry{answering(acknowledge), log, {.shards = 1}};
    std::stop_source unlock;
    auto options = one_beat<ThreadRegistry>();
    options.parent = unlock.get_token();
    ThreadRegistry::Handle lock;
    Meeting meeting;
    {
      const std::jthread starter{[&] {
        meeting.wait();
        lock = registry.start(7, options);
      }};
      meeting.wait();
      unlock.request_stop();
    }

    BOOST_TEST_REQUIRE(log.wait_for(EventKind::ended, 1));
    BOOST_TEST_REQUIRE(why(lock) == "parent_cancelled");
    BOOST_TEST_REQUIRE(registry.size() == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
