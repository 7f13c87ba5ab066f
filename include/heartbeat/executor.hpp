// SPDX-License-Identifier: BSL-1.0
// Where the engine's work runs. Work items belong to the engine and carry their own link, so that posting never
// allocates and never fails: once a heartbeat is registered nothing can keep it from beating. Read next:
// executors/thread.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <heartbeat/clock.hpp>

namespace heartbeat {

/// A piece of work that the engine owns and an executor runs.
///
/// States: idle -> (post) -> queued -> (taken out) -> running `run()`. It may be posted again as soon as it was taken
/// out, by its own `run()` too. An executor calls exactly one of `run()` and `drop()` for each post. Either may free
/// the work: an executor touches it no more once it has called one of them.
class Work {
 public:
  /// Does the work. Does not throw, and does not block unless it was posted as blocking.
  virtual void run() noexcept = 0;

  /// Told instead of `run()` when the executor ends with the work still queued. Runs no user code.
  virtual void drop() noexcept = 0;

  /// The executor's own while the work is queued.
  Work* next = nullptr;

 protected:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() = default;
};

/// Work for a point in time.
///
/// States: idle -> (wake_by) -> armed -> (due) -> running; armed -> (cancel) -> idle.
class Timer : public Work {
 public:
  /// The executor's own while the timer is armed: when it is due, and where it is kept.
  std::int64_t due = 0;
  std::size_t place = not_armed;  ///< see due

  /// The place of a timer that is idle.
  static constexpr std::size_t not_armed = static_cast<std::size_t>(-1);

 protected:
  ~Timer() = default;
};

/// Runs work soon, and at a time point of `C`.
///
/// | expression             | type   | meaning |
/// | ---------------------- | ------ | ------- |
/// | `e.post(work)`         |        | `work.run()` is called soon, on a thread of the executor, never inside `post` |
/// | `e.wake_by(timer, at)` | `bool` | `timer.run()` is called at `at`, or earlier if an earlier call asked for that: |
/// |                        |        | the earliest wins; true if the timer was idle before |
/// | `e.cancel(timer)`      | `bool` | true if the timer was armed: it is idle now, and neither run nor dropped |
/// | copy                   |        | the same executor; what it refers to outlives the registry |
///
/// All of it from any thread, `noexcept`, not under a lock of the engine. Work that was queued when the executor ends
/// is dropped. `post` may run works in parallel; the engine takes care of itself. Why one writes one: to run on the
/// threads of an event loop that is already there.
template <class E, class C>
concept ExecutorFor = Clock<C> && std::copy_constructible<E> &&
    requires(E& executor, Work& work, Timer& timer, typename C::time_point at) {
  { executor.post(work) }
  noexcept;
  { executor.wake_by(timer, at) }
  noexcept->std::same_as<bool>;
  { executor.cancel(timer) }
  noexcept->std::same_as<bool>;
};

/// An executor with a bounded pool beside, for work that may block: blocking transports, stop callbacks, the event
/// sink. Calls to a server that does not answer hold as many of its threads as there are such calls, so a pool that can
/// grow does well to have a high bound.
///
/// | expression                 | type          | meaning                                                     |
/// | -------------------------- | ------------- | ----------------------------------------------------------- |
/// | `e.post_blocking(work)`    |               | as `post`, on a thread of the pool                           |
/// | `e.blocking_concurrency()` | `std::size_t` | how many run at once at most, at least 1; constant           |
template <class E>
concept BlockingExecutor = requires(E& executor, const E& constant, Work& work) {
  { executor.post_blocking(work) }
  noexcept;
  { constant.blocking_concurrency() }
  noexcept->std::same_as<std::size_t>;
};

namespace detail {

// A condition that refers to what it waits for, as the engine's do: a pointer to a function cannot take one.
struct DoneArchetype {
  const bool& is_done;
  bool operator()() const noexcept { return is_done; }
};

}  // namespace detail

/// An executor that the waiting thread must drive itself, such as one in virtual time: `e.help_until(done)` runs work
/// until `done()` is true, and returns whether it became so.
template <class E>
concept HelpingExecutor = requires(E& executor, detail::DoneArchetype done) {
  { executor.help_until(done) } -> std::same_as<bool>;
};

/// An executor that knows its threads, so that whoever is about to wait for one of its works can tell whether this is
/// the wrong place to do so.
///
/// | expression              | type   | meaning                                                                |
/// | ----------------------- | ------ | ---------------------------------------------------------------------- |
/// | `c.needs_this_thread()` | `bool` | true if works may need the calling thread to run: who waits here for a |
/// |                         |        | work may wait in vain. Where it cannot know it says so too             |
///
/// From any thread, in a work of the executor too, `noexcept`, and quick: it waits for nothing. Why one writes one: on
/// the only thread of an event loop, a registry's shutdown would wait its whole time for works that can only run behind
/// it. An executor without it is taken never to need the thread that waits; so is a `HelpingExecutor`, which runs its
/// works there.
template <class E>
concept ThreadAwareExecutor = requires(const E& constant) {
  { constant.needs_this_thread() }
  noexcept->std::same_as<bool>;
};

namespace detail {

// Whether waiting here for a work of the executor may be in vain.
template <class E>
[[nodiscard]] bool needs_this_thread(const E& executor) noexcept {
  if constexpr (ThreadAwareExecutor<E> && !HelpingExecutor<E>) {
    return executor.needs_this_thread();
  } else {
    return false;
  }
}

}  // namespace detail

}  // namespace heartbeat
