// SPDX-License-Identifier: BSL-1.0
// A clock that wraps around within weeks.
#include <chrono>
#include <cstdint>

#include <heartbeat/registry.hpp>

struct Server {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

struct Clock {
#ifdef HEARTBEAT_COMPILE_FAIL
  using rep = std::int32_t;
#else
  using rep = std::int64_t;
#endif
  using period = std::milli;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<Clock, duration>;
  static constexpr bool is_steady = true;
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

template class heartbeat::HeartbeatRegistry<int, Server, Clock, Executor>;  // error: count in an integer of 64 bits
