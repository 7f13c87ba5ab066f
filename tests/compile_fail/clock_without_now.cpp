// SPDX-License-Identifier: BSL-1.0
// A clock is read by now().
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
  static constexpr bool is_steady = true;
#ifndef HEARTBEAT_COMPILE_FAIL
  time_point now() const { return {}; }
#endif
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

template class heartbeat::HeartbeatRegistry<int, Server, Clock, Executor>;  // error: have now()
