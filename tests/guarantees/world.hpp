// SPDX-License-Identifier: BSL-1.0
// What the tests of the guarantees share: a registry in virtual time with a scripted server and a log of its events; a
// door for tests with real threads, so that they wait for what happened and never for time to pass; words to print.
// Read next: g01_one_beat_in_flight.cpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/printing.hpp>  // for the checks that print
#include <heartbeat/registry.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>
#include <heartbeat/transports/function.hpp>

#include "../waiting.hpp"

namespace heartbeat::guarantees {

using namespace std::chrono_literals;  // NOLINT
using testing::EventLog;
using testing::ManualClock;
using testing::ManualExecutor;
using testing::ScriptedTransport;

/// Longer than anything takes on a machine that works at all.
inline constexpr std::chrono::seconds generous{30};

// --- virtual time

using Registry = HeartbeatRegistry<int, ScriptedTransport<int>, ManualClock, ManualExecutor>;
using Options = Registry::Options;
using Handle = Registry::Handle;
using Log = EventLog<int, ManualClock>;

/// Every 5 s from now on, valid for 29 s after each beat.
[[nodiscard]] inline Options at_once() {
  return {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
}

/// The same without a close call at the end.
[[nodiscard]] inline Options without_close() {
  Options options = at_once();
  options.when_stalled = options.when_gone = options.when_ended = OnEnd::leave;
  return options;
}

/// One registry in virtual time; its server answers by a script (acknowledges, where there is none).
struct World {
  explicit World(RegistryOptions options = {.seed = 1, .shards = 1}, std::uint64_t seed = 1)
      : executor{clock, seed}, transport{executor} {
    registry.emplace(transport, clock, executor, log, options);
  }

  /// The time since the epoch, where the clock began.
  [[nodiscard]] std::chrono::nanoseconds now() const { return clock.now().time_since_epoch(); }

  /// When the beats of a key were sent.
  [[nodiscard]] std::vector<std::chrono::nanoseconds> sent(int key) const {
    std::vector<std::chrono::nanoseconds> times;
    for (const auto& call : transport.beats_of(key))
      times.push_back(call.at.time_since_epoch());
    return times;
  }

  ManualClock clock;
  ManualExecutor executor;
  ScriptedTransport<int> transport;
  Log log;
  std::optional<Registry> registry;
};

/// "running", or the reason of the end.
template <class H>
[[nodiscard]] std::string_view why(const H& handle) {
  const auto reason = handle.ended();
  return reason ? to_string(*reason) : std::string_view{"running"};
}

/// The end of validity since the epoch.
template <class H>
[[nodiscard]] std::chrono::nanoseconds valid_until(const H& handle) {
  return handle.valid_until().time_since_epoch();
}

// --- real threads

/// Closed until somebody opens it.
class Door {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    is_open_ = true;
    changed_.notify_all();
  }

  /// Waits until it is opened, by what `what` says.
  testing::Waited wait(std::string_view what = "a door to be opened") {
    std::unique_lock lock{mutex_};
    return testing::wait_on(
        changed_, lock, what, [this] { return is_open_; }, testing::nothing_else, generous);
  }

  [[nodiscard]] bool is_open() const {
    const std::lock_guard lock{mutex_};
    return is_open_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

/// Counts, and lets others wait for the count.
class Tally {
 public:
  void add(int by = 1) {
    const std::lock_guard lock{mutex_};
    count_ += by;
    changed_.notify_all();
  }

  [[nodiscard]] int count() const {
    const std::lock_guard lock{mutex_};
    return count_;
  }

  /// Waits until the count has reached `wanted`.
  testing::Waited reaches(int wanted, std::string_view what = "a count") {
    std::unique_lock lock{mutex_};
    return testing::wait_on(
        changed_, lock, std::string{what} + " of " + std::to_string(wanted), [&] { return count_ >= wanted; },
        [this] { return std::to_string(count_); }, generous);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

/// Two threads meet: both go on once both are there. False if the other one did not come.
class Meeting {
 public:
  bool wait() {
    tally_.add();
    return tally_.reaches(2);
  }

 private:
  Tally tally_;
};

/// True if `fn` returns within the limit. REQUIRES: nothing; a call that hangs keeps the test from ending, which the
/// runner's limit reports.
template <class Fn>
[[nodiscard]] bool returns(Fn fn) {
  std::future<void> done = std::async(std::launch::async, std::move(fn));
  return done.wait_for(generous) == std::future_status::ready;
}

using testing::eventually;

using AsyncBeat = std::function<void(const int&, const BeatContext&, BeatCompletion)>;
using BlockingBeat = std::function<BeatResult(const int&, const BeatContext&)>;

using ThreadRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>>;
using BlockingRegistry = HeartbeatRegistry<int, FunctionTransport<BlockingBeat>>;

using ManualThreads = BasicThreadExecutor<ManualClock>;
using ManualThreadRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualThreads>;
using ManualBlockingRegistry = HeartbeatRegistry<int, FunctionTransport<BlockingBeat>, ManualClock, ManualThreads>;

[[nodiscard]] inline FunctionTransport<AsyncBeat> answering(AsyncBeat fn) {
  return FunctionTransport<AsyncBeat>{std::move(fn)};
}
[[nodiscard]] inline FunctionTransport<BlockingBeat> blocking(BlockingBeat fn) {
  return FunctionTransport<BlockingBeat>{std::move(fn)};
}

/// An asynchronous beat that is acknowledged inside the call.
inline void acknowledge(const int&, const BeatContext&, BeatCompletion completion) {
  completion(BeatResult::acknowledged());
}

/// For real time: the first beat at once, no other while a test runs.
template <class R>
[[nodiscard]] typename R::Options one_beat() {
  typename R::Options options;
  options.interval = 1h;
  options.ttl = 10h;
  options.first_beat = FirstBeat::now;
  return options;
}

/// For a clock moved by hand: its jumps are no gaps.
[[nodiscard]] inline RegistryOptions no_gaps(std::uint32_t shards = 1) {
  return {.gap_threshold = 1000h, .seed = 1, .shards = shards};
}

/// So much time passes, and somebody looks all along: nobody was away, whatever the executor's threads come to.
template <class R>
void pass(ManualClock& clock, R& registry, std::chrono::seconds seconds) {
  for (auto passed = 0s; passed < seconds; ++passed) {
    clock.advance(1s);
    static_cast<void>(registry.sweep());
  }
}

/// A key of the given one of `shards` shards, the n-th of them.
[[nodiscard]] inline int key_in(std::uint64_t shard, std::uint64_t shards, int n = 0) {
  for (int key = 1;; ++key) {
    const std::uint64_t hash = detail::Random::mix(std::hash<int>{}(key));
    if ((hash & (shards - 1)) == shard && n-- == 0) return key;
  }
}

}  // namespace heartbeat::guarantees
