// SPDX-License-Identifier: BSL-1.0
// The executor for programs that have an event loop already: everything runs on the threads that run a Boost.Asio
// context, or in a strand, and there is no thread of our own. Link heartbeat::asio. Read next: asio_works.hpp and
// asio_timers.hpp, its two halves; asio_end.hpp, how a coroutine waits for a heartbeat's end; asio_shutdown.hpp, how it
// shuts a registry down.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/execution/executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/asio_end.hpp>       // IWYU pragma: export
#include <heartbeat/executors/asio_shutdown.hpp>  // IWYU pragma: export
#include <heartbeat/executors/asio_timers.hpp>
#include <heartbeat/executors/asio_works.hpp>
#include <heartbeat/executors/work_queue.hpp>

namespace heartbeat {

namespace detail {

struct NoAsioPool {};

template <class W>
concept AsioContext = requires(W& where) {
  where.get_executor();
};

template <class W>
[[nodiscard]] auto asio_executor_of(W& where) noexcept {
  if constexpr (AsioContext<W>) {
    return where.get_executor();
  } else {
    return std::remove_const_t<W>{where};
  }
}

// A context, an I/O object, or an executor.
template <class W>
concept AsioPlace =
    AsioContext<std::remove_reference_t<W>> || boost::asio::execution::is_executor_v<std::remove_cvref_t<W>>;

template <class W>
using AsioExecutorOf = decltype(asio_executor_of(std::declval<std::remove_reference_t<W>&>()));

}  // namespace detail

/// An executor on the threads that run a Boost.Asio context. It waits by the clock `C`: BootClock,
/// std::chrono::steady_clock, or one that tells when it was moved (`AnnouncingClock`).
///
/// With a pool, it serves blocking transports too, which run there, as do stop callbacks and the event sink. Without
/// one, these two run on the context's threads.
///
/// A handle: copies are the same executor. When the last one dies, queued works and armed timers are dropped, and
/// nothing is waited for. So a registry may be destroyed in a handler of the context's only thread; with a pool it
/// waits there for the blocking calls under way.
///
/// As with Asio's own timers, `run()` does not return while a timer is armed or a work is posted. A registry has one
/// armed while heartbeats run, and until a time that it had set before the last one ended, unless it is destroyed: for
/// up to an interval, or as long as that one's beat could have taken. What a
/// stopped context has not run is run when it is restarted, late. The contexts must outlive the registry and all
/// handles of the executor.
///
/// With several threads works run in parallel, up to `most_at_once`; in a strand, one after the other.
///
/// After fork() the child's copy is one that has stopped: what a context runs there that was posted or armed in the
/// parent does nothing, and its end leaves timers alone that are the parent's too. The child may destroy its copy of
/// the context; one that runs it tells it first (`notify_fork`, around the fork), or takes the parent's events away.
///
/// Threading: any thread, so the context must not be one that forgoes its locks (BOOST_ASIO_CONCURRENCY_HINT_UNSAFE and
/// BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO). Blocks: never. Allocates: in its constructors. Asio itself does later too:
/// for a strand until its threads are warm, for steady_clock when the context has more timers than it ever had, and on
/// each post for executors that hide their type (any_io_executor). Where it finds no memory, a timer is tried again at
/// once; a work, and a timer for which there was none then either, with the next one that is posted or armed.
template <class AsioEx = boost::asio::io_context::executor_type, Clock C = BootClock, class PoolEx = detail::NoAsioPool>
class BasicAsioExecutor {
 public:
  using time_point = typename C::time_point;  ///< what timers are set to

  /// How many works run at once at most, beside those of the pool.
  static constexpr std::size_t most_at_once = 8;

  /// True if it has an executor for blocking work.
  static constexpr bool has_pool = !std::same_as<PoolEx, detail::NoAsioPool>;

  /// On a context, or on an executor such as a strand. Throws: std::bad_alloc; if the process has no descriptor
  /// left, std::system_error or Asio's boost::system::system_error, which is a std::runtime_error and no
  /// std::system_error.
  template <detail::AsioPlace Where>
    requires(!has_pool && std::constructible_from<AsioEx, detail::AsioExecutorOf<Where>>)
  explicit BasicAsioExecutor(Where&& where, C clock = C{})
      : parts_{detail::make_shared_at_origin<Parts>(AsioEx{detail::asio_executor_of(where)}, clock)} {}

  /// With a pool for work that may block, such as a boost::asio::thread_pool, and the number of its threads.
  ///
  /// Throws: as above, and std::system_error with `errc::blocking_threads_not_positive` if the number is 0 or more than
  /// 10,000.
  template <detail::AsioPlace Where, detail::AsioPlace Pool>
    requires(has_pool&& std::constructible_from<AsioEx, detail::AsioExecutorOf<Where>>&&
                 std::constructible_from<PoolEx, detail::AsioExecutorOf<Pool>>)
  BasicAsioExecutor(Where&& where, Pool&& pool, std::size_t threads_of_pool, C clock = C{})
      : parts_{detail::make_shared_at_origin<Parts>(AsioEx{detail::asio_executor_of(where)}, clock)} {
    if (threads_of_pool == 0 || threads_of_pool > 10'000) {
      throw std::system_error{make_error_code(errc::blocking_threads_not_positive), "heartbeat::BasicAsioExecutor"};
    }
    parts_->blocking =
        std::make_shared<detail::AsioWorks<PoolEx>>(PoolEx{detail::asio_executor_of(pool)}, threads_of_pool);
  }

  /// Runs the work on a thread of the context.
  void post(Work& work) noexcept { parts_->works->post(work); }

  /// Runs the timer at that time, on a thread of the context; the earliest time asked for wins. True if it was idle.
  bool wake_by(Timer& timer, time_point at) noexcept { return parts_->timers->wake_by(timer, at); }

  /// True if the timer was armed: it is idle now.
  bool cancel(Timer& timer) noexcept { return parts_->timers->cancel(timer); }

  /// True on a thread that is running the context: Asio does not say how many do, and it may be the only one, so that
  /// who waits here for a work may wait in vain. In a strand the threads that run what is below it count too; those of
  /// the pool for blocking work do not. On a thread that is not in `run()` it is false, even if no other thread will
  /// be.
  ///
  /// False on executors of which nobody can say: those of other libraries, system_executor, and any_io_executor unless
  /// it holds an executor of io_context or thread_pool, a strand on one, or one on an any_io_executor that does.
  [[nodiscard]] bool needs_this_thread() const noexcept { return parts_->works->need_this_thread(); }

  /// Runs the work on a thread of the pool.
  void post_blocking(Work& work) noexcept requires has_pool { parts_->blocking->post(work); }

  /// How many of those run at once.
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept requires has_pool {
    return parts_->blocking->at_once();
  }

 private:
  // What the handles own. Handlers under way keep their half of it longer.
  struct Parts {
    Parts(const AsioEx& executor, const C& clock)
        : works{std::make_shared<detail::AsioWorks<AsioEx>>(executor, most_at_once)},
          timers{std::make_shared<detail::AsioTimers<AsioEx, C>>(executor, clock)} {}
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    ~Parts() {
      WorkQueue rest;
      works->stop(rest);
      rest.drop_all();
      timers->stop(rest);
      rest.drop_all();
      if constexpr (has_pool) {
        if (blocking) blocking->stop(rest);
        rest.drop_all();
      }
    }

    const std::shared_ptr<detail::AsioWorks<AsioEx>> works;
    const std::shared_ptr<detail::AsioTimers<AsioEx, C>> timers;
    std::shared_ptr<detail::AsioWorks<PoolEx>> blocking;  // constant once made; null without a pool
  };

  std::shared_ptr<Parts> parts_;
};

template <detail::AsioPlace Where>
BasicAsioExecutor(Where&&) -> BasicAsioExecutor<detail::AsioExecutorOf<Where>>;
template <detail::AsioPlace Where, Clock C>
BasicAsioExecutor(Where&&, C) -> BasicAsioExecutor<detail::AsioExecutorOf<Where>, C>;
template <detail::AsioPlace Where, detail::AsioPlace Pool>
BasicAsioExecutor(Where&&, Pool&&, std::size_t)
    -> BasicAsioExecutor<detail::AsioExecutorOf<Where>, BootClock, detail::AsioExecutorOf<Pool>>;
template <detail::AsioPlace Where, detail::AsioPlace Pool, Clock C>
BasicAsioExecutor(Where&&, Pool&&, std::size_t, C)
    -> BasicAsioExecutor<detail::AsioExecutorOf<Where>, C, detail::AsioExecutorOf<Pool>>;

/// On a boost::asio::io_context.
using AsioExecutor = BasicAsioExecutor<>;

/// The same, with a boost::asio::thread_pool for blocking transports.
using BlockingAsioExecutor =
    BasicAsioExecutor<boost::asio::io_context::executor_type, BootClock, boost::asio::thread_pool::executor_type>;

static_assert(ExecutorFor<AsioExecutor, BootClock> && !BlockingExecutor<AsioExecutor>);
static_assert(ExecutorFor<BlockingAsioExecutor, BootClock> && BlockingExecutor<BlockingAsioExecutor>);
static_assert(ThreadAwareExecutor<AsioExecutor> && ThreadAwareExecutor<BlockingAsioExecutor>);

}  // namespace heartbeat
