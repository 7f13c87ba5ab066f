// SPDX-License-Identifier: BSL-1.0
// The pool for work that may block: it grows while works wait that nobody takes, to its limit and not beyond, shrinks
// when there is nothing to do, goes on where no thread can be made, and ends from anywhere. Every wait here is for an
// event. Read next: thread.cpp, the executor that has it.
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/blocking_pool.hpp>
#include <heartbeat/executors/work_queue.hpp>

#include "../../calling.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(blocking_pool)

using heartbeat::WorkQueue;
using heartbeat::detail::BlockingPool;
using heartbeat::detail::BlockingPoolTimes;
using heartbeat::testing::eventually;
using heartbeat::testing::Signal;
using heartbeat::testing::Waited;
using PoolWork = heartbeat::testing::Calling<heartbeat::Work>;
using namespace std::chrono_literals;

// Makes threads and counts them, and does what the test wants where the system makes one.
struct Maker {
  struct Counts {
    std::atomic<std::size_t> made{0};
    std::atomic<std::size_t> failed{0};
    std::atomic<std::size_t> living{0};
    std::mutex mutex;
    std::function<void()> on_make = [] {};  // mutex
    std::vector<pid_t> ids;                 // mutex: of all that were made, once they run
    std::atomic<int> yields_once_made{0};
  };

  void on_make(std::function<void()> fn) const {
    const std::lock_guard lock{counts->mutex};
    counts->on_make = std::move(fn);
  }

  template <class Body>
  std::thread operator()(Body&& body) const {
    std::function<void()> fn;
    {
      const std::lock_guard lock{counts->mutex};
      fn = counts->on_make;
    }
    try {
      fn();
    } catch (...) {
      ++counts->failed;
      throw;
    }
    ++counts->living;
    ++counts->made;
    std::thread made{[held = counts, body = std::forward<Body>(body)]() mutable {
      {
        const std::lock_guard lock{held->mutex};
        held->ids.push_back(::gettid());
      }
      {
        const auto run = std::move(body);
        run();
      }
      --held->living;
    }};
    for (int i = 0; i < counts->yields_once_made; ++i)
      std::this_thread::yield();
    return made;
  }

  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
};

// A pool that is stopped and joined, and the maker of its threads.
struct Desk {
  explicit Desk(std::size_t limit, BlockingPoolTimes times = {})
      : pool{std::make_shared<BlockingPool<Maker>>(limit, times, maker)} {}
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  ~Desk() { end(); }

  // Once: a thread that is left then ends the program, as the pool dies with it.
  void end() {
    if (std::exchange(has_ended, true)) return;
    WorkQueue rest;
    pool->stop(rest);
    rest.drop_all();
    pool->join();
  }

  [[nodiscard]] Waited shrinks_to(std::size_t size) const {
    return eventually(
        std::to_string(size) + " threads", [&] { return pool->size() == size; },
        [&] { return std::to_string(pool->size()); });
  }

  Maker maker;
  std::shared_ptr<BlockingPool<Maker>> pool;
  bool has_ended = false;
};

// Works that arrive and stay until they are let go.
struct Blocked {
  explicit Blocked(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      works.push_back(std::make_unique<PoolWork>([this] {
        const std::size_t now = ++running;
        for (std::size_t most = at_once; now > most && !at_once.compare_exchange_weak(most, now);) {
        }
        arrived.raise();
        const bool may_leave = !!leave.wait();
        --running;
        if (may_leave) left.raise();
      }));
    }
  }

  void post_to(BlockingPool<Maker>& pool) {
    for (auto& work : works)
      pool.post(*work);
  }

  Signal arrived, leave, left;
  std::atomic<std::size_t> running{0};
  std::atomic<std::size_t> at_once{0};
  std::vector<std::unique_ptr<PoolWork>> works;
};

// No work could come back to the free thread in less.
constexpr BlockingPoolTimes grows_at_once{.standing = 0ns, .idle = 1h};
constexpr BlockingPoolTimes shrinks_soon{.standing = 0ns, .idle = 1ms};

BOOST_AUTO_TEST_CASE(it_begins_with_the_threads_that_it_keeps) {
  for (const std::size_t limit : {1u, 2u, 3u, 256u}) {
    Desk desk{limit};

    desk.pool->start();

    BOOST_TEST(desk.pool->limit() == limit);
    BOOST_TEST(desk.pool->size() == (limit == 1 ? 1u : 2u));
    BOOST_TEST(desk.maker.counts->made == desk.pool->size());
  }
}

BOOST_AUTO_TEST_CASE(works_that_block_have_a_thread_each_up_to_the_limit) {
  Blocked works{8};
  Desk desk{5};
  desk.pool->start();

  works.post_to(*desk.pool);

  BOOST_TEST_REQUIRE(works.arrived.wait(5));
  works.leave.raise();
  BOOST_TEST(works.left.wait(8));
  BOOST_TEST(works.at_once == 5u);
  BOOST_TEST(desk.maker.counts->made == 5u);
}

// The calls of a dead server come one by one, and between them somebody else wants something.
BOOST_AUTO_TEST_CASE(below_the_limit_a_thread_is_free_however_many_works_block) {
  constexpr std::size_t count = 30;
  Signal done;
  std::vector<std::unique_ptr<PoolWork>> quick;
  Blocked works{count};
  Desk desk{count + 1};
  desk.pool->start();

  for (std::size_t i = 0; i < count; ++i) {
    desk.pool->post(*works.works[i]);
    quick.push_back(std::make_unique<PoolWork>([&] { done.raise(); }));
    desk.pool->post(*quick.back());
    BOOST_TEST_REQUIRE(works.arrived.wait(i + 1));
    BOOST_TEST_REQUIRE(done.wait(i + 1));
  }

  BOOST_TEST(works.running == count);
  works.leave.raise();
}

BOOST_AUTO_TEST_CASE(at_the_limit_a_work_runs_once_another_returns) {
  Signal done;
  Blocked staying{1}, works{1};
  PoolWork waiting{[&] { done.raise(); }};
  Desk desk{2};
  desk.pool->start();
  staying.post_to(*desk.pool);
  works.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(staying.arrived.wait());
  BOOST_TEST_REQUIRE(works.arrived.wait());

  desk.pool->post(waiting);
  BOOST_TEST(waiting.ran == 0);
  works.leave.raise();

  BOOST_TEST(done.wait());
  BOOST_TEST(staying.running == 1u);
  staying.leave.raise();
}

BOOST_AUTO_TEST_CASE(a_work_that_may_still_be_taken_by_one_who_comes_back_makes_no_thread) {
  Blocked one{1}, other{1};
  Desk desk{256, {.standing = 1h}};
  desk.pool->start();
  one.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(one.arrived.wait());

  other.post_to(*desk.pool);
  for (int i = 0; i < 1'000; ++i)
    std::this_thread::yield();  // the free thread looks
  one.leave.raise();

  BOOST_TEST(other.arrived.wait());
  BOOST_TEST(desk.maker.counts->made == 2u);
  other.leave.raise();
}

BOOST_AUTO_TEST_CASE(quick_works_make_no_thread_however_many_they_are) {
  constexpr std::size_t count = 10'000;
  Signal done;
  std::vector<std::unique_ptr<PoolWork>> works(count);
  Desk desk{256, {.standing = 1h}};
  desk.pool->start();

  for (auto& work : works) {
    work = std::make_unique<PoolWork>([&] { done.raise(); });
    desk.pool->post(*work);
  }

  BOOST_TEST(done.wait(count));
  BOOST_TEST(desk.maker.counts->made == 2u);
}

// If each waited before it made the next, they would take longer than the test waits.
BOOST_AUTO_TEST_CASE(while_no_thread_comes_back_more_are_made_after_each_wait) {
  constexpr std::size_t limit = 256;
  Blocked works{limit};
  Desk desk{limit, {.standing = 250ms}};
  desk.pool->start();

  works.post_to(*desk.pool);

  BOOST_TEST(works.arrived.wait(limit));
  works.leave.raise();
}

BOOST_AUTO_TEST_CASE(it_shrinks_to_the_threads_that_it_keeps_and_grows_again) {
  constexpr std::size_t limit = 8;
  Desk desk{limit, shrinks_soon};
  desk.pool->start();

  for (int round = 0; round < 20; ++round) {
    Blocked works{limit};
    works.post_to(*desk.pool);
    BOOST_TEST_REQUIRE(works.arrived.wait(limit));
    works.leave.raise();
    BOOST_TEST_REQUIRE(works.left.wait(limit));

    BOOST_TEST_REQUIRE(desk.shrinks_to(2));
  }

  BOOST_TEST(desk.maker.counts->made >= limit + 19 * (limit - 2));
  desk.end();
  BOOST_TEST(desk.maker.counts->living == 0u);
}

// Works that come one at a time are taken by the one that has just come back; the others sleep on.
BOOST_AUTO_TEST_CASE(a_little_work_does_not_keep_the_threads_that_are_too_many) {
  constexpr std::size_t limit = 8;
  std::size_t posts = 0;
  Signal done;
  PoolWork little{[&] { done.raise(); }};
  Blocked works{limit};
  Desk desk{limit, {.standing = 0ns, .idle = 500ms}};
  desk.pool->start();
  works.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(works.arrived.wait(limit));
  works.leave.raise();
  BOOST_TEST_REQUIRE(works.left.wait(limit));

  const auto has_shrunk = [&] {
    desk.pool->post(little);
    BOOST_TEST_REQUIRE(done.wait(++posts));
    return desk.pool->size() <= 3;  // the two that it keeps, and one that was made for the work of a moment
  };

  BOOST_TEST(eventually("few threads", has_shrunk, [&] { return std::to_string(desk.pool->size()); }));
}

// How often the pool's threads have gone to sleep.
std::string sleeps(const Maker& maker) {
  const std::lock_guard lock{maker.counts->mutex};
  std::string all;
  for (const pid_t id : maker.counts->ids) {
    std::ifstream status{"/proc/self/task/" + std::to_string(id) + "/status"};
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("voluntary_ctxt_switches")) all += std::to_string(id) + ": " + line + "; ";
    }
  }
  return all;
}

BOOST_AUTO_TEST_CASE(with_nothing_to_do_those_that_are_kept_sleep_on) {
  constexpr std::size_t limit = 6;
  Blocked works{limit};
  Desk desk{limit, {.standing = 0ns, .idle = 10us}};
  desk.pool->start();
  works.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(works.arrived.wait(limit));
  works.leave.raise();
  BOOST_TEST_REQUIRE(desk.shrinks_to(2));

  int in_a_row = 0;
  const auto are_asleep = [&] {
    const std::string before = sleeps(desk.maker);
    for (int i = 0; i < 10'000; ++i)
      std::this_thread::yield();
    in_a_row = sleeps(desk.maker) == before ? in_a_row + 1 : 0;
    return in_a_row == 20;
  };

  BOOST_TEST(eventually("all asleep for a while", are_asleep, [&] { return sleeps(desk.maker); }));
}

// The running works are let go by the drop of those that wait behind them.
BOOST_AUTO_TEST_CASE(at_the_end_what_waits_is_dropped_and_what_runs_is_waited_for) {
  Blocked works{4};
  const auto let_go = [&] { works.leave.raise(); };
  std::array<PoolWork, 3> waiting{PoolWork{[] {}, let_go}, PoolWork{[] {}, let_go}, PoolWork{[] {}, let_go}};
  PoolWork late;
  Desk desk{4, grows_at_once};
  desk.pool->start();
  works.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(works.arrived.wait(4));
  for (PoolWork& work : waiting)
    desk.pool->post(work);

  desk.end();
  desk.pool->post(late);

  for (const auto& work : works.works)
    BOOST_TEST(work->ran == 1);
  for (const PoolWork& work : waiting) {
    BOOST_TEST(work.dropped == 1);
    BOOST_TEST(work.ran == 0);
  }
  BOOST_TEST(late.dropped == 1);
  BOOST_TEST(desk.maker.counts->living == 0u);
}

template <class Failure>
void goes_on_without_the_thread_that_cannot_be_made(const Failure& failure) {
  constexpr std::size_t limit = 8;
  Signal done;
  PoolWork quick{[&] { done.raise(); }};
  Blocked first{2}, second{limit};
  Desk desk{limit, grows_at_once};
  desk.pool->start();
  desk.maker.on_make([&] { throw failure; });

  first.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(first.arrived.wait(2));
  desk.pool->post(quick);
  BOOST_TEST(desk.pool->size() == 2u);
  BOOST_TEST(quick.ran == 0);
  first.leave.raise();
  BOOST_TEST(done.wait());
  // Nothing waits, so none is made from here on; but one may still be about to learn that it could not be made. It
  // would take one of the next works then, and the other thread another.
  BOOST_TEST_REQUIRE(desk.shrinks_to(2));
  BOOST_TEST(desk.maker.counts->failed > 0u);

  desk.maker.on_make([] {});
  second.post_to(*desk.pool);
  BOOST_TEST(second.arrived.wait(limit));
  BOOST_TEST(desk.pool->size() == limit);
  second.leave.raise();
}

BOOST_AUTO_TEST_CASE(where_the_system_makes_no_thread_it_goes_on_and_tries_again) {
  goes_on_without_the_thread_that_cannot_be_made(
      std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)});
}

BOOST_AUTO_TEST_CASE(where_there_is_no_memory_for_a_thread_it_goes_on_and_tries_again) {
  goes_on_without_the_thread_that_cannot_be_made(std::bad_alloc{});
}

BOOST_AUTO_TEST_CASE(if_one_of_the_first_threads_cannot_be_made_start_says_so_and_the_other_is_joined) {
  Desk desk{8};
  desk.maker.on_make([counts = desk.maker.counts.get()] {
    if (counts->made == 1) throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
  });

  BOOST_CHECK_THROW(desk.pool->start(), std::system_error);
  desk.end();

  BOOST_TEST(desk.maker.counts->living == 0u);
}

BOOST_AUTO_TEST_CASE(a_thread_that_is_being_made_while_the_pool_ends_is_joined_too) {
  Signal making, stopped;
  std::atomic<bool> was_stopped{false};
  Blocked works{2};
  Desk desk{8, grows_at_once};
  desk.pool->start();
  desk.maker.on_make([&] {
    making.raise();
    was_stopped = !!stopped.wait();
  });
  works.post_to(*desk.pool);
  BOOST_TEST_REQUIRE(making.wait());

  std::thread later{[&] {
    for (int i = 0; i < 1'000; ++i)
      std::this_thread::yield();  // the end has begun
    stopped.raise();
    works.leave.raise();
  }};
  desk.end();
  later.join();

  BOOST_TEST(was_stopped);
  BOOST_TEST(desk.maker.counts->made == 3u);
  BOOST_TEST(desk.maker.counts->living == 0u);
}

// A thread may have run a work, and slept long enough to end, before its maker has come to file it.
BOOST_AUTO_TEST_CASE(a_thread_does_not_end_before_it_is_filed) {
  constexpr std::size_t limit = 4;
  Desk desk{limit, {.standing = 0ns, .idle = 1us}};
  desk.pool->start();
  desk.maker.counts->yields_once_made = 1'000;

  for (int round = 0; round < 10; ++round) {
    Blocked works{2};
    works.post_to(*desk.pool);
    BOOST_TEST_REQUIRE(works.arrived.wait(2));
    works.leave.raise();
    BOOST_TEST_REQUIRE(works.left.wait(2));
    BOOST_TEST_REQUIRE(desk.shrinks_to(2));
  }

  BOOST_TEST(desk.maker.counts->made > 2u);
}

// Each post is run or dropped once, while threads are made and end all the time, and the pool ends in the midst of it.
BOOST_AUTO_TEST_CASE(short_works_from_many_threads_while_it_grows_and_shrinks_and_ends) {
  constexpr std::size_t posters = 4;
  constexpr std::size_t count = 500;
  for (int round = 0; round < 20; ++round) {
    Signal begun;
    std::vector<std::unique_ptr<PoolWork>> works(posters * count);
    for (auto& work : works)
      work = std::make_unique<PoolWork>();
    Desk desk{round % 2 == 0 ? 3u : 16u, {.standing = std::chrono::microseconds{round % 4}, .idle = 1us}};
    desk.pool->start();
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < posters; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < count; ++i) {
          desk.pool->post(*works[t * count + i]);
          if (i % 16 == t) std::this_thread::yield();
          if (i == count / 2) begun.raise();
        }
      });
    }
    BOOST_TEST_REQUIRE(begun.wait(static_cast<std::size_t>(round) % posters + 1));

    desk.end();
    for (std::thread& thread : threads)
      thread.join();

    for (const auto& work : works)
      BOOST_TEST_REQUIRE(work->ran + work->dropped == 1);
    BOOST_TEST(desk.maker.counts->living == 0u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
