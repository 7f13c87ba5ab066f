// SPDX-License-Identifier: BSL-1.0
// The loop of the engine's threads without threads: what comes when it has been stopped is dropped, at once and once,
// since nobody is left who would run it. Read next: thread.cpp, the loop with its threads.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/thread_loop.hpp>
#include <heartbeat/executors/work_queue.hpp>

#include "../../calling.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(thread_loop)

using Clock = std::chrono::steady_clock;
using Loop = heartbeat::detail::ThreadLoop<Clock>;
using LoopWork = heartbeat::testing::Calling<heartbeat::Work>;
using LoopTimer = heartbeat::testing::Calling<heartbeat::Timer>;

BOOST_AUTO_TEST_CASE(what_waits_is_handed_over_by_stop_works_first) {
  Loop loop{Clock{}};
  LoopWork work;
  LoopTimer timer;
  loop.wake_by(timer, Clock::now());
  loop.post(work);

  heartbeat::WorkQueue rest;
  loop.stop(rest);

  BOOST_TEST(rest.pop() == &work);
  BOOST_TEST(rest.pop() == &timer);
  BOOST_TEST(rest.empty());
  BOOST_TEST(!loop.cancel(timer));
}

BOOST_AUTO_TEST_CASE(what_comes_after_stop_is_dropped_and_kept_by_nobody) {
  Loop loop{Clock{}};
  heartbeat::WorkQueue rest;
  loop.stop(rest);
  LoopWork work;
  LoopTimer timer;

  loop.post(work);
  BOOST_TEST(loop.wake_by(timer, Clock::now()));

  BOOST_TEST(work.dropped == 1);
  BOOST_TEST(timer.dropped == 1);
  BOOST_TEST(!loop.cancel(timer));
  loop.run_thread();
  BOOST_TEST(work.ran + timer.ran == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
