// SPDX-License-Identifier: BSL-1.0
// The scheduler bites: in toys with a planted fault each it finds the lost update, the deadlock and the lost wake-up,
// and what it finds is found again by its seed.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>

#include <boost/test/unit_test.hpp>

#include "explore.hpp"
#include "scheduled_threading.hpp"

// The toys lock and wait with what the engine gets here.
#include <heartbeat/detail/threads/threading.hpp>

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::detail::Bell;
using heartbeat::detail::Mutex;
using heartbeat::detail::MutexLock;
using heartbeat::detail::Threading;

namespace {

constexpr std::size_t enough = 1'000;

struct Counter {
  Mutex mutex;
  int value HEARTBEAT_GUARDED_BY(mutex) = 0;

  int get() {
    const MutexLock lock{mutex};
    return value;
  }
  void set(int to) {
    const MutexLock lock{mutex};
    value = to;
  }
};

void lost_update(Scheduler& schedule) {
  Counter counter;
  const auto add = [&] { counter.set(counter.get() + 1); };  // locked twice, not once
  schedule.together({{"one", add}, {"two", add}});
  if (counter.get() != 2) schedule.fail("an update is lost");
}

void wrong_order(Scheduler& schedule) {
  Mutex a;
  Mutex b;
  const auto take_both = [](Mutex& first, Mutex& second) {
    const MutexLock one{first};
    const MutexLock two{second};
  };
  schedule.together({{"one", [&] { take_both(a, b); }}, {"two", [&] { take_both(b, a); }}});
}

void lost_wake_up(Scheduler& schedule) {
  std::atomic<int> value{0};
  const auto wait = [&] {
    while (value.load() == 0)
      Threading::wait(value, 0);
  };
  schedule.together({{"waiter", wait}, {"setter", [&] { value.store(1); }}});  // and tells nobody
}

// A change that is made after the bell was rung, not while it rings.
void rung_too_early(Scheduler& schedule) {
  Bell bell;
  bool is_done = false;
  schedule.together({{"waiter", [&] { bell.wait([&] { return is_done; }); }}, {"setter", [&] {
                                                                                 bell.ring([] {});
                                                                                 is_done = true;
                                                                               }}});
}

// Needs three changes of the turn at the right places: one sees 1 and 3, and not 2.
void deep(Scheduler& schedule) {
  Counter counter;
  bool seen[4] = {};
  schedule.together({{"writer",
                      [&] {
                        for (const int value : {1, 2, 3})
                          counter.set(value);
                      }},
                     {"reader", [&] {
                        for (int i = 0; i < 3; ++i)
                          seen[counter.get()] = true;
                      }}});
  if (seen[1] && seen[3] && !seen[2] && !seen[0]) schedule.fail("one and three");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduler)

BOOST_AUTO_TEST_CASE(it_finds_a_lost_update) {
  const Exploration found = explored(lost_update, enough);

  BOOST_TEST(found.last.fault == "an update is lost");
}

BOOST_AUTO_TEST_CASE(it_finds_a_deadlock_and_tells_who_waits_for_what) {
  const Exploration found = explored(wrong_order, enough);

  BOOST_TEST(found.last.fault == "deadlock: main joins, one waits for the lock, two waits for the lock");
  BOOST_TEST(found.last.story.find("one: locks") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_finds_a_lost_wake_up) {
  const Exploration found = explored(lost_wake_up, enough);

  BOOST_TEST(found.last.fault == "deadlock: main joins, waiter waits for a change");
}

BOOST_AUTO_TEST_CASE(it_finds_a_bell_that_rings_too_early) {
  const Exploration found = explored(rung_too_early, enough);

  BOOST_TEST(found.last.fault == "deadlock: main joins, waiter waits for the bell");
}

BOOST_AUTO_TEST_CASE(it_finds_what_needs_several_turns) {
  const Exploration found = explored(deep, enough);

  BOOST_TEST(found.last.fault == "one and three");
}

BOOST_AUTO_TEST_CASE(it_finds_what_never_ends) {
  const Exploration found = explored(
      [](Scheduler& schedule) {
        for (;;)
          schedule.point("goes round");
      },
      1);

  BOOST_TEST(found.last.fault == "does not end: 20000 steps");
}

BOOST_AUTO_TEST_CASE(a_seed_gives_the_same_schedule_again) {
  const Exploration found = explored(deep, enough);

  const Exploration again = explored(deep, 1, found.seed);

  BOOST_TEST(again.last.fault == found.last.fault);
  BOOST_TEST(again.last.story == found.last.story);
}

BOOST_AUTO_TEST_CASE(it_finds_nothing_where_nothing_is_wrong) {
  explore([](Scheduler& schedule) {
    Counter counter;
    Bell bell;
    bool is_done = false;
    std::atomic<int> waits{1};
    schedule.together({{"waiter",
                        [&] {
                          bell.wait([&] { return is_done; });
                          waits.store(0);
                          Threading::notify_all(waits);
                        }},
                       {"setter", [&] { bell.ring([&] { is_done = true; }); }},
                       {"watcher", [&] {
                          while (waits.load() != 0)
                            Threading::wait(waits, 1);
                          counter.set(1);
                        }}});
    if (counter.get() != 1) schedule.fail("the watcher came too early");
  });
}

BOOST_AUTO_TEST_CASE(a_wait_with_a_limit_ends_when_nothing_else_happens) {
  explore([](Scheduler& schedule) {
    Bell bell;
    bool has_run = false;
    schedule.together({{"waiter",
                        [&] {
                          if (bell.wait_for(std::chrono::seconds{1}, [] { return false; })) schedule.fail("it is done");
                          if (!has_run) schedule.fail("it gave up while another could run");
                        }},
                       {"other", [&] { has_run = true; }}});
  });
}

BOOST_AUTO_TEST_CASE(a_stop_callback_is_waited_for_by_who_destroys_it) {
  explore([](Scheduler& schedule) {
    std::stop_source source;
    bool is_running = false;
    const auto slow = [&] {
      is_running = true;
      point("is slow");
      is_running = false;
    };
    std::optional<Threading::StopCallback<decltype(slow)>> callback;
    callback.emplace(source.get_token(), slow);
    schedule.together({{"stopper", [&] { source.request_stop(); }}, {"destroyer", [&] {
                                                                       callback.reset();
                                                                       if (is_running) schedule.fail("not waited for");
                                                                     }}});
  });
}

BOOST_AUTO_TEST_SUITE_END()
