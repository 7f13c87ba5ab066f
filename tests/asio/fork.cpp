// SPDX-License-Identifier: BSL-1.0
// A child of fork() shares the parent's timerfd, and the set of descriptors that Asio waits for: whoever disarms or
// deregisters the one there silences the parent for ever. So the child's copy of the executor does nothing, whether its
// context is destroyed there or run (F53). As each suite, in a process of its own: once Asio's system_executor has run
// anything, an exit() in a child waits for its threads for ever (Boost 1.74).
// Read next: ../processes/fork.cpp, the other executors and what users call.
#include <chrono>
#include <memory>
#include <optional>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio.hpp>
#include <heartbeat/heartbeat.hpp>

#include "../child.hpp"
#include "context.hpp"

namespace heartbeat::asio_fork {

namespace asio = boost::asio;
using asio_tests::run_until;
using testing::Child;
using testing::in_child;
using namespace std::chrono_literals;

struct Beats {
  std::shared_ptr<int> count = std::make_shared<int>(0);
  void async_beat(int, const BeatContext&, BeatCompletion completion) {
    ++*count;
    completion(BeatResult::acknowledged());
  }
};

template <class C>
struct Program {
  using Executor = BasicAsioExecutor<asio::io_context::executor_type, C>;
  using Registry = HeartbeatRegistry<int, Beats, C, Executor>;

  Program() {
    executor.emplace(*context);
    registry = std::make_unique<Registry>(beats, C{}, *executor);
    handle.emplace(registry->start(1, {.interval = 10ms, .ttl = 1h}));
  }
  [[nodiscard]] testing::Waited beat_on() {
    return run_until(*context, "another beat", [this, before = *beats.count] { return *beats.count > before; });
  }

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
  Beats beats;
  std::optional<Executor> executor;
  std::unique_ptr<Registry> registry;
  std::optional<HeartbeatHandle<int, C>> handle;
};

template <class C>
void the_child_destroys_all() {
  Program<C> program;
  BOOST_TEST_REQUIRE(program.beat_on());

  BOOST_TEST(in_child([&](const Child& child) {
    child.check(!program.handle->valid(), "not valid");
    program.handle.reset();
    program.registry.reset();
    program.executor.reset();
    program.context.reset();
  }));
  BOOST_TEST(program.beat_on());
  BOOST_TEST(in_child([&](const Child&) { program.context.reset(); }));

  BOOST_TEST(program.handle->valid());
  BOOST_TEST(program.beat_on());
}

BOOST_AUTO_TEST_SUITE(fork)

BOOST_AUTO_TEST_CASE(the_child_destroys_all_that_waits_by_the_boot_clock) {
  the_child_destroys_all<BootClock>();
}

BOOST_AUTO_TEST_CASE(the_child_destroys_all_that_waits_by_the_steady_clock) {
  the_child_destroys_all<std::chrono::steady_clock>();
}

// Nothing but the executor: no registry keeps what it consists of.
BOOST_AUTO_TEST_CASE(the_child_destroys_an_executor_that_has_a_timer_armed) {
  asio::io_context context;
  testing::Calling<Timer> timer;
  std::optional<AsioExecutor> executor{context};
  executor->wake_by(timer, BootClock::now() + 10ms);

  BOOST_TEST(in_child([&](const Child& child) {
    testing::Calling<Work> work;
    testing::Calling<Timer> late;
    executor->post(work);
    child.check(work.dropped == 1, "works are dropped");
    child.check(executor->wake_by(late, BootClock::now()) && late.dropped == 1, "timers are dropped");
    child.check(!executor->cancel(timer), "nothing is armed");
    executor.reset();
    child.check(timer.dropped == 0, "what was armed is left alone");
  }));

  BOOST_TEST(run_until(context, "the timer", [&] { return timer.ran == 1; }));
}

// As Asio wants it: the context is told of the fork, and the child runs its own copy. What was armed and posted in the
// parent comes up there too, and does nothing.
BOOST_AUTO_TEST_CASE(the_child_runs_its_context) {
  Program<BootClock> program;
  BOOST_TEST_REQUIRE(program.beat_on());
  testing::Calling<Work> work;
  program.executor->post(work);
  asio::steady_timer parents{*program.context, 1h};

  program.context->notify_fork(asio::io_context::fork_prepare);
  BOOST_TEST(in_child([&](const Child& child) {
    program.context->notify_fork(asio::io_context::fork_child);
    const int before = *program.beats.count;
    bool is_over = false;
    asio::steady_timer timer{*program.context, 200ms};
    timer.async_wait([&](auto) { is_over = true; });
    child.check(!!run_until(*program.context, "the child's own timer", [&] { return is_over; }), "its timer runs");
    child.check(*program.beats.count == before, "no beat is sent");
    child.check(work.ran == 0, "no work is run");
  }));
  program.context->notify_fork(asio::io_context::fork_parent);

  BOOST_TEST(program.beat_on());
  BOOST_TEST(work.ran == 1);
}

BOOST_AUTO_TEST_CASE(a_shutdown_in_the_child_is_over_at_once) {
  Program<BootClock> program;
  BOOST_TEST_REQUIRE(program.beat_on());

  program.context->notify_fork(asio::io_context::fork_prepare);
  BOOST_TEST(in_child([&](const Child& child) {
    program.context->notify_fork(asio::io_context::fork_child);
    asio::io_context own;
    std::optional<bool> is_done;
    bool has_ended = false;
    async_shutdown(*program.registry, 1h, asio::bind_executor(own.get_executor(), [&](bool done) { is_done = done; }));
    program.handle->async_end(asio::bind_executor(
        own.get_executor(), [&](auto, EndReason reason) { has_ended = reason == EndReason::shut_down; }));
    child.check(!!run_until(own, "both", [&] { return is_done && has_ended; }), "both come");
    child.check(is_done == true, "nothing runs in the child");
  }));
  program.context->notify_fork(asio::io_context::fork_parent);

  BOOST_TEST(program.beat_on());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::asio_fork
