// SPDX-License-Identifier: BSL-1.0
// The Asio executor without a registry: it runs or drops each post once, wakes in time, keeps the context running while
// something is armed and no longer, lets the program's own handlers in between, and needs no memory. Read next:
// registry.cpp.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio.hpp>

#include "context.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(executor)

namespace asio = boost::asio;
using namespace heartbeat::asio_tests;
using namespace heartbeat::guarantees;
using heartbeat::AsioExecutor;
using heartbeat::BasicAsioExecutor;
using heartbeat::BlockingAsioExecutor;
using heartbeat::BootClock;

using Strand = asio::strand<asio::io_context::executor_type>;
using OnStrand = BasicAsioExecutor<Strand>;
using OnAny = BasicAsioExecutor<asio::any_io_executor>;
using OnSteady = BasicAsioExecutor<asio::io_context::executor_type, std::chrono::steady_clock>;
using OnManual = BasicAsioExecutor<asio::io_context::executor_type, ManualClock>;

static_assert(heartbeat::ExecutorFor<OnStrand, BootClock> && heartbeat::ExecutorFor<OnAny, BootClock>);
static_assert(heartbeat::ExecutorFor<OnSteady, std::chrono::steady_clock>);
static_assert(heartbeat::ExecutorFor<OnManual, ManualClock>);
static_assert(!heartbeat::BlockingExecutor<OnStrand> && !heartbeat::HelpingExecutor<AsioExecutor>);

static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<asio::io_context&>()}), AsioExecutor>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<Strand>()}), OnStrand>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<const asio::any_io_executor&>()}), OnAny>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<asio::io_context&>(), ManualClock{}}), OnManual>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<asio::io_context&>(),
                                                      std::declval<asio::thread_pool&>(), std::size_t{2}}),
                           BlockingAsioExecutor>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<const AsioExecutor&>()}), AsioExecutor>);
static_assert(std::same_as<decltype(BasicAsioExecutor{std::declval<AsioExecutor&>()}), AsioExecutor>);

using Executors = boost::mpl::list<AsioExecutor, OnStrand, OnAny>;

template <class E>
E made(asio::io_context& context) {
  if constexpr (std::same_as<E, OnStrand>) {
    return E{asio::make_strand(context)};
  } else {
    return E{context};
  }
}

template <class C>
auto on(asio::io_context& context) {
  return BasicAsioExecutor{context, C{}};
}

using RealClocks = boost::mpl::list<BootClock, std::chrono::steady_clock>;

BOOST_AUTO_TEST_CASE_TEMPLATE(works_run_in_the_order_of_posting_and_never_inside_post, E, Executors) {
  asio::io_context context;
  E executor = made<E>(context);
  std::vector<int> order;
  std::vector<std::unique_ptr<CallingWork>> works;

  for (int i = 0; i < 100; ++i) {
    works.push_back(std::make_unique<CallingWork>([&, i] { order.push_back(i); }));
    executor.post(*works.back());
  }
  BOOST_TEST(order.empty());
  context.run();

  BOOST_TEST(order.size() == 100U);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_work_may_post_itself_again_from_its_run, E, Executors) {
  asio::io_context context;
  E executor = made<E>(context);
  CallingWork work;
  work.fn = [&] {
    if (work.ran < 1'000) executor.post(work);
  };

  executor.post(work);
  context.run();

  BOOST_TEST(work.ran == 1'000);
}

BOOST_AUTO_TEST_CASE(a_handler_of_the_program_comes_between_works_that_never_end) {
  asio::io_context context;
  AsioExecutor executor{context};
  bool is_over = false;
  CallingWork work;
  CallingTimer timer;
  work.fn = [&] {
    if (!is_over) executor.post(work);
  };
  timer.fn = [&] {
    if (!is_over) executor.wake_by(timer, BootClock::time_point{});
  };
  executor.post(work);
  executor.wake_by(timer, BootClock::time_point{});

  asio::post(context, [&] { asio::post(context, [&] { is_over = true; }); });
  context.run();

  BOOST_TEST(work.ran > 0);
  BOOST_TEST(timer.ran > 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_timer_runs_at_its_time_and_not_before, C, RealClocks) {
  asio::io_context context;
  auto executor = on<C>(context);
  const auto at = C::now() + 5ms;
  typename C::time_point ran_at{};
  CallingTimer timer{[&] { ran_at = C::now(); }};

  BOOST_TEST(executor.wake_by(timer, at));
  BOOST_TEST(timer.ran == 0);
  context.run();

  BOOST_TEST((ran_at >= at));
  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_time_that_has_passed_is_now, E, Executors) {
  asio::io_context context;
  E executor = made<E>(context);
  CallingTimer timer, too;

  executor.wake_by(timer, BootClock::time_point{});
  executor.wake_by(too, BootClock::time_point{});
  context.run();

  BOOST_TEST(timer.ran + too.ran == 2);
}

// Again and again, so that the thread is met asleep, awake, and on its way between them.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_waiting_thread_is_woken_by_a_sooner_timer_and_by_a_work, C, RealClocks) {
  asio::io_context context;
  auto executor = on<C>(context);
  Tally timers_done, works_done;
  CallingTimer far, near{[&] { timers_done.add(); }};
  CallingWork work{[&] { works_done.add(); }};
  Threads threads{context, 1};
  executor.wake_by(far, C::time_point::max());

  for (int i = 1; i <= 200; ++i) {
    executor.wake_by(near, C::now() + std::chrono::microseconds{i});
    BOOST_REQUIRE(timers_done.reaches(i));
    executor.post(work);
    BOOST_REQUIRE(works_done.reaches(i));
  }

  BOOST_TEST(far.ran == 0);
  BOOST_TEST(executor.cancel(far));
}

BOOST_AUTO_TEST_CASE(the_earliest_time_asked_for_wins) {
  ManualClock clock;
  asio::io_context context;
  OnManual executor{context, clock};
  const auto start = clock.now();
  CallingTimer timer;

  BOOST_TEST(executor.wake_by(timer, start + 10s));
  BOOST_TEST(!executor.wake_by(timer, start + 5s));
  BOOST_TEST(!executor.wake_by(timer, start + 20s));
  clock.advance(5s - 1ns);
  context.poll();
  BOOST_TEST(timer.ran == 0);
  clock.advance(1ns);
  context.run();
  clock.advance(1h);
  context.restart();
  context.run();

  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE(no_move_of_a_manual_clock_is_lost) {
  ManualClock clock;
  asio::io_context context;
  OnManual executor{context, clock};
  Tally done;
  CallingTimer timer{[&] { done.add(); }};
  Threads threads{context, 2};

  for (int i = 1; i <= 500; ++i) {
    executor.wake_by(timer, clock.now() + 1s);
    clock.advance(1s);
    BOOST_REQUIRE(done.reaches(i));
  }
}

// The clock is moved just before it is waited for: by the executor's own reading of it.
BOOST_AUTO_TEST_CASE(a_move_between_the_reading_of_a_manual_clock_and_the_wait_is_seen) {
  ManualClock clock;
  asio::io_context context;
  OnManual executor{context, clock};
  CallingTimer timer;
  const auto at = clock.now() + 1s;
  clock.advance(1s);

  executor.wake_by(timer, at);
  context.run();

  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cancel_is_true_only_if_the_timer_was_armed, C, RealClocks) {
  asio::io_context context;
  auto executor = on<C>(context);
  CallingTimer timer, again;

  BOOST_TEST(!executor.cancel(timer));
  executor.wake_by(timer, C::now() + 1h);
  BOOST_TEST(executor.cancel(timer));
  BOOST_TEST(!executor.cancel(timer));
  executor.wake_by(again, C::now());  // while the cancelled wait's handler is under way
  context.run();

  BOOST_TEST(timer.ran + timer.dropped == 0);
  BOOST_TEST(again.ran == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_timer_that_is_armed_for_the_same_time_again_runs, C, RealClocks) {
  asio::io_context context;
  auto executor = on<C>(context);
  CallingTimer timer;
  const auto at = C::now() + 1ms;

  executor.wake_by(timer, at);
  BOOST_TEST(executor.cancel(timer));
  executor.wake_by(timer, at);

  BOOST_TEST(run_until(context, "the timer", [&] { return timer.ran == 1; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_armed_timer_keeps_the_context_running_and_a_cancelled_one_does_not, C, RealClocks) {
  asio::io_context context;
  auto executor = on<C>(context);
  CallingTimer timer;

  BOOST_TEST(context.run() == 0U);
  context.restart();
  executor.wake_by(timer, C::now() + 1h);
  context.poll();
  BOOST_TEST(!context.stopped());
  executor.cancel(timer);
  context.run();

  BOOST_TEST(context.stopped());
}

// Each waits for the others, so they finish only if each has a thread of its own.
BOOST_AUTO_TEST_CASE(works_and_timers_run_in_parallel_on_several_threads) {
  asio::io_context context;
  AsioExecutor executor{context};
  Tally arrived, done;
  const auto meet = [&] {
    arrived.add();
    if (arrived.reaches(4)) done.add();
  };
  std::array<CallingWork, 2> works;
  std::array<CallingTimer, 2> timers;
  Threads threads{context, 4};

  for (CallingWork& work : works) {
    work.fn = meet;
    executor.post(work);
  }
  for (CallingTimer& timer : timers) {
    timer.fn = meet;
    executor.wake_by(timer, BootClock::time_point{});
  }

  BOOST_TEST(done.reaches(4));
}

BOOST_AUTO_TEST_CASE(no_more_works_than_promised_run_at_once) {
  asio::io_context context;
  AsioExecutor executor{context};
  constexpr int most = static_cast<int>(AsioExecutor::most_at_once);
  std::atomic<int> inside{0}, peak{0};
  Tally arrived, done;
  std::vector<std::unique_ptr<CallingWork>> works;
  Threads threads{context, most + 4};

  for (int i = 0; i < 4 * most; ++i) {
    works.push_back(std::make_unique<CallingWork>([&] {
      const int now = ++inside;
      for (int seen = peak; seen < now && !peak.compare_exchange_weak(seen, now);) {
      }
      arrived.add();
      arrived.reaches(most);
      --inside;
      done.add();
    }));
    executor.post(*works.back());
  }

  BOOST_TEST(done.reaches(4 * most));
  BOOST_TEST(peak == most);
}

BOOST_AUTO_TEST_CASE(in_a_strand_one_runs_at_a_time) {
  asio::io_context context;
  OnStrand executor{asio::make_strand(context)};
  int unprotected = 0;  // the strand's
  Tally done;
  std::array<CallingWork, 8> works;
  std::array<CallingTimer, 8> timers;
  Threads threads{context, 4};
  const auto again = [&](auto& self, auto arm) {
    ++unprotected;
    if (self.ran < 200) {
      arm();
    } else {
      done.add();
    }
  };

  for (CallingWork& work : works) {
    work.fn = [&] { again(work, [&] { executor.post(work); }); };
    executor.post(work);
  }
  for (CallingTimer& timer : timers) {
    timer.fn = [&] { again(timer, [&] { executor.wake_by(timer, BootClock::now()); }); };
    executor.wake_by(timer, BootClock::now());
  }

  BOOST_REQUIRE(done.reaches(16));
  threads.run_out();
  BOOST_TEST(unprotected == 16 * 200);
}

BOOST_AUTO_TEST_CASE(each_post_is_run_or_dropped_once) {
  constexpr std::size_t count = 2'000;
  asio::io_context context;
  std::vector<std::unique_ptr<CallingWork>> works(4 * count);
  for (auto& work : works)
    work = std::make_unique<CallingWork>();
  Threads running{context, 2};
  auto executor = std::make_unique<AsioExecutor>(context);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t, handle = *executor]() mutable {
      for (std::size_t i = 0; i < count; ++i)
        handle.post(*works[t * count + i]);
    });
  }
  executor.reset();  // the last of the posting threads ends it
  for (auto& thread : threads)
    thread.join();
  running.run_out();

  for (const auto& work : works)
    BOOST_TEST(work->ran + work->dropped == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_arming_is_run_cancelled_or_dropped_once, C, RealClocks) {
  asio::io_context context;
  std::array<CallingTimer, 8> timers;
  std::atomic<int> armed{0}, cancelled{0};
  Threads running{context, 2};
  {
    auto executor = on<C>(context);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
      threads.emplace_back([&, t, handle = executor]() mutable {
        for (unsigned i = 0; i < 5'000; ++i) {
          CallingTimer& timer = timers[(i * 7 + t) % timers.size()];
          armed += handle.wake_by(timer, C::now() + std::chrono::microseconds{(i % 5) * 20}) ? 1 : 0;
          if (i % 3 == 0) cancelled += handle.cancel(timer) ? 1 : 0;
        }
      });
    }
    for (auto& thread : threads)
      thread.join();
  }
  running.run_out();

  int ended = cancelled;
  for (const CallingTimer& timer : timers)
    ended += timer.ran + timer.dropped;
  BOOST_TEST(armed == ended);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_waits_when_the_last_handle_dies_is_dropped_and_the_context_goes_on, E, Executors) {
  asio::io_context context;
  CallingWork queued, queued_too;
  CallingTimer armed;
  bool has_run = false;
  {
    E executor = made<E>(context);
    executor.post(queued);
    executor.post(queued_too);
    executor.wake_by(armed, BootClock::now() + 1h);
  }
  BOOST_TEST(queued.dropped + queued_too.dropped + armed.dropped == 3);

  asio::post(context, [&] { has_run = true; });
  context.run();

  BOOST_TEST(has_run);
  BOOST_TEST(queued.ran + queued_too.ran + armed.ran == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_context_that_dies_with_handlers_under_way_touches_nothing, E, Executors) {
  auto context = std::make_unique<asio::io_context>();
  auto work = std::make_unique<CallingWork>();
  auto timer = std::make_unique<CallingTimer>();
  auto executor = std::make_unique<E>(made<E>(*context));
  executor->post(*work);
  executor->wake_by(*timer, BootClock::time_point{});

  executor.reset();
  BOOST_TEST(work->dropped + timer->dropped == 2);
  work.reset();
  timer.reset();
  context.reset();  // the address sanitizer looks on
}

BOOST_AUTO_TEST_CASE(the_last_handle_may_die_in_a_work) {
  asio::io_context context;
  auto handle = std::make_unique<AsioExecutor>(context);
  CallingWork ending{[&] { handle.reset(); }}, behind;
  CallingTimer armed;
  handle->post(ending);
  handle->post(behind);
  handle->wake_by(armed, BootClock::now() + 1h);

  context.run();

  BOOST_TEST(ending.ran == 1);
  BOOST_TEST(behind.dropped + armed.dropped == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_stopped_context_has_not_run_is_run_when_it_is_restarted, E, Executors) {
  asio::io_context context;
  E executor = made<E>(context);
  CallingWork first{[&] { context.stop(); }}, second;
  CallingTimer timer;
  executor.post(first);
  executor.post(second);
  context.run();
  BOOST_TEST(second.ran == 0);
  executor.wake_by(timer, BootClock::now());
  context.run();
  BOOST_TEST(timer.ran == 0);

  context.restart();
  context.run();

  BOOST_TEST(second.ran + timer.ran == 2);
}

using WithoutMemory = boost::mpl::list<AsioExecutor, OnStrand>;

BOOST_AUTO_TEST_CASE_TEMPLATE(once_warm_it_allocates_nothing, E, WithoutMemory) {
  asio::io_context context;
  E executor = made<E>(context);
  Tally done;
  CallingWork work{[&] { done.add(); }};
  CallingTimer far, near{[&] { done.add(); }};
  CallingWork overlapping{[&] {
    executor.post(work);
    done.add();
  }};
  Threads threads{context, 1};
  executor.post(overlapping);  // a strand that is given something while it runs needs memory for that once
  BOOST_REQUIRE(done.reaches(2));
  const auto round = [&](int i) {
    executor.post(work);
    executor.wake_by(far, BootClock::now() + 1h);
    executor.wake_by(near, BootClock::now() + 10us);
    const bool is_done = done.reaches(2 + 2 * i);
    return executor.cancel(far) && is_done;
  };
  for (int i = 1; i <= 100; ++i)
    BOOST_REQUIRE(round(i));

  const std::size_t before = allocations();
  bool all_done = true;
  for (int i = 101; i <= 1'000; ++i)
    all_done = round(i) && all_done;
  const std::size_t after = allocations();

  BOOST_TEST(all_done);
  BOOST_TEST(after == before);
}

BOOST_AUTO_TEST_CASE(a_work_that_found_no_memory_runs_with_the_next_one) {
  asio::io_context context;
  OnAny executor{context};
  CallingWork first, second;
  {
    const NoMemory none;
    executor.post(first);
  }
  context.run();
  BOOST_TEST(first.ran == 0);
  context.restart();

  executor.post(second);
  context.run();

  BOOST_TEST(first.ran + second.ran == 2);
}

// Asio's own timers need memory for the first one on a context, which is found missing after the handler was taken.
BOOST_AUTO_TEST_CASE(a_timer_that_found_no_memory_runs_all_the_same) {
  asio::io_context context;
  auto executor = on<std::chrono::steady_clock>(context);
  CallingTimer timer;
  {
    const NoMemory none;
    executor.wake_by(timer, std::chrono::steady_clock::time_point{});
  }

  context.run();

  BOOST_TEST(timer.ran == 1);
}

BOOST_AUTO_TEST_CASE(works_that_block_do_not_hold_up_the_context_and_run_as_many_at_once_as_promised) {
  asio::io_context context;
  asio::thread_pool pool{3};
  BlockingAsioExecutor executor{context, pool, 3};
  Tally arrived, done;
  Door release;
  std::array<CallingWork, 4> blocking;
  CallingWork on_context{[&] { release.open(); }};
  BOOST_REQUIRE(executor.blocking_concurrency() == 3U);

  for (CallingWork& work : blocking) {
    work.fn = [&] {
      arrived.add();
      if (release.wait()) done.add();
    };
    executor.post_blocking(work);
  }
  BOOST_REQUIRE(arrived.reaches(3));
  executor.post(on_context);
  context.run();

  BOOST_TEST(done.reaches(4));
  pool.join();
}

BOOST_AUTO_TEST_CASE(what_waits_for_the_pool_when_the_last_handle_dies_is_dropped) {
  asio::io_context context;
  asio::thread_pool pool{1};
  Door running, release;
  CallingWork busy{[&] {
    running.open();
    release.wait();
  }};
  CallingWork queued;
  {
    BasicAsioExecutor executor{context, pool, 1};
    executor.post_blocking(busy);
    executor.post_blocking(queued);
    BOOST_REQUIRE(running.wait());
  }

  BOOST_TEST(queued.dropped == 1);
  release.open();
  pool.join();
  BOOST_TEST(queued.ran == 0);
}

// Where a thread is: in a handler of the context, in one of a strand on it, or in none of theirs.
enum class Place { in_context, in_strand, outside };

// What an executor on `where` says in that place.
template <class Where>
bool is_needed(Place place, asio::io_context& context, const Strand& strand, const Where& where) {
  const BasicAsioExecutor executor{where};
  bool answer = false;
  const auto ask = [&] { answer = heartbeat::detail::needs_this_thread(executor); };
  switch (place) {
    case Place::in_context: asio::post(context, ask); break;
    case Place::in_strand: asio::post(strand, ask); break;
    case Place::outside: ask(); break;
  }
  context.restart();
  context.poll();  // run() would not return while a tracked executor lives
  return answer;
}

// On the context or the strand in it, in each form in which a program may have them.
template <class Fn>
void for_each_form(asio::io_context& context, const Strand& strand, Fn fn) {
  const auto plain = context.get_executor();
  const asio::any_io_executor any{plain};
  const auto tracked = asio::prefer(plain, asio::execution::outstanding_work.tracked);
  const auto never = asio::require(strand, asio::execution::blocking.never);
  fn("context", plain);
  fn("tracked", tracked);
  fn("strand", strand);
  fn("another strand", asio::make_strand(context));
  fn("strand in a strand", asio::make_strand(strand));
  fn("any", any);
  fn("any of tracked", asio::any_io_executor{tracked});
  fn("any made tracked", asio::prefer(any, asio::execution::outstanding_work.tracked));
  fn("any made never", asio::require(any, asio::execution::blocking.never));
  fn("any of strand", asio::any_io_executor{strand});
  fn("any of strand that never blocks", asio::any_io_executor{never});
  fn("strand of any", asio::make_strand(any));
  fn("any of strand of any", asio::any_io_executor{asio::make_strand(any)});
  fn("any of strand of any of strand", asio::any_io_executor{asio::make_strand(asio::any_io_executor{strand})});
}

BOOST_AUTO_TEST_CASE(it_needs_each_thread_that_runs_its_context_in_whatever_form_it_has_that) {
  asio::io_context context;
  const Strand strand = asio::make_strand(context);

  for_each_form(context, strand, [&](const char* form, const auto& where) {
    BOOST_TEST_CONTEXT(form) {
      BOOST_TEST(is_needed(Place::in_context, context, strand, where));
      BOOST_TEST(is_needed(Place::in_strand, context, strand, where));
      BOOST_TEST(!is_needed(Place::outside, context, strand, where));
    }
  });
}

BOOST_AUTO_TEST_CASE(it_does_not_need_a_thread_that_runs_another_context) {
  asio::io_context context, other;
  const Strand strand = asio::make_strand(context);
  const Strand strand_of_other = asio::make_strand(other);

  for_each_form(context, strand, [&](const char* form, const auto& where) {
    BOOST_TEST_CONTEXT(form) {
      BOOST_TEST(!is_needed(Place::in_context, other, strand_of_other, where));
      BOOST_TEST(!is_needed(Place::in_strand, other, strand_of_other, where));
    }
  });
}

BOOST_AUTO_TEST_CASE(on_a_thread_pool_it_needs_the_threads_of_that) {
  asio::thread_pool pool{1};
  const auto plain = pool.get_executor();
  const auto check = [&](const auto& where) {
    const BasicAsioExecutor executor{where};
    Door asked;
    bool answer = false;
    asio::post(pool, [&] {
      answer = heartbeat::detail::needs_this_thread(executor);
      asked.open();
    });
    BOOST_REQUIRE(asked.wait());
    BOOST_TEST(answer);
    BOOST_TEST(!heartbeat::detail::needs_this_thread(executor));
  };

  check(plain);
  check(asio::make_strand(plain));
  check(asio::any_io_executor{plain});
  check(asio::any_io_executor{asio::make_strand(plain)});
  check(asio::require(asio::any_io_executor{plain}, asio::execution::blocking.never));

  pool.join();
}

BOOST_AUTO_TEST_CASE(threads_of_its_pool_for_blocking_work_it_does_not_need) {
  asio::io_context context;
  asio::thread_pool pool{1};
  BlockingAsioExecutor executor{context, pool, 1};
  bool in_pool = true, in_context = false;
  CallingWork blocking{[&] { in_pool = executor.needs_this_thread(); }};
  CallingWork work{[&] { in_context = executor.needs_this_thread(); }};

  executor.post_blocking(blocking);
  executor.post(work);
  pool.join();
  context.run();

  BOOST_TEST(!in_pool);
  BOOST_TEST(in_context);
}

BOOST_AUTO_TEST_CASE(of_executors_that_run_anywhere_it_says_that_no_thread_is_needed) {
  asio::io_context context;
  const Strand strand = asio::make_strand(context);

  BOOST_TEST(!is_needed(Place::in_context, context, strand, asio::system_executor{}));
  BOOST_TEST(!is_needed(Place::in_context, context, strand, asio::any_io_executor{asio::system_executor{}}));
}

BOOST_AUTO_TEST_CASE(a_number_of_threads_that_makes_no_sense_is_refused_and_named) {
  asio::io_context context;
  asio::thread_pool pool{1};

  for (const std::size_t count : {std::size_t{0}, std::size_t{10'001}}) {
    BOOST_CHECK_EXCEPTION((BlockingAsioExecutor{context, pool, count}), std::system_error, [](const auto& error) {
      return error.code() == heartbeat::errc::blocking_threads_not_positive;
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
