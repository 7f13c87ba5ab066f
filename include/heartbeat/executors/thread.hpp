// SPDX-License-Identifier: BSL-1.0
// The default executor: threads of its own, a few for the engine and some more for work that may block. Those of the
// engine and the first of the others start in its constructor, so that nothing later can fail for want of a thread; the
// rest come and go with the calls that block. Read next: thread_loop.hpp, blocking_pool.hpp.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/blocking_pool.hpp>
#include <heartbeat/executors/library_thread.hpp>
#include <heartbeat/executors/thread_loop.hpp>
#include <heartbeat/executors/work_queue.hpp>
#include <heartbeat/fwd.hpp>

namespace heartbeat {

/// How many threads a ThreadExecutor has. Each is 1 to 10,000.
struct ThreadExecutorOptions {
  /// Of the engine: they never block.
  std::size_t threads = 1;

  /// The most for blocking transports, stop callbacks and the event sink. Two are always there; more are made while
  /// works wait that nobody takes, and end after 10 s with nothing to do. Each call to a server that does not answer
  /// holds one until it returns; when all are held, the calls to other servers wait. So this should be as many as can
  /// hang at once, and two more, which a registry keeps for tokens and events. Those that are never needed cost
  /// nothing.
  std::size_t blocking_threads = 256;
};

/// The rule that these options break, or `errc{}`.
[[nodiscard]] constexpr errc broken_rule(const ThreadExecutorOptions& options) noexcept {
  constexpr std::size_t most = 10'000;  // a number that was meant otherwise must not take the machine down
  if (options.threads == 0 || options.threads > most) return errc::threads_not_positive;
  if (options.blocking_threads == 0 || options.blocking_threads > most) return errc::blocking_threads_not_positive;
  return errc{};
}

/// An executor with threads of its own that waits by the clock `C`: BootClock, std::chrono::steady_clock, or one that
/// tells when it was moved (`AnnouncingClock`).
///
/// A handle: copies are the same executor. When the last one dies, queued works and armed timers are dropped, and the
/// threads are joined; on one of its own threads, that thread is detached instead, and keeps what it needs until it
/// returns. With nothing to do no thread wakes up, but for those made for works that block, once, to end. After fork()
/// the child's copy is one that has stopped, and its end joins nobody.
///
/// Its threads, and so all callbacks, run with every signal blocked but SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
/// SIGSYS, SIGABRT and SIGPROF: what is sent to the process is taken by the program's own. A program that is started
/// from a callback inherits that, unless posix_spawnattr_setsigmask says otherwise: see examples/guide/process.md, also
/// before unloading a library that has one. They are named `heartbeat` and `heartbeat-call`.
/// Threading: any thread. Blocks: the last copy's destructor, for works that are running. Allocates: in its
/// constructors, and for more threads on those that it has for works that block.
template <class C /* = BootClock */>
class BasicThreadExecutor {
  static_assert(Clock<C>, "the clock must be steady, count in an integer of 64 bits, and have now(): see clock.hpp");

 public:
  using time_point = typename C::time_point;  ///< what timers are set to

  /// Throws: std::system_error for options that break a rule (`condition::bad_options`), and if a thread cannot be
  /// made.
  BasicThreadExecutor() requires std::default_initializable<C> : BasicThreadExecutor{C{}, ThreadExecutorOptions{}} {}

  /// As above, with so many threads.
  explicit BasicThreadExecutor(ThreadExecutorOptions options) requires std::default_initializable<C>
      : BasicThreadExecutor{C{}, options} {}

  /// As above, waiting by that clock.
  explicit BasicThreadExecutor(C clock, ThreadExecutorOptions options = {})
      : threads_{detail::make_shared_at_origin<Threads>(clock, options)} {
    threads_->start(options);
  }

  /// Runs the work on a thread of the engine.
  void post(Work& work) noexcept { threads_->loop->post(work); }

  /// Runs the timer at that time, on a thread of the engine; the earliest time asked for wins. True if it was idle.
  bool wake_by(Timer& timer, time_point at) noexcept { return threads_->loop->wake_by(timer, at); }

  /// True if the timer was armed: it is idle now.
  bool cancel(Timer& timer) noexcept { return threads_->loop->cancel(timer); }

  /// Runs the work on a thread for work that may block. If a thread more is wanted for it and cannot be made, once one
  /// of those there are has come back.
  void post_blocking(Work& work) noexcept { threads_->pool->post(work); }

  /// How many of those run at once at most.
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept { return threads_->pool->limit(); }

  /// True on a thread of the engine, and on that for work that may block if there can be only one: who waits there for
  /// a work may wait in vain. Of several that may block another one goes on.
  [[nodiscard]] bool needs_this_thread() const noexcept {
    const auto is_this = [](const std::thread& thread) { return thread.get_id() == std::this_thread::get_id(); };
    return threads_->pool->is_only_thread() || std::ranges::any_of(threads_->of_engine, is_this);
  }

 private:
  // What the handles own. The threads hold the loop or the pool, and so does a detached one.
  struct Threads {
    Threads(const C& clock, ThreadExecutorOptions options)
        : loop{std::make_shared<detail::ThreadLoop<C>>(clock)},
          pool{std::make_shared<detail::BlockingPool<>>(options.blocking_threads)} {
      if (const errc rule = broken_rule(options); rule != errc{}) {
        throw std::system_error{make_error_code(rule), "heartbeat::ThreadExecutor"};
      }
    }

    // If one cannot be made, the destructor stops and joins those that were.
    void start(ThreadExecutorOptions options) {
      of_engine.reserve(options.threads);
      for (std::size_t i = 0; i < options.threads; ++i) {
        of_engine.push_back(detail::library_thread("heartbeat", [held = loop] { held->run_thread(); }));
      }
      pool->start();
    }

    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    ~Threads() {
      WorkQueue rest_of_loop;
      WorkQueue rest_of_pool;
      loop->stop(rest_of_loop);
      pool->stop(rest_of_pool);
      rest_of_loop.drop_all();
      rest_of_pool.drop_all();
      for (std::thread& thread : of_engine) {
        if (thread.get_id() == std::this_thread::get_id()) {
          thread.detach();
        } else {
          thread.join();
        }
      }
      pool->join();
    }

    const std::shared_ptr<detail::ThreadLoop<C>> loop;
    const std::shared_ptr<detail::BlockingPool<>> pool;  // makes and joins its threads itself
    std::vector<std::thread> of_engine;                  // constant once made, until the last handle dies
  };

  std::shared_ptr<Threads> threads_;
};

static_assert(ExecutorFor<ThreadExecutor, BootClock>);
static_assert(BlockingExecutor<ThreadExecutor>);
static_assert(ThreadAwareExecutor<ThreadExecutor>);

}  // namespace heartbeat
