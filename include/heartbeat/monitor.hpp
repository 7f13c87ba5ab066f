// SPDX-License-Identifier: BSL-1.0
// The server's half of heartbeats: it watches keys, is touched when their beats arrive, and says which have fallen
// silent. A thin shell over the engine. Read next: detector.hpp, monitor_options.hpp, monitor_report.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/monitor/engine.hpp>
#include <heartbeat/detector.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/key.hpp>
#include <heartbeat/monitor_options.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat {

/// Watches many keys, and says once of each that it has been silent for too long.
///
/// Each watching of a key is a generation, which ends once: it expires, or is forgotten (by `forget`, replacement or
/// shutdown), never both (G3, G5). An expiry is reported once: told to the sink, or returned by one `sweep`. Without a
/// sink expiries wait for `sweep`; shutdown leaves them there.
///
/// A key that is touched within its allowance never expires. One that is not expires by the tick after it, plus what
/// the executor is late; a touch that comes in between still counts, and says so: exactly one of touch and expiry wins.
///
/// When the process itself was away, the beats of those who live wait in socket buffers (G18). So a deadline that
/// passed while it was (a wake-up came later than armed by more than `gap_threshold`, or half its allowance) is put
/// off, once per gap, by min(allowance, gap) from the return on; and nothing expires unless the executor ran some time
/// before. Eight times for one silence: a process that comes late all the time says who is silent all the same
/// (monitor/silence.hpp).
///
/// The policies are copied in; what they refer to must outlive the monitor. Of the detector a copy may live on until
/// the executor has let go of its last turn; it is not called any more. Neither copied nor moved.
/// Threading: every call from any thread and inside the sink; no user code but `==` of keys and the detector runs under
/// a lock (G4). A mutex of the caller's that the sink also takes must not be held while calling the destructor or
/// `shutdown` with a grace. With nothing watched no thread wakes up.
///
/// After fork() the child's copy does nothing, and neither does its end: nothing is watched there, and `watch` is
/// refused with `errc::made_before_fork`. Otherwise as `HeartbeatRegistry`.
template <class K, class C /* = BootClock */, class E /* = DefaultExecutor<C> */, class D /* = FixedDeadline */>
class HeartbeatMonitor {
  static_assert(Key<K>, "the key must be copyable, comparable with == and have an std::hash: see key.hpp");
  static_assert(Clock<C>, "the clock must be steady, count in an integer of 64 bits, and have now(): see clock.hpp");
  static_assert(ExecutorFor<E, C>,
                "the executor must be copyable and have noexcept post(Work&), wake_by(Timer&, Clock::time_point) and "
                "cancel(Timer&): see executor.hpp");
  static_assert(
      Detector<D>,
      "the detector must be copyable and have a trivially copyable State and, const and noexcept, "
      "arrived(State&, ttl, silence), allowance(const State&, ttl) and suspicion(const State&, ttl, silence): "
      "see detector.hpp");

 public:
  using key_type = K;               ///< what names a client
  using clock_type = C;             ///< what tells the time
  using executor_type = E;          ///< where work runs
  using detector_type = D;          ///< what decides that a silence is too long
  using ExpiryType = Expiry<K, C>;  ///< what the sink is told
  using Status = WatchStatus<C>;    ///< what looking gives
  /// Told of expiries, one at a time. May block, call back and throw; none of it delays another key's expiry, only the
  /// telling of it (G10) — where the executor has a pool for blocking work, or more than one thread.
  using Sink = std::function<void(const ExpiryType&)>;

  /// With a clock and an executor of its own (two threads, if it is the thread executor). Throws: std::system_error for
  /// options that break a rule (`condition::bad_options`) and for threads that cannot be made; std::bad_alloc.
  explicit HeartbeatMonitor(Sink sink = {}, MonitorOptions options = {},
                            D detector = D{}) requires std::default_initializable<C>
      : HeartbeatMonitor{std::move(sink), std::move(options), std::move(detector), C{}} {}

  /// With the given clock and executor.
  HeartbeatMonitor(C clock, E executor, Sink sink = {}, MonitorOptions options = {}, D detector = D{})
      : engine_{new EngineType{std::move(clock), std::move(executor), detector, std::move(sink), checked(options)}} {}

  HeartbeatMonitor(const HeartbeatMonitor&) = delete;
  HeartbeatMonitor& operator=(const HeartbeatMonitor&) = delete;

  /// `shutdown({})`, then waits until the sink is on no other thread's stack. Guarantees: G6.
  ///
  /// Inside its own sink it does not wait: sink, clock and executor live until that call has returned. Inside a
  /// callback of another monitor or registry it waits as anywhere else: two callbacks on two threads that each destroy
  /// the other one's monitor wait for each other for ever.
  ~HeartbeatMonitor() { engine_->release(); }

  /// Watches a key, from now. Gives the generation, which is not 0.
  ///
  /// Blocks: never. Allocates: one record.
  /// Throws: std::system_error with `errc::already_watched`, `errc::shut_down`, `errc::made_before_fork`,
  /// `errc::event_backlog`, or the code of the rule an option breaks; std::bad_alloc; what hashing or moving the key
  /// throws; all with nothing changed (G13).
  std::uint64_t watch(K key, WatchOptions options) {
    std::error_code error;
    const std::uint64_t generation = watch(std::move(key), options, error);
    if (error) throw std::system_error{error, "heartbeat::HeartbeatMonitor::watch"};
    return generation;
  }

  /// The same with a ttl alone.
  std::uint64_t watch(K key, Duration ttl) { return watch(std::move(key), WatchOptions{.ttl = ttl}); }

  /// As above; a refusal is told in `error`, and gives 0.
  std::uint64_t watch(K key, WatchOptions options, std::error_code& error) {
    error.clear();
    return engine_->watch(std::move(key), options, error);
  }

  /// A beat of the key has arrived: its silence begins anew. False if it is not watched (any more). After true it does
  /// not expire within its allowance from now. Takes the lock of a shard and writes one time point; more only where the
  /// detector makes the deadline earlier. Allocates: never.
  bool touch(const K& key) { return engine_->touch(key, any_generation); }

  /// The same for one generation only: a late beat of an old one must not keep the new one alive (G5).
  bool touch(const K& key, std::uint64_t generation) { return engine_->touch(key, generation); }

  /// Watches the key no longer; false if it was not watched. After true this generation is never reported.
  bool forget(const K& key) { return engine_->forget(key, any_generation); }

  /// The same for one generation only: what a sink should use.
  bool forget(const K& key, std::uint64_t generation) { return engine_->forget(key, generation); }

  /// Expires what is due now, without waiting for the executor, and takes over what has expired and was not told yet:
  /// those keys are returned by this call alone, and not told to the sink. Costs in proportion to what came up (G12).
  ///
  /// Throws: std::bad_alloc, and what moving or copying a key throws, before anything was taken (later it returns what
  /// it has); the rest is told, or found by the next sweep.
  std::vector<K> sweep() { return engine_->sweep(); }

  /// Forgets all keys, and watches no more. Waits up to `grace` for the sink on another thread's stack. True:
  /// everything that had expired was told, and no user code of this monitor runs any more. False: call it again, or let
  /// the destructor wait. Inside its own sink, or with no grace, it does not wait.
  bool shutdown(Duration grace = {}) noexcept { return engine_->shutdown(grace); }

  /// True if the key is watched.
  [[nodiscard]] bool contains(const K& key) const { return engine_->look(key).has_value(); }

  /// How many keys are watched.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(statistics().watching); }

  /// How the key stands; no value if it is not watched.
  [[nodiscard]] std::optional<Status> status(const K& key) const {
    const auto seen = engine_->look(key);
    if (!seen) return std::nullopt;
    return Status{seen->generation, detail::to_time_point<C>(seen->touched), detail::to_time_point<C>(seen->due)};
  }

  /// How suspicious the key's silence is now, on the detector's scale; no value if it is not watched.
  [[nodiscard]] std::optional<double> suspicion(const K& key) const {
    const auto seen = engine_->look(key);
    if (!seen) return std::nullopt;
    const std::int64_t silence = std::max<std::int64_t>(0, engine_->now() - seen->touched);
    return engine_->detector().suspicion(seen->arrivals, seen->ttl, std::chrono::nanoseconds{silence});
  }

  /// What was counted so far.
  [[nodiscard]] MonitorStatistics statistics() const { return engine_->statistics(); }

  /// The clock.
  [[nodiscard]] const C& clock() const noexcept { return engine_->clock(); }

 private:
  using EngineType = detail::MonitorEngine<K, C, E, D>;
  static constexpr std::uint64_t any_generation = EngineType::Shard::any_generation;

  HeartbeatMonitor(Sink sink, MonitorOptions options, D detector, C clock)
      : HeartbeatMonitor{clock, made_executor(clock), std::move(sink), std::move(options), std::move(detector)} {}

  static E made_executor(const C& clock) {
    if constexpr (std::constructible_from<E, const C&, ThreadExecutorOptions>) {
      return E{clock, ThreadExecutorOptions{.threads = 1, .blocking_threads = 1}};
    } else if constexpr (std::constructible_from<E, const C&>) {
      return E{clock};
    } else {
      return E{};
    }
  }

  static const MonitorOptions& checked(const MonitorOptions& options) {
    if (const errc rule = broken_rule(options); rule != errc{}) {
      throw std::system_error{make_error_code(rule), "heartbeat::HeartbeatMonitor"};
    }
    return options;
  }

  EngineType* engine_;  // frees itself once it is released and nothing refers to it
};

}  // namespace heartbeat
