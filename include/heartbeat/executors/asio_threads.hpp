// SPDX-License-Identifier: BSL-1.0
// Whether the calling thread runs an Asio executor's context: then it may be the only one that does, for Asio does not
// say how many there are. Read next: asio.hpp, which asks.
#pragma once

#include <concepts>
#include <typeinfo>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

namespace heartbeat::detail {

template <class Ex>
concept AsioKnowsItsThreads = requires(const Ex& executor) {
  { executor.running_in_this_thread() } -> std::convertible_to<bool>;
};

/// Of contexts' executors, of strands on one, and of `any_io_executor` with one of these inside. False for all others:
/// a system executor's threads are Asio's own, and of an unknown kind nothing is known.
template <class Ex>
[[nodiscard]] bool runs_on_this_thread(const Ex& executor) noexcept {
  if constexpr (AsioKnowsItsThreads<Ex>) {
    return executor.running_in_this_thread();
  } else {
    return false;
  }
}

[[nodiscard]] inline bool runs_on_this_thread(const boost::asio::any_io_executor& any) noexcept;

/// Its works need some thread of the context, whether or not this one is in the strand at the moment.
template <class Inner>
[[nodiscard]] bool runs_on_this_thread(const boost::asio::strand<Inner>& strand) noexcept {
  return runs_on_this_thread(strand.get_inner_executor());
}

inline bool runs_on_this_thread(const boost::asio::any_io_executor& any) noexcept {
  // Asked for its type first: Asio 1.18 (Boost 1.74) gives a pointer to a target of whatever type is asked for.
  const auto asked = [&]<class... Known>() {
    return ((any.target_type() == typeid(Known) && runs_on_this_thread(*any.target<Known>())) || ...);
  };
  using boost::asio::io_context;
  using boost::asio::strand;
  using boost::asio::thread_pool;
  return asked
      .template operator()<io_context::executor_type, thread_pool::executor_type, strand<io_context::executor_type>,
                           strand<thread_pool::executor_type>, strand<boost::asio::any_io_executor>>();
}

}  // namespace heartbeat::detail
