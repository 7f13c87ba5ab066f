// SPDX-License-Identifier: BSL-1.0
// One beat on the wire for all keys of one client: for protocols that keep a connection or a client alive, with all
// that hangs on it, and to send a thousandth of the beats where they do not. Keys come and go; each has a generation, a
// handle and an end of its own. Read next: per_client_handle.hpp; detail/per_client/client_table.hpp, which ties keys
// to their clients.
//
// Validity (G9). A client's acknowledgement speaks for those keys alone that had joined before the beat was sent:
//
//    client    beat 1 sent ... acknowledged       beat 2 sent ... acknowledged
//    key A     |------------------ valid ------------------------------ valid ---
//    key B                  joins |  (not valid yet)                  | valid ---
//
// A caller who knows when the server granted B's session says so with `granted_at`: B is then valid from the start,
// until ttl - safety_margin after the grant, but no longer than the client, whose end would take B along. While no beat
// of the client was acknowledged, the client has no validity, and the grant alone decides; unless an old close of the
// client is on its way or has timed out, and may hit what was granted: then the grant does not count.
//
// The end (G6). Two engines, one owner: a callback of either counts as one of both, so whoever ends this inside one
// waits for neither, and cannot deadlock. Nothing in use is freed: each engine keeps its policies until its own last
// callback has returned, and where one calls the other (a client ends its keys, the last key stops its client) it holds
// the other's memory, and enters its gate or finds it closed. Elsewhere both are waited for, clients first.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/engine/look_at.hpp>
#include <heartbeat/detail/per_client/client_shutdown.hpp>
#include <heartbeat/detail/per_client/client_table.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/key.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/per_client_handle.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/status.hpp>

namespace heartbeat {

namespace detail {

/// The transport of keys whose client beats for them: never called.
struct ClientsBeat {
  template <class K>
  void async_beat(const MemberKey<K>&, const BeatContext&, BeatCompletion) noexcept {}
};

template <>
inline constexpr bool sends_beats<ClientsBeat> = false;

}  // namespace detail

/// Keeps many keys alive with one heartbeat per client.
///
/// `GroupOf` says which client a key belongs to: `Client operator()(const K&) const`, always the same for equal keys;
/// it may be called by several threads at once. `Transport` beats clients. The first key of a client starts the
/// client's heartbeat, the last one to leave stops it; the client's end, whatever the reason, is the end of all its
/// keys, each told once. The client beats with the options of the key that started it: `on_stall`, `backoff`,
/// `when_stalled` and so on are that key's, `parent` and `if_running` are each key's own.
///
/// Where nothing else is said, names and rules are those of `HeartbeatRegistry`: events too, which are told to each key
/// of a client; `acknowledged` and `recovered` to those alone that the acknowledged beat speaks for. They come all at
/// once: a client with more keys than there is room for (`event_capacity`) loses events of its state, which are counted
/// as dropped; ends never are. Cost: about 670 bytes a key, and what `HeartbeatRegistry` costs a client.
/// Threading: every call from any thread and from inside any callback; no user code runs under a lock (G4).
template <class K, class T, class GroupOf, class C /* = BootClock */, class E /* = DefaultExecutor<C> */>
class PerClient {
  static_assert(Key<K>, "the key must be copyable, comparable with == and have an std::hash: see key.hpp");
  static_assert(std::is_invocable_v<const GroupOf&, const K&>,
                "GroupOf must be callable as const with a key, and give the key's client");

 public:
  using client_type = std::decay_t<std::invoke_result_t<const GroupOf&, const K&>>;  ///< what beats
  using key_type = K;                                  ///< what a client's beat stands for
  using transport_type = T;                            ///< what sends the clients' beats
  using clock_type = C;                                ///< what tells the time
  using executor_type = E;                             ///< where work runs
  using Options = HeartbeatOptions<C>;                 ///< of one key
  using Handle = PerClientHandle<K, C>;                ///< what `start` gives
  using Status = HeartbeatStatus<K, C>;                ///< what looking gives
  using EventType = Event<K, C>;                       ///< what the sink is told
  using Sink = std::function<void(const EventType&)>;  ///< told of events, one at a time

  /// With a clock and an executor of its own. Throws: as `HeartbeatRegistry`.
  explicit PerClient(T transport, GroupOf group_of = {}, Sink sink = {},
                     RegistryOptions options = {}) requires std::default_initializable<C>
      : PerClient{std::move(transport), std::move(group_of), C{}, std::move(sink), options} {}

  /// With the given clock and executor.
  PerClient(T transport, GroupOf group_of, C clock, E executor, Sink sink = {}, RegistryOptions options = {})
      : group_of_{std::move(group_of)},
        tick_{options.tick},
        keys_{detail::ClientsBeat{}, clock, executor, sink_of_keys(sink), options},
        table_{std::make_shared<detail::ClientTable>(*keys_.engine_)},
        clients_{std::move(transport), clock, executor, sink_of_clients(static_cast<bool>(sink)), options} {
    clients_.engine_->belong_to(*keys_.engine_);
  }

  PerClient(const PerClient&) = delete;
  PerClient& operator=(const PerClient&) = delete;

  /// As `~HeartbeatRegistry`, its deadlock of two callbacks included: all keys end as shut_down. Its own callbacks are
  /// the transport's calls, stop callbacks of beats and of keys, and the sink.
  ~PerClient() = default;

  /// Starts the key: it joins its client, or starts the client's heartbeat.
  ///
  /// Throws: as `HeartbeatRegistry::start`, for the client's heartbeat too; `errc::interval_below_client` and
  /// `errc::validity_below_client` if the client already beats too seldom for this key, or its acknowledgements are
  /// taken for longer than this key's; std::errc::invalid_argument if `progress_within` is set, since no beat is one
  /// key's; what `GroupOf` throws. All with no key started (G13); a client's heartbeat that was begun for it is stopped
  /// again, and may have beaten.
  /// Guarantees: G11 for the key; its client may send more beats after the parent was cancelled, until the executor has
  /// come to it.
  Handle start(K key, Options options = {}) {
    std::error_code error;
    Handle handle = start(std::move(key), std::move(options), error);
    if (error) throw std::system_error{error, "heartbeat::PerClient::start"};
    return handle;
  }

  /// As above; a refusal is told in `error`, and the handle that comes back has no key.
  Handle start(K key, Options options, std::error_code& error) {
    if (error = refusal(options); error) return {};
    const client_type client = std::invoke(group_of_, std::as_const(key));
    auto [hold, since] = join(client, options, error);
    if (!hold) return {};
    const auto member = std::make_shared<detail::Membership>();
    member->beat = hold.get();
    member->since = since;
    detail::ClientBeat::Keys made;
    auto place = made.extract(made.emplace(0, member).first);
    auto [record, is_running_one] = keys_.engine_->start(
        {std::move(key), hold.get(), since, detail::granted_until<C>(*hold.get(), options.granted_at)},
        {.interval = std::chrono::hours{1},
         .ttl = Duration::longest,
         .if_running = options.if_running,
         .parent = std::move(options.parent)},
        nullptr, error, detail::Token::made_at_start);
    if (!record) return {};
    if (!is_running_one) {
      hold.release();
      table_->add(*member, std::move(place), *record);
    }
    return Handle{std::move(record), clock(), !is_running_one};
  }

  /// Ends the key as stopped; false if none runs: see `HeartbeatRegistry::stop`. Otherwise as `PerClientHandle::stop`.
  bool stop(const K& key) { return stop_found(find(key), true); }

  /// The same for one generation only: what a callback of an old generation should use (K20).
  bool stop(const K& key, std::uint64_t generation) { return stop_found(keys_.engine_->find(key, generation), true); }

  /// As `stop`, and never waits.
  bool request_stop(const K& key) { return stop_found(find(key), false); }

  /// Ends everything as shut_down and takes no more keys. As `HeartbeatRegistry::shutdown`; the time first goes to the
  /// clients' closes.
  bool shutdown(Duration grace = {}) noexcept {
    auto& keys = *keys_.engine_;
    const detail::CoreReference kept{keys};  // a stop callback that runs here may destroy us
    const C its_clock = clock();
    const auto began = its_clock.now();
    const bool are_clients_quiet = clients_.shutdown(grace);
    const std::chrono::nanoseconds took = its_clock.now() - began;
    const bool are_keys_quiet = keys.shutdown(std::chrono::nanoseconds{grace} - took);
    return are_clients_quiet && are_keys_quiet;
  }

  /// True if the key runs.
  [[nodiscard]] bool contains(const K& key) const { return static_cast<bool>(find(key)); }

  /// How many keys run.
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

  /// How many clients beat.
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  /// Calls `fn(const Status&)` for each running key, with no lock held: state, jeopardy and failures are its client's.
  /// Otherwise as `HeartbeatRegistry::for_each`.
  template <std::invocable<const Status&> Fn>
  void for_each(Fn fn) const {
    keys_.engine_->visit([&](detail::Record& record) {
      if (const auto status = status_of(record)) fn(*status);
    });
  }

  /// How each running key stands. As `for_each`.
  [[nodiscard]] std::vector<Status> snapshot() const {
    std::vector<Status> all;
    for_each([&](const Status& status) { all.push_back(status); });
    return all;
  }

  /// How the key stands; no value if it does not run.
  [[nodiscard]] std::optional<Status> status(const K& key) const {
    const detail::RecordReference record = find(key);
    return record ? status_of(*record) : std::nullopt;
  }

  /// What was counted so far: starts, ends and events of keys; beats and closes of clients.
  [[nodiscard]] Statistics statistics() const {
    Statistics sum = clients_.statistics();
    const Statistics keys = keys_.statistics();
    sum.started = keys.started;
    sum.running = keys.running;
    sum.ended = keys.ended;
    sum.events_told = keys.events_told;
    sum.events_dropped = keys.events_dropped;
    sum.sink_threw = keys.sink_threw;
    return sum;
  }

  /// The clock.
  [[nodiscard]] const C& clock() const noexcept { return clients_.clock(); }
  /// The transport, for calls of the user's own; it is used by other threads at the same time.
  [[nodiscard]] T& transport() noexcept { return clients_.transport(); }

 private:
  using Keys = HeartbeatRegistry<detail::MemberKey<K>, detail::ClientsBeat, C, E>;
  using Clients = HeartbeatRegistry<client_type, T, C, E>;

  friend auto shutdown_steps_of(PerClient& sessions) {  // for `async_shutdown`
    return detail::ClientShutdown{shutdown_steps_of(sessions.clients_), shutdown_steps_of(sessions.keys_)};
  }

  PerClient(T transport, GroupOf group_of, C clock, Sink sink, const RegistryOptions& options)
      : PerClient{std::move(transport),          std::move(group_of), clock,
                  Clients::made_executor(clock), std::move(sink),     options} {}

  struct Joined {
    detail::ClientHold hold;
    std::uint64_t since = 0;
  };

  [[nodiscard]] std::error_code refusal(const Options& options) const {
    errc rule = broken_rule(options, tick_);
    if (rule == errc{} && options.granted_at && *options.granted_at > clock().now()) rule = errc::granted_in_the_future;
    if (rule != errc{}) return make_error_code(rule);
    if (options.progress_within) return std::make_error_code(std::errc::invalid_argument);
    return {};
  }

  // A key must be content with how the client's heartbeat was started.
  [[nodiscard]] errc refusal(const Options& options, const detail::BeatRules& clients) const noexcept {
    if (options.interval.count() < clients.interval) return errc::interval_below_client;
    const std::int64_t window = options.ttl.count() - safety_margin_of(options, tick_).count();
    return window < clients.ttl - clients.margin ? errc::validity_below_client : errc{};
  }

  // Holds the client's running heartbeat, or starts one.
  [[nodiscard]] Joined join(const client_type& client, const Options& options, std::error_code& error) {
    for (;;) {
      bool is_running_one = true;
      detail::ClientTable::Place place;
      detail::RecordReference record = clients_.engine_->find(client, Clients::EngineType::any_generation);
      if (!record) {
        place = table_->make_place();
        Options own = options;
        own.parent = {};
        own.if_running = IfRunning::reuse;
        auto started = clients_.engine_->start(client_type{client}, own, nullptr, error, detail::Token::made_at_start,
                                               detail::IfClosing::hold);
        if (!started.record) return {};
        record = std::move(started.record);
        is_running_one = started.is_running_one;
      }
      if (const errc rule = refusal(options, record->rules->rules); rule != errc{}) {
        error = make_error_code(rule);
        return {};
      }
      const detail::RecordReference kept = detail::RecordReference::to(*record);
      detail::ClientHold hold{table_->hold(std::move(record), std::move(place))};
      if (hold && !kept->life.is_ended()) {
        const std::uint64_t since = is_running_one ? hold.get()->beats() : 0;
        return {std::move(hold), since};
      }
      kept->shard().core().stop(*kept, false);  // it is closed: whoever closed it may not be that far yet
    }
  }

  [[nodiscard]] detail::RecordReference find(const K& key) const {
    return keys_.engine_->find(key, Keys::EngineType::any_generation);
  }

  static bool stop_found(detail::RecordReference record, bool wait) {
    return record && detail::stop_member<K>(*record, wait);
  }

  static std::optional<Status> status_of(detail::Record& record) {
    std::optional<Status> status{
        Status{detail::member_of<K>(record).key, record.generation, HeartbeatState::waiting, std::nullopt, false, 0}};
    if (record.life.is_ended() || !detail::look_at(*detail::member_of<K>(record).beat->record, *status)) {
      status.reset();
      return status;
    }
    status->valid_until.reset();
    if (const auto until = detail::member_valid_until<K>(record)) {
      status->valid_until = detail::to_time_point_before<C>(*until);
    }
    return status;
  }

  static typename Keys::Sink sink_of_keys(Sink sink) {
    if (!sink) return {};
    return [sink = std::move(sink)](const typename Keys::EventType& event) {
      const detail::ClientFailure clients = told_of(*event.key.beat, event.kind);
      sink(EventType{.key = event.key.key,
                     .generation = event.generation,
                     .kind = event.kind,
                     .at = event.at,
                     .reason = event.reason,
                     .error = clients.error,
                     .text = clients.text,
                     .failures = clients.failures});
    };
  }

  [[nodiscard]] typename Clients::Sink sink_of_clients(bool is_wanted) const {
    if (!is_wanted) return {};
    return [table = table_](const typename Clients::EventType& event) {
      table->tell(event.generation, event.kind, detail::to_instant<C>(event.at), event.error);
    };
  }

  const GroupOf group_of_;
  const Duration tick_;
  // In this order: clients end first, and take their keys along.
  Keys keys_;
  const std::shared_ptr<detail::ClientTable> table_;
  Clients clients_;
};

}  // namespace heartbeat
