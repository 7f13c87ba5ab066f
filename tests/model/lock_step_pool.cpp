// SPDX-License-Identifier: BSL-1.0
// The pool in lock-step: what is posted first runs first, no more of it at once than there are places, and what is
// parked lets time pass.
#include "lock_step_pool.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace {

using namespace std::chrono_literals;
using heartbeat::Work;
using heartbeat::model::LockStepPool;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

class Job final : public Work {
 public:
  explicit Job(std::function<void()> fn) : fn_{std::move(fn)} {}
  void run() noexcept override { fn_(); }
  void drop() noexcept override { was_dropped = true; }
  bool was_dropped = false;

 private:
  std::function<void()> fn_;
};

struct PoolFixture {
  // Says when it begins and when it is through, so much later.
  Job taking(std::string name, std::chrono::seconds span) {
    return Job{[this, name, span] {
      story += name + "> ";
      pool.park_for(span);
      story += name + "@" + std::to_string(clock.now().time_since_epoch() / 1s) + ' ';
    }};
  }

  ManualClock clock;
  ManualExecutor executor{clock, 7};
  LockStepPool pool{executor, 2};
  std::string story;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lock_step_pool)

BOOST_FIXTURE_TEST_CASE(what_is_posted_first_runs_first_and_no_more_at_once_than_there_are_places, PoolFixture) {
  Job a = taking("a", 3s);
  Job b = taking("b", 1s);
  Job c = taking("c", 1s);
  for (Job* const job : {&a, &b, &c})
    pool.post(*job);

  executor.run_ready();
  BOOST_TEST(story == "a> b> ");
  BOOST_TEST(pool.parked() == 2U);
  BOOST_TEST(pool.queued() == 1U);

  executor.run_for(5s);
  BOOST_TEST(story == "a> b> b@1 c> c@2 a@3 ");
  BOOST_TEST(pool.parked() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_call_that_is_parked_is_resumed_by_whoever_has_its_place, PoolFixture) {
  LockStepPool::Place* place = nullptr;
  const auto caller = std::this_thread::get_id();
  Job job{[&] {
    place = pool.here();
    story += std::this_thread::get_id() == caller ? "on the caller's stack " : "on its own stack ";
    pool.park();
    story += "resumed";
  }};
  BOOST_TEST(pool.here() == nullptr);
  pool.post(job);
  executor.run_ready();

  BOOST_TEST_REQUIRE(place != nullptr);
  executor.run_for(1h);
  BOOST_TEST(story == "on its own stack ");
  pool.resume(*place);

  BOOST_TEST(story == "on its own stack resumed");
}

BOOST_AUTO_TEST_CASE(what_is_queued_when_the_pool_dies_is_dropped) {
  Job job{[] {}};
  const ManualClock clock;
  { LockStepPool{ManualExecutor{clock}, 1}.post(job); }

  BOOST_TEST(job.was_dropped);
}

BOOST_AUTO_TEST_SUITE_END()
