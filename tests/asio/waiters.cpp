// SPDX-License-Identifier: BSL-1.0
// How the clocks are waited for; most of it is in executor.cpp. Here: the way of a clock for which the system offers
// nothing better, which no executor takes on Linux, beside the timerfd, which does the same there.
#include <chrono>
#include <mutex>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio_waiter.hpp>

#include "context.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(waiters)

namespace asio = boost::asio;
using namespace heartbeat::asio_tests;
using namespace heartbeat::guarantees;
using heartbeat::BootClock;

using Ex = asio::io_context::executor_type;
using Waiters = boost::mpl::list<heartbeat::detail::AsioCappedWaiter<BootClock, Ex>,
                                 heartbeat::detail::AsioWaiterFor<BootClock, Ex>::type>;

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wait_ends_at_its_time_or_is_asked_to_look_again, W, Waiters) {
  asio::io_context context;
  std::mutex mutex;
  W waiter{context.get_executor(), BootClock{}, mutex};
  const auto at = BootClock::now() + 3ms;
  bool has_ended = false;

  waiter.set(at);
  waiter.async_wait([&](auto) { has_ended = true; });
  context.run();

  BOOST_TEST(has_ended);
  BOOST_TEST((BootClock::now() >= at));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sooner_time_and_a_cancel_end_the_wait, W, Waiters) {
  asio::io_context context;
  std::mutex mutex;
  W waiter{context.get_executor(), BootClock{}, mutex};
  int ended = 0;

  waiter.set(BootClock::now() + 1h);
  waiter.async_wait([&](auto) { ++ended; });
  waiter.set(BootClock::now());
  BOOST_TEST(run_until(context, "the wait to end", [&] { return ended == 1; }));
  context.restart();
  waiter.set(BootClock::time_point::max());
  waiter.async_wait([&](auto) { ++ended; });
  waiter.cancel();
  context.run();

  BOOST_TEST(ended == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
