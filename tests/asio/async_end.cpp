// SPDX-License-Identifier: BSL-1.0
// The end of a heartbeat as an asynchronous operation: with a callback, a future and a coroutine; before, at and after
// the end; with handle, registry and context gone first. Completes once, on the token's executor, never inside a call.
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>  // before Asio 1.74, which needs it and does not say so
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio.hpp>

#include "context.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(async_end)

namespace asio = boost::asio;
using namespace heartbeat;              // NOLINT
using namespace heartbeat::asio_tests;  // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

using Error = boost::system::error_code;
using AsioRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, BootClock, AsioExecutor>;

AsioRegistry::Options quiet() {
  return {.interval = 1h, .ttl = 10h};
}

struct Running {
  explicit Running(AsyncBeat beat = acknowledge)
      : registry{std::in_place, answering(std::move(beat)), BootClock{}, AsioExecutor{context}} {}

  asio::io_context context;
  std::optional<AsioRegistry> registry;
};

BOOST_AUTO_TEST_CASE(a_callback_is_called_on_its_executor_and_not_inside_stop) {
  Running running;
  auto strand = asio::make_strand(running.context);
  auto handle = running.registry->start(1, quiet());
  std::optional<EndReason> reason;
  bool was_in_strand = false;

  handle.async_end(asio::bind_executor(strand, [&](Error, EndReason why) {
    reason = why;
    was_in_strand = strand.running_in_this_thread();
  }));
  running.context.poll();
  handle.stop();
  BOOST_TEST(!reason.has_value());
  BOOST_TEST(run_until(running.context, "the end", [&] { return reason.has_value(); }));

  BOOST_TEST((reason == EndReason::stopped));
  BOOST_TEST(was_in_strand);
}

BOOST_AUTO_TEST_CASE(a_heartbeat_that_has_ended_completes_soon_and_not_inside_the_call) {
  Running running;
  auto handle = running.registry->start(1, quiet());
  handle.stop();
  std::optional<EndReason> reason;

  handle.async_end(asio::bind_executor(running.context, [&](Error, EndReason why) { reason = why; }));
  BOOST_TEST(!reason.has_value());
  BOOST_TEST(run_until(running.context, "the end", [&] { return reason.has_value(); }));

  BOOST_TEST((reason == EndReason::stopped));
}

BOOST_AUTO_TEST_CASE(a_future_gets_the_reason_that_the_server_gave) {
  Running running{[](const int&, const BeatContext&, BeatCompletion completion) { completion(BeatResult::gone()); }};
  auto handle = running.registry->start(1, one_beat<AsioRegistry>());

  std::future<EndReason> reason = handle.async_end(asio::use_future);
  Threads threads{running.context, 1};

  BOOST_REQUIRE((reason.wait_for(generous) == std::future_status::ready));
  BOOST_TEST(reason.get() == EndReason::gone);
}

BOOST_AUTO_TEST_CASE(a_coroutine_waits_while_others_run) {
  Running running;
  auto handle = running.registry->start(1, quiet());
  std::vector<EndReason> reasons;
  const auto wait = [&]() -> asio::awaitable<void> {
    reasons.push_back(co_await handle.async_end(asio::use_awaitable));
    reasons.push_back(co_await handle.async_end(asio::use_awaitable));
  };

  asio::co_spawn(running.context, wait, asio::detached);
  asio::co_spawn(running.context, wait, asio::detached);
  asio::post(running.context, [&] { asio::post(running.context, [&] { handle.stop(); }); });
  BOOST_TEST(run_until(running.context, "four ends", [&] { return reasons.size() == 4; }));

  BOOST_TEST(reasons == std::vector<EndReason>(4, EndReason::stopped), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_handle_that_dies_with_the_operation_under_way_completes_it_as_stopped) {
  Running running;
  auto handle = std::make_unique<AsioRegistry::Handle>(running.registry->start(1, quiet()));
  std::optional<EndReason> reason;

  handle->async_end(asio::bind_executor(running.context, [&](Error, EndReason why) { reason = why; }));
  handle.reset();
  BOOST_TEST(run_until(running.context, "the end", [&] { return reason.has_value(); }));

  BOOST_TEST((reason == EndReason::stopped));
}

BOOST_AUTO_TEST_CASE(a_registry_that_dies_with_the_operation_under_way_completes_it_as_shut_down) {
  Running running;
  auto handle = running.registry->start(1, quiet());
  std::optional<EndReason> reason;

  handle.async_end(asio::bind_executor(running.context, [&](Error, EndReason why) { reason = why; }));
  running.registry.reset();
  running.context.run();

  BOOST_TEST((reason == EndReason::shut_down));
}

BOOST_AUTO_TEST_CASE(a_handler_may_destroy_handle_and_registry_and_wait_again) {
  Running running;
  auto handle = running.registry->start(1, quiet());
  auto other = running.registry->start(2, quiet());
  std::vector<EndReason> reasons;

  handle.async_end(asio::bind_executor(running.context, [&](Error, EndReason why) {
    reasons.push_back(why);
    other.async_end(asio::bind_executor(running.context, [&](Error, EndReason too) { reasons.push_back(too); }));
    handle = {};
    running.registry.reset();
  }));
  handle.stop();
  running.context.run();

  BOOST_TEST(reasons == (std::vector{EndReason::stopped, EndReason::shut_down}), boost::test_tools::per_element());
}

// The frame of the coroutine holds the registry, so nothing but the context could free it.
BOOST_AUTO_TEST_CASE(a_context_that_dies_first_destroys_the_handler_and_what_it_holds) {
  std::weak_ptr<int> held;
  {
    asio::io_context other;
    asio::io_context context;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          AsioRegistry registry{answering(acknowledge), BootClock{}, AsioExecutor{other}};
          auto handle = registry.start(1, quiet());
          const auto sentinel = std::make_shared<int>();
          held = sentinel;
          co_await handle.async_end(asio::use_awaitable);
        },
        asio::detached);
    context.poll();
    BOOST_TEST(!held.expired());
  }
  BOOST_TEST(held.expired());
}

BOOST_AUTO_TEST_CASE(ends_and_waits_that_race_complete_each_wait_once) {
  constexpr int rounds = 2'000;
  Running running;
  Threads threads{running.context, 2};
  Tally completed;
  std::atomic<int> wrong{0};
  const auto count = [&](Error error, EndReason reason) {
    if (error || reason != EndReason::stopped) ++wrong;
    completed.add();
  };

  for (int i = 0; i < rounds; ++i) {
    auto handle = running.registry->start(i, quiet());
    asio::post(running.context,
               [&registry = *running.registry, i, generation = handle.generation()] { registry.stop(i, generation); });
    handle.async_end(asio::bind_executor(running.context, count));
    handle.async_end(asio::bind_executor(running.context, count));
  }

  BOOST_TEST(completed.reaches(2 * rounds));
  threads.stop();
  BOOST_TEST(completed.count() == 2 * rounds);
  BOOST_TEST(wrong == 0);
}

// The executor of the registry has nothing to do with Asio.
BOOST_AUTO_TEST_CASE(a_registry_with_threads_of_its_own_completes_on_the_context_too) {
  asio::io_context context;
  ThreadRegistry registry{
      answering([](const int&, const BeatContext&, BeatCompletion completion) { completion(BeatResult::gone()); })};
  auto handle = registry.start(1, one_beat<ThreadRegistry>());
  std::optional<EndReason> reason;
  std::thread::id where;

  handle.async_end(asio::bind_executor(context, [&](Error, EndReason why) {
    reason = why;
    where = std::this_thread::get_id();
  }));
  context.run();

  BOOST_TEST((reason == EndReason::gone));
  BOOST_TEST((where == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
