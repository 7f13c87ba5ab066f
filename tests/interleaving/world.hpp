// SPDX-License-Identifier: BSL-1.0
// What the scenarios share: a registry whose locks, threads and time belong to the schedule, a server that answers when
// a scenario says so, and what must hold whatever the schedule was. Read next: stop.cpp.
//
// A scenario makes a world, starts heartbeats, plays its roles together, lets all come to rest, and is over. What must
// hold then: each heartbeat that has ended was told once; the counters add up; nobody waits for what nobody will do.
// And after the world: no key and no transport is left, so no record, and no policy.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../model/sums.hpp"
#include "explore.hpp"
#include "virtual_executor.hpp"
#include "waiting_calls.hpp"
#include "watch.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/group.hpp>
#include <heartbeat/per_client.hpp>
#include <heartbeat/registry.hpp>

namespace heartbeat::interleaving {

using namespace std::chrono_literals;  // NOLINT

/// A key by name alone, which knows the heartbeat that it was made for: so callbacks can be told apart by heartbeat.
struct Session {
  Session(int its_name, std::size_t its_heartbeat, int& alive)
      : name{its_name}, heartbeat{its_heartbeat}, alive_{&alive} {
    ++*alive_;
  }
  Session(const Session& other) : name{other.name}, heartbeat{other.heartbeat}, alive_{other.alive_} {
    expect_no_lock("a key is copied");
    ++*alive_;
  }
  Session& operator=(const Session&) = delete;
  ~Session() {
    expect_no_lock("a key is destroyed");
    --*alive_;
  }

  bool operator==(const Session& other) const noexcept { return name == other.name; }

  int name;
  std::size_t heartbeat;

 private:
  int* alive_;
};

}  // namespace heartbeat::interleaving

template <>
struct std::hash<heartbeat::interleaving::Session> {
  std::size_t operator()(const heartbeat::interleaving::Session& session) const noexcept {
    return std::hash<int>{}(session.name);
  }
};

namespace heartbeat::interleaving {

/// The next name after that one whose heartbeat is in the given one of two shards.
inline int name_in(std::uint64_t shard, int after = 0) noexcept {
  int name = after + 1;
  while ((detail::Random::mix(std::hash<int>{}(name)) & 1) != shard)
    ++name;
  return name;
}

/// A beat, or a close, that waits for its answer.
template <class Completion>
struct Call {
  std::size_t heartbeat;
  std::size_t number;  // among the beats, or the closes, of its heartbeat
  Completion completion;
};

/// What the server and the sink do, and what the server was asked. Shared by the transports, which are copied.
struct Server {
  Server(Scheduler& its_schedule, const std::int64_t& now) : schedule{its_schedule}, watch{its_schedule, now} {}

  void beat(const Session& session, const BeatContext& context, BeatCompletion&& completion) {
    const SeenCallback seen{watch, session.heartbeat, Callback::beat};
    const std::size_t number =
        watch.sends(session.heartbeat, Callback::beat, VirtualClock::last_reading, context.timeout().count());
    if (on_beat) on_beat(session.heartbeat, context);
    calls.push_back({session.heartbeat, number, std::move(completion)});
    schedule.tell(&calls);
    if (answers_at_once) answer(BeatResult::acknowledged());
  }

  BeatResult blocking_beat(const Session& session, const BeatContext& context) {
    const BlockingCall call{*this, session.name};
    const SeenCallback seen{watch, session.heartbeat, Callback::blocking_beat, context.stop_token()};
    const std::size_t number =
        watch.sends(session.heartbeat, Callback::blocking_beat, VirtualClock::last_reading, context.timeout().count());
    if (on_beat) on_beat(session.heartbeat, context);
    watch.answers(session.heartbeat, number);
    return BeatResult::acknowledged();
  }

  void close(const Session& session, const BeatContext& context, CloseCompletion&& completion) {
    const SeenCallback seen{watch, session.heartbeat, Callback::close};
    const std::size_t number =
        watch.sends_close(session.heartbeat, VirtualClock::last_reading, context.timeout().count());
    closes.push_back({session.heartbeat, number, std::move(completion)});
    schedule.tell(&calls);
  }

  std::error_code blocking_close(const Session& session, const BeatContext& context) {
    const BlockingCall call{*this, session.name};
    const SeenCallback seen{watch, session.heartbeat, Callback::blocking_close};
    const std::size_t number =
        watch.sends_close(session.heartbeat, VirtualClock::last_reading, context.timeout().count());
    if (on_close) on_close(session.heartbeat);
    watch.answers_close(session.heartbeat, number);
    return {};
  }

  /// The oldest beat that waits for its answer; none if nothing happens any more.
  std::optional<Call<BeatCompletion>> next_call() { return next_of(calls); }
  std::optional<Call<CloseCompletion>> next_close() { return next_of(closes); }
  /// The oldest close that waits for its answer. One must come: else it waits for ever.
  Call<CloseCompletion> awaited_close() {
    while (closes.empty())
      schedule.park("waits for a close", &calls);
    return closes.take();
  }

  /// Answers beats as they come, and so many closes, which must come.
  void serve(int wanted_closes) {
    while (wanted_closes > 0) {
      if (answer(BeatResult::acknowledged())) continue;
      if (closes.empty()) {
        schedule.park("waits for calls", &calls);
      } else {
        Call<CloseCompletion> call = closes.take();
        answer(call);
        --wanted_closes;
      }
    }
  }

  /// An error means that the server has not executed it.
  void answer(Call<CloseCompletion>& call, std::error_code error = {}) {
    watch.answers_close(call.heartbeat, call.number);
    point("answers");
    call.completion(error);
  }

  void answer(Call<BeatCompletion>& call, BeatResult result) {
    watch.answers(call.heartbeat, call.number);
    point("answers");
    call.completion(std::move(result));
  }
  /// The oldest beat that waits for its answer; false if there is none.
  bool answer(BeatResult result) {
    if (calls.empty()) return false;
    Call<BeatCompletion> call = calls.take();
    answer(call, std::move(result));
    return true;
  }

  Scheduler& schedule;
  Watch watch;
  bool answers_at_once = false;
  std::function<void(std::size_t heartbeat, const BeatContext&)> on_beat;
  std::function<void(std::size_t heartbeat)> on_close;  // a blocking one
  std::function<void(std::size_t heartbeat, EventKind)> on_event;
  WaitingCalls<Call<BeatCompletion>> calls;
  WaitingCalls<Call<CloseCompletion>> closes;
  int transports = 0;  // alive

 private:
  // Those of one key take turns, across generations (G1).
  class BlockingCall {
   public:
    BlockingCall(Server& server, int name) : server_{server}, name_{name} {
      if (!server_.calling_.insert(name_).second) server_.schedule.fail("two blocking calls of one key at once");
    }
    BlockingCall(const BlockingCall&) = delete;
    BlockingCall& operator=(const BlockingCall&) = delete;
    ~BlockingCall() { server_.calling_.erase(name_); }

   private:
    Server& server_;
    const int name_;
  };

  template <class One>
  std::optional<One> next_of(WaitingCalls<One>& from) {
    while (from.empty())
      if (!schedule.park("waits for a call", &calls, Actor::Until::nobody_can_run) && from.empty()) return std::nullopt;
    return from.take();
  }

  std::set<int> calling_;  // keys with a blocking call on a stack
};

/// Counts itself.
class CountedTransport {
 public:
  explicit CountedTransport(Server& server) : server_{&server} { ++server_->transports; }
  CountedTransport(const CountedTransport& other) : server_{other.server_} { ++server_->transports; }
  CountedTransport& operator=(const CountedTransport&) = delete;
  ~CountedTransport() { --server_->transports; }

 protected:
  Server* server_;
};

struct AsyncTransport : CountedTransport {
  using CountedTransport::CountedTransport;
  void async_beat(const Session& session, const BeatContext& context, BeatCompletion completion) {
    server_->beat(session, context, std::move(completion));
  }
  void async_close(const Session& session, const BeatContext& context, CloseCompletion completion) {
    server_->close(session, context, std::move(completion));
  }
};

struct BlockingTransport : CountedTransport {
  using CountedTransport::CountedTransport;
  BeatResult beat(const Session& session, const BeatContext& context) {
    return server_->blocking_beat(session, context);
  }
  std::error_code close(const Session& session, const BeatContext& context) {
    return server_->blocking_close(session, context);
  }
};

/// A registry, its server and its threads.
template <class Transport>
class BasicWorld {
 public:
  using Registry = HeartbeatRegistry<Session, Transport, VirtualClock, VirtualExecutor>;
  using Group = HeartbeatGroup<Registry>;
  using Options = typename Registry::Options;
  using Handle = typename Registry::Handle;

  /// One heartbeat of a scenario. A refused one has an error and an empty handle.
  struct Heartbeat {
    std::size_t number;
    Handle handle;
    std::error_code error;
  };

  explicit BasicWorld(Scheduler& its_schedule, Crew crew = {}, RegistryOptions options = {})
      : schedule{its_schedule}, threads{std::in_place, its_schedule, crew}, server{its_schedule, threads->now()} {
    options.gap_threshold = 1000h;
    options.seed = 1;
    if (!options.shards) options.shards = 1;
    most_in_flight_ = options.max_in_flight;
    registry.emplace(
        Transport{server}, VirtualClock{threads->now()}, VirtualExecutor{*threads},
        [this](const auto& event) { this->told(event); }, options);
  }
  BasicWorld(const BasicWorld&) = delete;
  BasicWorld& operator=(const BasicWorld&) = delete;

  ~BasicWorld() {
    destroy_registry();
    while (server.answer(BeatResult::gone())) {  // late answers find memory of the core alone
    }
    server.calls.clear();
    server.closes.clear();
    schedule.rest();
    threads.reset();
    for (std::size_t i = 0; i < server.watch.lives().size(); ++i)
      if (const Life& life = server.watch.life(i); life.is_end_told == life.is_refused)
        server.watch.fail(i, life.is_refused ? "refused, and told to have ended" : "its end was not told");
    if (keys_ != 0) schedule.fail("keys are left: records were not freed");
    if (server.transports != 0) schedule.fail("the policies were not destroyed");
  }

  /// Beats at once, and closes nothing.
  static Options at_once() {
    return {.interval = 5s,
            .ttl = 30s,
            .first_beat = FirstBeat::now,
            .when_stalled = OnEnd::leave,
            .when_gone = OnEnd::leave,
            .when_ended = OnEnd::leave};
  }

  /// Beats at once, by a session that was just granted, and closes it at its end.
  [[nodiscard]] Options closing() const {
    Options options = at_once();
    options.granted_at = registry->clock().now();
    options.when_ended = OnEnd::close;
    return options;
  }

  /// Beats at once, by a session that was granted so long ago that ten seconds from now it is over: nobody has to be
  /// away to come to its end.
  [[nodiscard]] Options nearly_over() {
    Options options = at_once();
    if (threads->now() < std::chrono::nanoseconds{20s}.count()) threads->advance(20s);
    options.granted_at = registry->clock().now() - 20s;
    return options;
  }

  Heartbeat start(int name, Options options = at_once()) {
    const bool is_granted = options.granted_at.has_value();
    const std::size_t number = server.watch.begin(name, may_close(options));
    std::error_code error;
    Handle handle = registry->start(key(name, number), std::move(options), error);
    server.watch.life(number).is_refused = static_cast<bool>(error);
    if (!error) server.watch.has_started(number, is_granted && handle.valid());
    return {number, std::move(handle), error};
  }

  /// Starts a member; its number.
  std::size_t start_in(Group& group, int name, Options options = at_once()) {
    const std::size_t number = server.watch.begin(name, may_close(options));
    std::error_code error;
    group.start(key(name, number), std::move(options), error);
    server.watch.life(number).is_refused = static_cast<bool>(error);
    return number;
  }

  /// Plays roles at the same time as the executor's threads, while time may pass.
  void together(std::initializer_list<Scheduler::Role> roles) {
    threads->let_time_pass(threads->crew().timers);
    schedule.together(roles);
    threads->let_time_pass(0);
  }

  [[nodiscard]] Session key(int name, std::size_t number = 0) { return {name, number, keys_}; }

  bool stop(Heartbeat& heartbeat) {
    const bool did_end = heartbeat.handle.stop();
    server.watch.stop_returned(heartbeat.number, did_end);
    return did_end;
  }
  /// By its destructor.
  void drop(Heartbeat& heartbeat) {
    { const Handle handle = std::move(heartbeat.handle); }
    server.watch.stop_returned(heartbeat.number, false);
  }

  bool shut_down(Duration grace) {
    server.watch.is_ending();
    const bool is_done = registry->shutdown(grace);
    if (is_done) server.watch.shut_down();
    return is_done;
  }
  void destroy_registry() {
    if (!registry) return;
    server.watch.is_ending();
    registry.reset();
    server.watch.shut_down();
  }

  /// `fn` is called by the heartbeat's own token.
  [[nodiscard]] auto when_it_ends(
      const Heartbeat& heartbeat, std::function<void()> fn = [] {}) {
    return when(heartbeat.number, Callback::token, heartbeat.handle.stop_token(), std::move(fn));
  }
  /// The same with any token of a heartbeat. One that has fired calls back at once: that is the caller's own doing.
  [[nodiscard]] auto when(
      std::size_t number, Callback kind, std::stop_token token, std::function<void()> fn = [] {}) {
    const auto asker = std::make_shared<const Actor*>(self);
    auto call = [this, number, kind, asker, fn = std::move(fn)] {
      if (*asker == self) return;
      const SeenCallback seen{server.watch, number, kind};
      fn();
    };
    auto callback = std::make_unique<ScheduledStopCallback<decltype(call)>>(std::move(token), std::move(call));
    *asker = nullptr;
    return callback;
  }

  /// Nothing happens any more but by time.
  void comes_to_rest() {
    schedule.rest();
    if (registry) check();
  }

  Scheduler& schedule;
  std::optional<VirtualThreads> threads;
  Server server;

  std::optional<Registry> registry;

 private:
  [[nodiscard]] static bool may_close(const Options& options) {
    return options.when_ended == OnEnd::close || options.when_stalled == OnEnd::close ||
           options.when_gone == OnEnd::close;
  }

  void check() {
    const Statistics sums = registry->statistics();
    model::Counted told;
    for (const Life& life : server.watch.lives()) {
      told.started += life.is_refused ? 0 : 1;
      if (life.is_end_told) told.ends(life.reason);
    }
    model::judge_sums(sums, told, [this](const char* what) { schedule.fail(what); });
    if (sums.in_flight + server.closes.size() >= most_in_flight_) return;
    for (const auto& status : registry->snapshot())
      if (status.state == HeartbeatState::ready && !(sums.starved != 0 && is_hopeless(status)))
        server.watch.fail(status.key.heartbeat, "it is ready, and nobody will send it");
  }

  // In a shortage, what would likely not be answered in the time that is left waits for the end of its validity (F16).
  [[nodiscard]] bool is_hopeless(const typename Registry::Status& status) const {
    return status.valid_until && *status.valid_until - registry->clock().now() < at_once().interval;
  }

  template <class E>
  void told(const E& event) {
    const bool is_end = event.kind == EventKind::ended;
    if (is_end) server.watch.told_end(event.key.heartbeat, event.reason);
    const SeenCallback seen{server.watch, event.key.heartbeat, is_end ? Callback::end_event : Callback::state_event};
    if (server.on_event) server.on_event(event.key.heartbeat, event.kind);
  }

  int keys_ = 0;  // alive
  std::size_t most_in_flight_ = 0;
};

using World = BasicWorld<AsyncTransport>;
using BlockingWorld = BasicWorld<BlockingTransport>;

}  // namespace heartbeat::interleaving
