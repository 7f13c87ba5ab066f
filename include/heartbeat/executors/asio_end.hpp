// SPDX-License-Identifier: BSL-1.0
// `co_await handle.async_end(token)`: a heartbeat's end as an asynchronous operation of Asio's. A timer of Asio's that
// never expires holds the handler, and the heartbeat's stop token cancels it: so the operation counts as work,
// completes on its own executor, never inside the call, is cancelled by its slot where Asio has slots (Boost 1.77), and
// dies with its context, as Asio's own operations do. Read next: handle.hpp, which finds this function by its argument.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/associated_allocator.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION >= 107700
#include <boost/asio/associated_cancellation_slot.hpp>
#endif
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>

#include <heartbeat/end.hpp>
#include <heartbeat/executors/asio_waiter.hpp>

namespace heartbeat::detail {

/// An operation under way. `Watch` has `token()`, which fires at the end, and `reason()`, valid from then on.
///
/// Who touches the timer: `start`, then the stop callback, which the destructor waits for, then the destructor. Kept by
/// `start` and by the handler, so that the one whose callback fires within `start` is not destroyed meanwhile.
///
/// REQUIRES: the token does not fire on another thread while the timer's context is being destroyed. Asio 1.74 frees
/// the waits of its timers there without a lock, and the cancel would look for them.
template <class Watch, class Ex>
class AsioEnd {
 public:
  AsioEnd(Watch watch, const Ex& executor)
      : watch_{std::move(watch)}, never_{executor, std::chrono::steady_clock::time_point::max()} {}

  template <class Handler>
  void start(Handler handler) {
    never_.async_wait(std::move(handler));
    when_ended_.emplace(watch_.token(), Wake{never_});  // runs at once if it has ended
  }

  /// None if the wait was cancelled and the heartbeat runs on.
  [[nodiscard]] std::optional<EndReason> reason() const noexcept {
    return watch_.token().stop_requested() ? std::optional{watch_.reason()} : std::nullopt;
  }

 private:
  struct Wake {
    void operator()() const noexcept { timer.cancel(); }
    AsioSteadyTimer<Ex>& timer;
  };

  Watch watch_;
  AsioSteadyTimer<Ex> never_;
  std::optional<std::stop_callback<Wake>> when_ended_;  // last: it uses the timer
};

// Where the timer lives: on the handler's executor; a future's has no context, and then it is the one that Asio falls
// back to everywhere.
template <class Ex>
[[nodiscard]] auto asio_home_of(const Ex& executor) noexcept {
  if constexpr (boost::asio::can_query_v<const Ex&, boost::asio::execution::context_t>) {
    return executor;
  } else {
    return boost::asio::system_executor{};
  }
}

template <class Handler>
using AsioEndHome = decltype(asio_home_of(std::declval<boost::asio::associated_executor_t<Handler>>()));

/// The user's handler, with what it is associated with, and the operation that it keeps.
template <class Watch, class Handler>
struct AsioEndHandler {
  using executor_type = boost::asio::associated_executor_t<Handler>;
  using allocator_type = boost::asio::associated_allocator_t<Handler>;

  [[nodiscard]] executor_type get_executor() const noexcept { return boost::asio::get_associated_executor(handler); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return boost::asio::get_associated_allocator(handler); }

#if BOOST_VERSION >= 107700
  // The timer's wait looks for it here, and cancels itself.
  using cancellation_slot_type = boost::asio::associated_cancellation_slot_t<Handler>;

  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
    return boost::asio::get_associated_cancellation_slot(handler);
  }
#endif

  void operator()(const boost::system::error_code&) {
    const std::optional<EndReason> reason = end->reason();
#if BOOST_VERSION >= 107700
    if (auto slot = get_cancellation_slot(); slot.is_connected()) slot.clear();  // it refers to the timer
#endif
    end.reset();  // before the upcall, as Asio's operations give back what they hold
    const boost::system::error_code error =
        reason ? boost::system::error_code{} : boost::asio::error::operation_aborted;
    std::move(handler)(error, reason.value_or(EndReason::stopped));
  }

  std::shared_ptr<AsioEnd<Watch, AsioEndHome<Handler>>> end;
  Handler handler;
};

template <class Watch, class Token>
auto async_end_of(Watch watch, Token&& token) {
  return boost::asio::async_initiate<Token, void(boost::system::error_code, EndReason)>(
      [](auto&& handler, Watch watched) {
        using Handler = std::decay_t<decltype(handler)>;
        using End = AsioEnd<Watch, AsioEndHome<Handler>>;
        const auto end =
            std::make_shared<End>(std::move(watched), asio_home_of(boost::asio::get_associated_executor(handler)));
        end->start(AsioEndHandler<Watch, Handler>{end, std::forward<decltype(handler)>(handler)});
      },
      token, std::move(watch));
}

}  // namespace heartbeat::detail
