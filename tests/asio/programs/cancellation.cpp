// SPDX-License-Identifier: BSL-1.0
// Cancellation slots, for a Boost that has them (1.77): a wait for an end that is cancelled is aborted, and the
// heartbeat runs on; one that is not cancelled completes with the reason; of two in parallel the loser is cancelled.
// Debian's Boost has none, so this is a program of its own, which CI builds with a newer one.
#include <chrono>
#include <iostream>
#include <optional>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <heartbeat/executors/asio.hpp>
#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using heartbeat::EndReason;

namespace {

int wrong = 0;

void check(const char* what, bool holds) {
  if (holds) return;
  std::cerr << "WRONG: " << what << '\n';
  ++wrong;
}

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server, heartbeat::BootClock, heartbeat::AsioExecutor>;

void cancelled_or_not(bool cancels) {
  asio::io_context context;
  Registry registry{Server{}, heartbeat::BootClock{}, heartbeat::AsioExecutor{context}};
  auto beat = registry.start(7, {.interval = 1h, .ttl = 10h});
  asio::cancellation_signal signal;
  std::optional<boost::system::error_code> error;
  EndReason reason{};
  beat.async_end(asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, [&](auto result, auto why) {
                                                error = result;
                                                reason = why;
                                              })));

  asio::post(context, [&] {
    if (cancels) {
      signal.emit(asio::cancellation_type::terminal);
    } else {
      beat.stop();
    }
  });
  while (!error)
    context.run_one();

  check("cancelled is aborted", cancels == (error == asio::error::operation_aborted));
  check("the heartbeat runs on", cancels == !beat.ended());
  check("the reason is told", cancels || reason == EndReason::stopped);
  signal.emit(asio::cancellation_type::terminal);  // too late, and harmless
}

void the_first_of_two() {
  using namespace asio::experimental::awaitable_operators;
  asio::io_context context;
  Registry registry{Server{}, heartbeat::BootClock{}, heartbeat::AsioExecutor{context}};
  auto beat = registry.start(7, {.interval = 1h, .ttl = 10h});
  std::optional<std::size_t> first;

  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        asio::steady_timer timer{context, 1ms};
        first = (co_await (beat.async_end(asio::use_awaitable) || timer.async_wait(asio::use_awaitable))).index();
      },
      asio::detached);
  while (!first)
    context.run_one();

  check("the timer was first, and the wait gave up", *first == 1 && !beat.ended());
}

}  // namespace

int main() {
  cancelled_or_not(true);
  cancelled_or_not(false);
  the_first_of_two();
  return wrong;
}
