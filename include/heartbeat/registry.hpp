// SPDX-License-Identifier: BSL-1.0
// The one class that most users see: it keeps a heartbeat for each key, and owns transport, clock, executor and sink.
// A thin shell over the engine. Read next: handle.hpp, options.hpp, group.hpp.
#pragma once

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
#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/engine/look_at.hpp>
#include <heartbeat/detail/engine/shutdown_steps.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/handle.hpp>
#include <heartbeat/key.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/status.hpp>
#include <heartbeat/transport.hpp>

namespace heartbeat {

/// Keeps many sessions alive: one heartbeat per key, sent on time, stopped when told, its end reported once.
///
/// The policies are copied in; what they refer to must outlive the registry. Neither copied nor moved.
/// Threading: every call from any thread and from inside any callback; no user code runs under a lock (G4). A mutex of
/// the caller's that a callback also takes must not be held while calling `stop`, `stop_all`, `shutdown` or the
/// destructor.
///
/// After fork() the child's copy, with its handles, groups and executor, does nothing, and neither does its end:
/// nothing is valid or found there, handles say shut_down, `start` is refused with `errc::made_before_fork`. The
/// policies are not destroyed. What the child needs it makes itself. A child that was forked inside a callback must not
/// return from it: it ends, or becomes another program.
template <class K, class T, class C /* = BootClock */, class E /* = DefaultExecutor<C> */>
class HeartbeatRegistry {
  static_assert(Key<K>, "the key must be copyable, comparable with == and have an std::hash: see key.hpp");
  static_assert(Clock<C>, "the clock must be steady, count in an integer of 64 bits, and have now(): see clock.hpp");
  static_assert(ExecutorFor<E, C>,
                "the executor must be copyable and have noexcept post(Work&), wake_by(Timer&, Clock::time_point) and "
                "cancel(Timer&): see executor.hpp");
  static_assert(std::move_constructible<T>, "the transport must be movable: it is moved into the registry");
  static_assert(
      Transport<T, K>,
      "the transport must have beat(key, context) that returns a BeatResult, or "
      "async_beat(key, context, completion) or async_beat_batch(requests) that return void: see transport.hpp (the "
      "function of a FunctionTransport takes the key and returns bool or BeatResult: see transports/function.hpp)");
  static_assert(
      beat_form<T, K> != BeatForm::blocking || BlockingExecutor<E> || HelpingExecutor<E>,
      "a blocking transport needs an executor with a pool for blocking work: noexcept post_blocking(Work&) and "
      "blocking_concurrency()");
  static_assert(beat_form<T, K> == BeatForm::blocking || AsyncClosingTransport<T, K> || !BlockingClosingTransport<T, K>,
                "an asynchronous transport closes with async_close(key, context, completion), not with close");
  static_assert(
      !detail::ClosesInVain<T, K>,
      "close(key, context) must return std::error_code, async_close(key, context, completion) void: as it is, "
      "it would never be called");

 public:
  using key_type = K;                    ///< what names a session
  using transport_type = T;              ///< what sends the beats
  using clock_type = C;                  ///< what tells the time
  using executor_type = E;               ///< where work runs
  using Options = HeartbeatOptions<C>;   ///< of one heartbeat
  using Handle = HeartbeatHandle<K, C>;  ///< what `start` gives
  using Status = HeartbeatStatus<K, C>;  ///< what looking gives
  using EventType = Event<K, C>;         ///< what the sink is told
  /// Told of events, one at a time. May block, call back and throw; none of it delays a beat (K5).
  using Sink = std::function<void(const EventType&)>;

  /// With a clock and an executor of its own. Throws: std::system_error for options that break a rule
  /// (`condition::bad_options`) and for threads that cannot be made; std::bad_alloc.
  explicit HeartbeatRegistry(T transport, Sink sink = {},
                             RegistryOptions options = {}) requires std::default_initializable<C>
      : HeartbeatRegistry{std::move(transport), C{}, std::move(sink), std::move(options)} {}

  /// With the given clock and executor.
  HeartbeatRegistry(T transport, C clock, E executor, Sink sink = {}, RegistryOptions options = {})
      : engine_{new EngineType{std::move(transport), std::move(clock), std::move(executor), std::move(sink),
                               checked(options)}} {}

  HeartbeatRegistry(const HeartbeatRegistry&) = delete;
  HeartbeatRegistry& operator=(const HeartbeatRegistry&) = delete;

  /// `shutdown(close_grace)` (2 s unless `RegistryOptions` says otherwise), then waits until no user code of this
  /// registry is on another thread's stack. Closes that found no time or place are counted and left to the server's
  /// ttl. Guarantees: G6.
  ///
  /// Inside one of its own callbacks it does not wait: the policies live until that callback and all others have
  /// returned. Inside a callback of another registry or monitor it waits as anywhere else: two callbacks on two threads
  /// that each destroy the other one's registry wait for each other for ever, as two threads that join each other do.
  ~HeartbeatRegistry() { engine_->release(); }

  /// Starts a heartbeat for `key`.
  ///
  /// Blocks: never, but with `IfRunning::replace`, where one runs, as its handle's `stop` does; also if another ends it
  /// at that moment. Of one that had ended before, callbacks may still run. Allocates: one record.
  /// Throws: std::system_error with `errc::already_running`, `errc::close_on_its_way`, `errc::shut_down`,
  /// `errc::made_before_fork`, `errc::event_backlog`, or the code of the rule an option breaks; std::bad_alloc; what
  /// hashing or copying the key throws; all with nothing changed (G13).
  ///
  /// A close of the key's last heartbeat that was not sent yet is withdrawn, and one that failed is not repeated. While
  /// one is on its way, until it is answered or has timed out, nobody can tell whether what the caller was granted came
  /// before it or after: stop, `wait_for_close`, open the session, start. If it has timed out, the new heartbeat is
  /// valid from its first acknowledgement alone, whatever `granted_at` says, for a ttl from then on.
  /// Guarantees: G11 (an end by a parent may come before it returns), G13, G14.
  Handle start(K key, Options options = {}) {
    std::error_code error;
    Handle handle = start(std::move(key), std::move(options), error);
    if (error) throw std::system_error{error, "heartbeat::HeartbeatRegistry::start"};
    return handle;
  }

  /// As above; a refusal is told in `error`, and the handle that comes back has no heartbeat.
  Handle start(K key, Options options, std::error_code& error) {
    error.clear();
    auto [record, is_running_one] = engine_->start(std::move(key), options, nullptr, error);
    if (!record) return {};
    return Handle{std::move(record), engine_->clock(), !is_running_one};
  }

  /// Ends the key's heartbeat as stopped; true if this call ended it. Otherwise as `HeartbeatHandle::stop`, but for one
  /// that has ended already: it is not found by its key, so false may come while callbacks of one run that somebody
  /// else has just ended. Whoever needs to know that they are over keeps the handle, whose `stop` waits also then.
  bool stop(const K& key) { return stop_found(engine_->find(key, EngineType::any_generation), true); }

  /// The same for one generation only: what a callback of an old generation should use (K20).
  bool stop(const K& key, std::uint64_t generation) { return stop_found(engine_->find(key, generation), true); }

  /// As `stop`, and never waits.
  bool request_stop(const K& key) { return stop_found(engine_->find(key, EngineType::any_generation), false); }

  /// Ends every running heartbeat as stopped; how many. Heartbeats started meanwhile may run on. Waits as
  /// `HeartbeatHandle::stop` for the callbacks of all that it met running, once they have ended; not for those of what
  /// had ended already. Guarantees: G15.
  std::size_t stop_all() noexcept { return detail::Ender<EngineType>{*engine_}.stop_all(); }

  /// As `stop_all`, and never waits.
  std::size_t request_stop_all() noexcept { return detail::Ender<EngineType>{*engine_}.end_all(EndReason::stopped); }

  /// Ends what has stalled now, without waiting for the executor, and returns those that this call ended; each is
  /// returned by one call only. Respects `OnStall::keep_beating` and the grace after a time gap. Also happens by
  /// itself. Waits for no callback: tokens of what it ended fire on the executor, maybe later; a handle's `stop` waits
  /// for them.
  ///
  /// Throws: std::bad_alloc before anything of a slice has ended; what copying a key throws. Guarantees: G12.
  std::vector<K> sweep() { return engine_->sweep(); }

  /// Waits for the close of the key's last heartbeat, as `HeartbeatHandle::wait_for_close`. True also where the key has
  /// none: none was wanted, it was confirmed, or given up so long ago that the server has let go of the session. False
  /// also while an older one, that was not answered in time, may still be executed.
  bool wait_for_close(const K& key, Duration grace) {
    if (!engine_->is_here()) return false;
    const detail::RecordReference record = detail::Looker<EngineType>{*engine_}.find_closing(key);
    return !record || record->shard().core().wait_for_close(*record, grace);
  }

  /// Ends everything as shut_down and takes no more heartbeats. Waits up to `grace` for closes to be sent and answered,
  /// and for user code on other threads' stacks to return; a close that waits for its beat goes out after half of it.
  /// True: no user code of this registry runs any more, all ends were told, and no close was left unsent for want of
  /// time. False: `Statistics::closes_skipped` counts the closes that were not sent; call it again, or let the
  /// destructor wait, for user code that still runs.
  ///
  /// With no grace it neither waits nor closes. Inside one of its own callbacks, and on a thread that its executor
  /// needs (of an AsioExecutor: any that runs its context), it does not wait: asynchronous closes are begun on this
  /// thread, blocking ones are skipped. There, `async_shutdown` (executors/asio.hpp) takes the time that `grace` gives.
  bool shutdown(Duration grace = {}) noexcept { return engine_->shutdown(grace); }

  /// True if the key has a running heartbeat.
  [[nodiscard]] bool contains(const K& key) const {
    return static_cast<bool>(engine_->find(key, EngineType::any_generation));
  }

  /// How many heartbeats run.
  [[nodiscard]] std::size_t size() const { return engine_->size(); }

  /// Calls `fn(const Status&)` for each running heartbeat, with no lock held. One that runs throughout is met exactly
  /// once; others may be.
  template <std::invocable<const Status&> Fn>
  void for_each(Fn fn) const {
    engine_->visit([&](detail::Record& record) {
      if (const auto status = status_of(record)) fn(*status);
    });
  }

  /// How each running heartbeat stands. As `for_each`.
  [[nodiscard]] std::vector<Status> snapshot() const {
    std::vector<Status> all;
    for_each([&](const Status& status) { all.push_back(status); });
    return all;
  }

  /// How the key's heartbeat stands; no value if none runs.
  [[nodiscard]] std::optional<Status> status(const K& key) const {
    const detail::RecordReference record = engine_->find(key, EngineType::any_generation);
    return record ? status_of(*record) : std::nullopt;
  }

  /// What was counted so far.
  [[nodiscard]] Statistics statistics() const { return engine_->statistics(); }

  /// The clock.
  [[nodiscard]] const C& clock() const noexcept { return engine_->clock(); }
  /// The transport, for calls of the user's own; it is used by other threads at the same time.
  [[nodiscard]] T& transport() noexcept { return engine_->transport(); }

 private:
  friend HeartbeatGroup<HeartbeatRegistry>;
  // For `async_shutdown`.
  friend detail::ShutdownSteps<detail::Engine<K, T, C, E>> shutdown_steps_of(HeartbeatRegistry& registry) noexcept {
    return detail::ShutdownSteps<detail::Engine<K, T, C, E>>{*registry.engine_};
  }
  template <class, class, class, class, class>
  friend class PerClient;

  using EngineType = detail::Engine<K, T, C, E>;

  HeartbeatRegistry(T transport, C clock, Sink sink, RegistryOptions options)
      : HeartbeatRegistry{std::move(transport), clock, made_executor(clock), std::move(sink), std::move(options)} {}

  static E made_executor(const C& clock) {
    if constexpr (std::constructible_from<E, const C&>) {
      return E{clock};
    } else {
      return E{};
    }
  }

  static const RegistryOptions& checked(const RegistryOptions& options) {
    if (const errc rule = broken_rule(options); rule != errc{}) {
      throw std::system_error{make_error_code(rule), "heartbeat::HeartbeatRegistry"};
    }
    return options;
  }

  bool stop_found(detail::RecordReference record, bool wait) {
    return record && record->shard().core().stop(*record, wait);
  }

  static std::optional<Status> status_of(detail::Record& record) {
    std::optional<Status> status{
        // made, and given back, without the lock: the key is copied
        Status{detail::key_of<K>(record), record.generation, HeartbeatState::waiting, std::nullopt, false, 0}};
    if (!detail::look_at(record, *status)) status.reset();
    return status;
  }

  EngineType* engine_;  // frees itself once it is released and nothing refers to it
};

}  // namespace heartbeat
