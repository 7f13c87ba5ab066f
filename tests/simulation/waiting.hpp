// SPDX-License-Identifier: BSL-1.0
// How the engine waits for other threads here: it does not, but has the world go on, on its own stack, until what it
// waits for has come. Calls that block are parked meanwhile, so that nobody else could bring it. Chosen for the whole
// program, so it comes before every other header of the library. Read next: ../model/lock_step_pool.hpp;
// heartbeat/detail/threads/threading.hpp for what is exchanged.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

namespace heartbeat::simulation {

/// Whoever lets time pass.
class Waiting {
 public:
  Waiting() { driver = this; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  virtual ~Waiting() { driver = nullptr; }

  /// Until it is done, or for so long; whether it is done.
  virtual bool wait(std::optional<std::chrono::nanoseconds> limit, const std::function<bool()>& done) = 0;

  static inline Waiting* driver = nullptr;  // one at a time in a process
};

}  // namespace heartbeat::simulation

namespace heartbeat::detail {

template <class>
struct ThreadingOf;
class SpinningMutex;

}  // namespace heartbeat::detail

namespace heartbeat::simulation {

/// Nothing is rung: whoever waits looks again after each step of the world.
class LookingBell {
 public:
  template <class Change>
  void ring(Change change) {
    change();
  }
  template <class Done>
  void wait(Done done) {
    if (!done()) Waiting::driver->wait(std::nullopt, done);
  }
  template <class Done>
  bool wait_for(std::chrono::nanoseconds limit, Done done) {
    return done() || Waiting::driver->wait(limit, done);
  }
};

struct LockStepThreading {
  using Mutex = detail::SpinningMutex;  // never contended
  using Bell = LookingBell;
  template <class Fn>
  using StopCallback = std::stop_callback<Fn>;
  template <class T>
  using Atomic = std::atomic<T>;

  template <class T>
  static void wait(const std::atomic<T>& value, T old) noexcept {
    Waiting::driver->wait(std::nullopt, [&] { return value.load() != old; });
  }
  template <class T>
  static void notify_all(std::atomic<T>&) noexcept {}
};

}  // namespace heartbeat::simulation

template <>
struct heartbeat::detail::ThreadingOf<void> {
  using type = simulation::LockStepThreading;
};
