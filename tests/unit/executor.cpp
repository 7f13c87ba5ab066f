// SPDX-License-Identifier: BSL-1.0
// What may run the engine's work. The smallest executors are in ../archetypes/executor.cpp; ours have tests of their
// own.
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/executor.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(executor)

using heartbeat::BlockingExecutor;
using heartbeat::BootClock;
using heartbeat::ExecutorFor;
using heartbeat::HelpingExecutor;
using heartbeat::ThreadAwareExecutor;
using heartbeat::Timer;
using heartbeat::Work;
using BootTime = BootClock::time_point;

struct Complete {
  void post(Work&) noexcept {}
  bool wake_by(Timer&, BootTime) noexcept { return true; }
  bool cancel(Timer&) noexcept { return false; }
};

struct PostMayThrow : Complete {
  void post(Work&) {}
};

struct WakeSaysNothing : Complete {
  void wake_by(Timer&, BootTime) noexcept {}
};

struct CancelSaysNothing : Complete {
  void cancel(Timer&) noexcept {}
};

struct WithPool : Complete {
  void post_blocking(Work&) noexcept {}
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept { return 1; }
};

struct PoolOfUnknownSize : Complete {
  void post_blocking(Work&) noexcept {}
};

struct HelpsWithFunctions : Complete {
  bool help_until(const std::function<bool()>& done) { return done(); }
};

struct HelpsWithAnything : Complete {
  template <std::predicate Done>
  bool help_until(Done done) {
    return done();
  }
};

struct HelpsWithPlainFunctions : Complete {
  bool help_until(bool (*done)()) { return done(); }
};

struct KnowsItsThreads : Complete {
  [[nodiscard]] bool needs_this_thread() const noexcept { return true; }
};

struct MayThrowWhenAsked : Complete {
  [[nodiscard]] bool needs_this_thread() const { return true; }
};

struct AskedMustChange : Complete {
  [[nodiscard]] bool needs_this_thread() noexcept { return true; }
};

struct HelpsAndKnows : HelpsWithAnything {
  [[nodiscard]] bool needs_this_thread() const noexcept { return true; }
};

struct NotCopyable : Complete {
  std::unique_ptr<int> owned;
};

BOOST_AUTO_TEST_CASE(three_operations_that_never_throw_make_an_executor) {
  static_assert(ExecutorFor<Complete, BootClock>);
  static_assert(!BlockingExecutor<Complete>);
  static_assert(!HelpingExecutor<Complete>);
}

BOOST_AUTO_TEST_CASE(an_operation_that_may_throw_or_says_nothing_is_none) {
  static_assert(!ExecutorFor<PostMayThrow, BootClock>);
  static_assert(!ExecutorFor<WakeSaysNothing, BootClock>);
  static_assert(!ExecutorFor<CancelSaysNothing, BootClock>);
}

BOOST_AUTO_TEST_CASE(an_executor_is_copied_and_serves_one_clock) {
  static_assert(!ExecutorFor<NotCopyable, BootClock>);
  static_assert(!ExecutorFor<Complete, std::chrono::steady_clock>);
  static_assert(!ExecutorFor<Complete, std::chrono::system_clock>);
}

BOOST_AUTO_TEST_CASE(a_pool_says_how_much_may_block_at_once) {
  static_assert(BlockingExecutor<WithPool>);
  static_assert(!BlockingExecutor<PoolOfUnknownSize>);
}

BOOST_AUTO_TEST_CASE(a_helper_takes_conditions_that_know_something) {
  static_assert(HelpingExecutor<HelpsWithAnything>);
  static_assert(HelpingExecutor<HelpsWithFunctions>);
  static_assert(!HelpingExecutor<HelpsWithPlainFunctions>, "the engine's conditions refer to what they wait for");
}

BOOST_AUTO_TEST_CASE(one_that_knows_its_threads_says_so_at_any_time_and_never_throws) {
  static_assert(ThreadAwareExecutor<KnowsItsThreads>);
  static_assert(!ThreadAwareExecutor<Complete>);
  static_assert(!ThreadAwareExecutor<MayThrowWhenAsked>);
  static_assert(!ThreadAwareExecutor<AskedMustChange>);
}

BOOST_AUTO_TEST_CASE(only_one_that_says_so_and_is_not_driven_by_who_waits_needs_this_thread) {
  static_assert(ThreadAwareExecutor<HelpsAndKnows> && HelpingExecutor<HelpsAndKnows>);

  BOOST_TEST(heartbeat::detail::needs_this_thread(KnowsItsThreads{}));
  BOOST_TEST(!heartbeat::detail::needs_this_thread(Complete{}));
  BOOST_TEST(!heartbeat::detail::needs_this_thread(HelpsAndKnows{}));
}

BOOST_AUTO_TEST_CASE(work_starts_idle) {
  struct Nothing final : Timer {
    void run() noexcept override {}
    void drop() noexcept override {}
  } const timer;

  BOOST_TEST(timer.next == nullptr);
  BOOST_TEST(timer.place == Timer::not_armed);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
