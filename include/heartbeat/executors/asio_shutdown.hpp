// SPDX-License-Identifier: BSL-1.0
// A shutdown that takes its time without a thread that waits: `co_await async_shutdown(registry, 2s, token)`. On the
// only thread of a context, `registry.shutdown(2s)` cannot wait for answers that need this thread; here closes go out
// and are answered while the context runs. Read next: asio_end.hpp, whose way of waiting this is.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>

#include <heartbeat/duration.hpp>
#include <heartbeat/executors/asio_end.hpp>
#include <heartbeat/executors/asio_waiter.hpp>

namespace heartbeat {

namespace detail {

/// A shutdown under way. `Steps` is the engine's: `begin`, `hasten`, `finish`, and two tokens that fire when no close
/// is open any more, and when it is quiet.
///
///    begin --> closing --(half the grace: hasten)--> hastened --(all over, or grace over: finish)--> leaving --> done
///                 |                                                 ^                                (quiet, or grace
///                 +----------------(all closes over)----------------+                                 over)
///
/// Who touches the timer: one step after the other, on the handler's executor, and the stop callback of the step, which
/// the next one destroys, and waits for, first. Kept by the handler.
template <class Steps, class Ex>
class AsioShutdown {
 public:
  AsioShutdown(Steps steps, Duration grace, const Ex& executor)
      : steps_{std::move(steps)},
        grace_{grace},
        timer_{executor},
        half_{now() + span(grace.count() / 2)},
        limit_{now() + span(grace.count())} {}

  template <class Handler>
  void start(Handler handler) {
    steps_.begin(grace_);
    wait(half_, steps_.closes_over(), std::move(handler));
  }

  /// A wait is over: the next step, which keeps the handler; or none, and the answer.
  template <class Handler>
  [[nodiscard]] std::optional<bool> next(Handler& handler) {
    wake_.reset();
    if (at_ == At::closing && !steps_.closes_over().stop_requested()) {
      at_ = At::hastened;
      steps_.hasten();
      wait(limit_, steps_.closes_over(), std::move(handler));
      return std::nullopt;
    }
    if (at_ != At::leaving) {
      at_ = At::leaving;
      has_sent_all_ = steps_.finish();
      wait(limit_, steps_.quiet(), std::move(handler));
      return std::nullopt;
    }
    return has_sent_all_ && steps_.quiet().stop_requested();
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class At : std::uint8_t { closing, hastened, leaving };

  struct Wake {
    void operator()() const noexcept { timer.cancel(); }
    AsioSteadyTimer<Ex>& timer;
  };

  static Clock::time_point now() noexcept { return Clock::now(); }
  static Clock::duration span(std::int64_t nanoseconds) noexcept { return std::chrono::nanoseconds{nanoseconds}; }

  template <class Handler>
  void wait(Clock::time_point until, std::stop_token event, Handler handler) {
    timer_.expires_at(until);
    timer_.async_wait(std::move(handler));
    wake_.emplace(std::move(event), Wake{timer_});  // runs at once if it has fired
  }

  Steps steps_;
  const Duration grace_;
  AsioSteadyTimer<Ex> timer_;
  const Clock::time_point half_;
  const Clock::time_point limit_;
  At at_ = At::closing;
  bool has_sent_all_ = false;
  std::optional<std::stop_callback<Wake>> wake_;  // last: it uses the timer
};

/// The user's handler, with what it is associated with, and the operation that it keeps.
template <class Steps, class Handler>
struct AsioShutdownHandler {
  using executor_type = boost::asio::associated_executor_t<Handler>;
  using allocator_type = boost::asio::associated_allocator_t<Handler>;

  [[nodiscard]] executor_type get_executor() const noexcept { return boost::asio::get_associated_executor(handler); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return boost::asio::get_associated_allocator(handler); }

  void operator()(const boost::system::error_code&) {
    const auto kept = shutdown;  // while it goes on, the handler moves
    const std::optional<bool> result = kept->next(*this);
    if (!result) return;
    Handler mine = std::move(handler);
    shutdown.reset();  // before the upcall, as Asio's operations give back what they hold
    std::move(mine)(*result);
  }

  std::shared_ptr<AsioShutdown<Steps, AsioEndHome<Handler>>> shutdown;
  Handler handler;
};

template <class Steps, class Token>
auto async_shutdown_in(Steps steps, Duration grace, Token&& token) {
  return boost::asio::async_initiate<Token, void(bool)>(
      [](auto&& handler, Steps its_steps, Duration its_grace) {
        using Handler = std::decay_t<decltype(handler)>;
        using Operation = AsioShutdown<Steps, AsioEndHome<Handler>>;
        const auto operation = std::make_shared<Operation>(std::move(its_steps), its_grace,
                                                           asio_home_of(boost::asio::get_associated_executor(handler)));
        operation->start(AsioShutdownHandler<Steps, Handler>{operation, std::forward<decltype(handler)>(handler)});
      },
      token, std::move(steps), grace);
}

// Found by argument-dependent lookup: beside each class that can be shut down.
template <class R>
concept ShutDownInSteps = requires(R& registry) {
  shutdown_steps_of(registry);
};

}  // namespace detail

/// Shuts a registry down as `HeartbeatRegistry::shutdown(grace)` does, without a thread that waits: an asynchronous
/// operation of Boost.Asio's with the completion signature `void(bool)`, which completes with what `shutdown` would
/// return. For `HeartbeatRegistry` and `PerClient`; their executor may be of any kind.
///
///     const bool is_done = co_await heartbeat::async_shutdown(registry, 2s, boost::asio::use_awaitable);
///
/// Everything ends, and stop callbacks run, before this returns; closes go out and are answered afterwards, while the
/// context runs. Completes on the executor associated with the token's handler (else on Asio's system_executor), never
/// inside this call, and no later than user code of the registry that blocks and `grace` allow. It cannot be cancelled.
/// A `shutdown` or the destructor meanwhile takes over, with its own grace, and this completes all the same.
///
/// REQUIRES: the context of the handler outlives the operation. Threading: any. Allocates: the operation. Throws:
/// std::bad_alloc, and what Asio throws where this is the first timer of a context; the registry is then as it was, or
/// has ended everything and is still to be shut down.
template <detail::ShutDownInSteps R, class Token>
auto async_shutdown(R& registry, Duration grace, Token&& token) {
  return detail::async_shutdown_in(shutdown_steps_of(registry), grace, std::forward<Token>(token));
}

}  // namespace heartbeat
