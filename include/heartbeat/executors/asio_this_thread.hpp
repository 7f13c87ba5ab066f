// SPDX-License-Identifier: BSL-1.0
// Whether the calling thread is running an Asio executor's context just now. Who waits there for a handler may wait in
// vain: Asio does not say how many threads run a context, so this one might be the only one. Read next: asio_works.hpp,
// which asks.
#pragma once

#include <concepts>
#include <type_traits>
#include <typeinfo>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

namespace heartbeat::detail {

/// A context's executor, or a strand.
template <class Ex>
concept AsioThreadAware = requires(const Ex& executor) {
  { executor.running_in_this_thread() } -> std::same_as<bool>;
};

/// A strand: it runs where another executor does.
template <class Ex>
concept AsioWrapping = requires(const Ex& executor) {
  executor.get_inner_executor();
};

/// An executor that hides the type of another one, as any_io_executor does.
template <class Ex>
concept AsioHiding = requires(const Ex& executor) {
  { executor.target_type() } -> std::same_as<const std::type_info&>;
};

/// True if the calling thread is in a handler of the executor's context. A strand says so on every thread that runs
/// what is below it, not only in its own handlers: those queue behind what that thread does, or may.
///
/// Known: what says it itself, such as the executors of io_context and thread_pool; strands, as deep as they go;
/// any_io_executor with one of these in it, and with a strand on another any_io_executor. Of any other executor nobody
/// can say: false, as for system_executor, whose threads nobody can be without.
///
/// Threading: any thread. Blocks: never. Allocates: never.
template <class Ex>
[[nodiscard]] bool asio_runs_on_this_thread(const Ex& executor) noexcept;

// One that hides a `Target`.
template <class Target, AsioHiding Ex>
[[nodiscard]] bool hidden_runs_on_this_thread([[maybe_unused]] const Ex& executor) noexcept {
#if defined(BOOST_ASIO_NO_TYPEID)
  return false;
#else
  // target() of Asio 1.74 does not check the type.
  return executor.target_type() == typeid(Target) && asio_runs_on_this_thread(*executor.template target<Target>());
#endif
}

template <class Ex, class Property>
using AsioPreferring = std::decay_t<decltype(boost::asio::prefer(std::declval<const Ex&>(), std::declval<Property>()))>;

// One that hides a `Target` or a strand on it, with or without these properties: each may have made it another type.
template <class Target, class... Properties>
struct AsioForms {
  template <AsioHiding Ex>
  [[nodiscard]] static bool run_on_this_thread(const Ex& executor) noexcept {
    return hidden_runs_on_this_thread<Target>(executor) ||
           hidden_runs_on_this_thread<boost::asio::strand<Target>>(executor);
  }
};

template <class Target, class Property, class... Others>
struct AsioForms<Target, Property, Others...> {
  template <AsioHiding Ex>
  [[nodiscard]] static bool run_on_this_thread(const Ex& executor) noexcept {
    return AsioForms<Target, Others...>::run_on_this_thread(executor) ||
           AsioForms<AsioPreferring<Target, Property>, Others...>::run_on_this_thread(executor);
  }
};

// The properties that any_io_executor passes on.
template <class Target>
using AsioFormsOf = AsioForms<Target, boost::asio::execution::blocking_t::never_t,
                              boost::asio::execution::outstanding_work_t::tracked_t,
                              boost::asio::execution::relationship_t::continuation_t>;

template <class Ex>
bool asio_runs_on_this_thread(const Ex& executor) noexcept {
  if constexpr (AsioThreadAware<Ex>) {
    if (executor.running_in_this_thread()) return true;
  }
  if constexpr (AsioWrapping<Ex>) {
    return asio_runs_on_this_thread(executor.get_inner_executor());
  } else if constexpr (AsioHiding<Ex>) {
    return AsioFormsOf<boost::asio::io_context::executor_type>::run_on_this_thread(executor) ||
           AsioFormsOf<boost::asio::thread_pool::executor_type>::run_on_this_thread(executor) ||
           hidden_runs_on_this_thread<boost::asio::strand<boost::asio::any_io_executor>>(executor);
  } else {
    return false;
  }
}

}  // namespace heartbeat::detail
