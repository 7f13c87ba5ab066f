// SPDX-License-Identifier: BSL-1.0
// A clock that may jump cannot say how long a session is valid.
#include <chrono>
#include <cstdint>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

struct Clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Clock, duration>;
#ifdef HEARTBEAT_COMPILE_FAIL
  static constexpr bool is_steady = false;
#else
  static constexpr bool is_steady = true;
#endif
  time_point now() const { return {}; }
};

struct Executor {
  template <class Work>
  void post(Work&) noexcept {}
  template <class Timer, class TimePoint>
  bool wake_by(Timer&, TimePoint) noexcept {
    return true;
  }
  template <class Timer>
  bool cancel(Timer&) noexcept {
    return false;
  }
};

template class heartbeat::HeartbeatRegistry<int, Server, Clock, Executor>;  // error: the clock must be steady
