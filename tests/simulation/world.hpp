// SPDX-License-Identifier: BSL-1.0
// A whole world in virtual time: a registry, its callers, a network and a server, all moved by one seed. The world
// makes things happen and tells the model; the model objects. Read next: network.hpp, what happens to a call;
// blocking.hpp, to one that blocks; callers.hpp, what callers do; simulate.cpp, which runs many worlds.
//
//    busy   callers call, calls go wrong, the server forgets, the client is away
//    calm   nothing goes wrong and nobody calls: every heartbeat must come to be valid, or have ended
//    end    the registry is shut down or destroyed, perhaps inside a callback; what was never answered is answered now
#pragma once

#include "waiting.hpp"

// The threading is chosen; what follows uses it.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "../model/lock_step_pool.hpp"
#include "model.hpp"

template <>
struct std::hash<heartbeat::simulation::SessionKey> {
  std::size_t operator()(const heartbeat::simulation::SessionKey& key) const noexcept {
    return static_cast<std::size_t>(key.id);
  }
};

namespace heartbeat::simulation {

using Handle = HeartbeatHandle<SessionKey, testing::ManualClock>;
using WorldEvent = Event<SessionKey, testing::ManualClock>;

class World;

/// Virtual time that also passes, under the world's eyes, on the stack of whoever waits.
class WorldExecutor : public testing::ManualExecutor {
 public:
  WorldExecutor(World& world, const testing::ManualClock& clock, std::uint64_t seed)
      : ManualExecutor{clock, seed}, world_{&world} {}

  template <class Done>
  bool help_until(Done&& done);

  bool run_one() {
    const std::uint64_t outer = std::exchange(round_, ++rounds_);
    const bool has_run = ManualExecutor::run_one();
    round_ = outer;
    return has_run;
  }
  /// The task that runs, of all that the world has had run; one may run others on its stack.
  [[nodiscard]] std::uint64_t round() const { return round_; }

 private:
  World* world_;
  std::uint64_t rounds_ = 0;
  std::uint64_t round_ = 0;
};

/// The library under test, whichever form its transport has.
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;
  virtual Handle start(SessionKey key, const LifeOptions& options, std::error_code& error) = 0;
  virtual bool stop(int id) = 0;
  virtual bool stop(int id, std::uint64_t generation) = 0;
  virtual bool request_stop(int id) = 0;
  virtual std::size_t stop_all() = 0;
  virtual std::vector<SessionKey> sweep() = 0;
  virtual bool wait_for_close(int id, Duration grace) = 0;
  virtual bool shutdown(Duration grace) = 0;
  virtual Statistics statistics() = 0;
  virtual std::size_t size() = 0;
  virtual std::optional<std::uint64_t> generation(int id) = 0;
  virtual void make_group(std::stop_token parent) = 0;
  virtual void drop_group() = 0;
  virtual void start_in_group(SessionKey key, const LifeOptions& options, std::error_code& error) = 0;
  virtual void stop_group() = 0;
};

class World final : private Waiting {
 public:
  explicit World(const Plan& plan, std::ostream* trace = nullptr);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() override;

  /// Runs it all; empty, or what the model objected to.
  std::string run();

  // --- the transport (network.hpp)
  void on_beat(const SessionKey& key, const BeatContext& context, BeatCompletion completion);
  void on_batch(std::span<BeatRequest<SessionKey>> requests);
  void on_close(const SessionKey& key, const BeatContext& context, CloseCompletion completion);
  // --- one that blocks (blocking.hpp)
  BeatResult on_blocking_beat(const SessionKey& key, const BeatContext& context);
  std::error_code on_blocking_close(const SessionKey& key, const BeatContext& context);
  // --- the sink
  void on_event(const WorldEvent& event);

  /// Time passes until `end`, or until `done()`.
  template <class Done>
  void run_until(Time end, Done done);

 private:
  // A call that the transport has. It stays until the world ends, as its stop callback may run.
  struct Call {
    SessionKey key;
    std::size_t number = 0;  // of the beat or the close, in the model
    bool is_close = false;
    std::optional<BeatCompletion> beat;
    std::optional<CloseCompletion> close;
    std::optional<std::stop_callback<std::function<void()>>> when_cancelled;
    model::LockStepPool::Place* parked = nullptr;  // of one that blocks: where, until there is a result
    BeatResult result = BeatResult::failed(std::make_error_code(std::errc::timed_out));
  };
  // What a caller holds of one heartbeat.
  struct Held {
    std::optional<Handle> owner;
    std::optional<Handle> watcher;  // sees, and does not own
    std::optional<std::stop_callback<std::function<void()>>> when_ended;
  };

  [[nodiscard]] Time now() const { return clock_.now().time_since_epoch(); }
  void trace(const std::string& text);
  void at(Time time, std::function<void()> fn) {
    executor_.run_at(testing::ManualClock::time_point{time}, std::move(fn));
  }
  void after(Span span, std::function<void()> fn) { at(now() + span, std::move(fn)); }

  // --- time passes
  void run_until(Time end) {
    run_until(end, [] { return false; });
  }
  [[nodiscard]] bool has_objection() const { return !model_.objection().empty(); }
  void look_at_all();
  void look_at(int owner);
  void check_sums();
  void every(Span about, std::function<void()> fn);
  void end();
  void check_calm();

  // --- absences.hpp
  [[nodiscard]] Span absence_of(const Life& life, Time due);
  [[nodiscard]] Span absence_at(Time due);

  // --- network.hpp
  std::size_t take(const SessionKey& key, const BeatContext& context, BeatCompletion completion);
  void send_off(std::size_t call);
  void arrive(std::size_t call);
  void answer(std::size_t call, BeatResult result, bool again);
  void drop(std::size_t call);
  void lose(std::size_t call);
  [[nodiscard]] BeatResult serve(const Call& call);
  void execute_close(const Call& call);
  [[nodiscard]] BeatResult acknowledged(Span ttl);
  [[nodiscard]] Span delay();
  [[nodiscard]] bool goes_wrong(double chance) { return !is_calm_ && dice_.chance(chance); }
  void inside_callback(const char* what);
  void sleep_in_sink();

  // --- blocking.hpp
  bool wait(std::optional<Span> limit, const std::function<bool()>& done) override;
  std::size_t enter(const SessionKey& key, bool is_close);
  BeatResult stay(std::size_t call, const BeatContext& context, const char* what);
  void travel(std::size_t call, Span timeout);
  void arrive_at_blocked(std::size_t call);
  void come_back(std::size_t call, BeatResult result);
  bool bring_one_back();

  // --- callers.hpp
  void do_something();
  void call_soon();
  [[nodiscard]] LifeOptions some_options();
  [[nodiscard]] LifeOptions options_of_herd();
  void start_one(int id, bool is_recipe = false);
  void is_being_replaced(Life& running, Model::Standing& before);
  [[nodiscard]] bool may_be_backlog();
  [[nodiscard]] bool may_refuse(const std::error_code& error, const Life* running, const Model::Standing& before);
  void follow_recipe();
  [[nodiscard]] Duration some_grace();
  bool wait_for_close_by_key(int id);
  void wait_for_close();
  [[nodiscard]] bool has_time_for_closes(Duration grace) const { return Span{grace} > 4 * Span{plan_.registry.tick}; }
  void start_in_group();
  void do_something_with_herd();
  void start_a_herd();
  void stop_some_of_herd();
  void replace_group();
  Life& begin(const LifeOptions& options, int id);
  void begun(Life& life, std::uint64_t generation, bool has_watcher, const Model::Standing& before);
  void start_badly();
  void stop_by_key();
  void stop_by_handle(bool wait);
  void stop_an_old_generation();
  void stop_everything();
  void let_go_of_handle();
  void detach();
  void sweep();
  void show_progress();
  void cancel_a_parent();
  void cancel_parent(std::size_t place);
  void note_cancelled();
  void ask_for_token();
  void shut_down(Duration grace);
  void destroy();
  [[nodiscard]] int some_id() { return static_cast<int>(dice_.below(static_cast<std::uint64_t>(plan_.keys))); }
  [[nodiscard]] int some_owner();
  [[nodiscard]] Handle* handle_of(int owner);
  void end_is_asked(Life& life) { life.may_be_stopped = true; }

  const Plan plan_;
  std::ostream* const trace_;
  Dice dice_;
  Model model_{plan_};
  Server server_{plan_.patience};
  testing::ManualClock clock_;
  WorldExecutor executor_;
  std::deque<Call> calls_;
  std::map<int, Held> held_;     // by owner
  std::vector<int> unfinished_;  // owners whose end was not told yet
  std::set<int> broken_;         // owners whose session the server has taken away
  std::vector<std::stop_source> parents_;
  std::vector<int> cancelled_;        // owners whose parent was cancelled inside a callback that is still on the stack
  std::multiset<int> replacing_;      // sessions whose heartbeat is being replaced
  int stopping_all_ = 0;              // calls of stop_all on the stack
  int waiting_ = 0;                   // callers that wait for closes, or for a shutdown: time passes on their stack
  std::optional<LifeOptions> alike_;  // what all of a herd are started with
  int group_ = -1;
  std::stop_source group_parent_;
  Time next_away_{-1};
  Time away_to_{-1};
  bool is_calm_ = false;
  bool is_over_ = false;  // the registry is gone
  bool destroys_in_callback_ = false;
  bool is_sink_asleep_ = false;               // time passes on its stack
  static inline thread_local int depth_ = 0;  // callbacks on the stack
  model::LockStepPool pool_;
  std::unique_ptr<Subject> subject_;  // last: dies first
};

template <BeatForm form>
struct Wire {
  World* world;
  void async_beat(const SessionKey& key, const BeatContext& context,
                  BeatCompletion completion) requires(form == BeatForm::async) {
    world->on_beat(key, context, std::move(completion));
  }
  void async_beat_batch(std::span<BeatRequest<SessionKey>> requests) requires(form == BeatForm::batch) {
    world->on_batch(requests);
  }
  void async_close(const SessionKey& key, const BeatContext& context, CloseCompletion completion) {
    world->on_close(key, context, std::move(completion));
  }
};

template <>
struct Wire<BeatForm::blocking> {
  World* world;
  BeatResult beat(const SessionKey& key, const BeatContext& context) { return world->on_blocking_beat(key, context); }
  std::error_code close(const SessionKey& key, const BeatContext& context) {
    return world->on_blocking_close(key, context);
  }
};

template <BeatForm form, class Executor>
class SubjectWith final : public Subject {
 public:
  using Registry = HeartbeatRegistry<SessionKey, Wire<form>, testing::ManualClock, Executor>;

  SubjectWith(World& world, const testing::ManualClock& clock, const Executor& executor, const RegistryOptions& options)
      : registry_{Wire<form>{&world}, clock, executor, [&world](const WorldEvent& event) { world.on_event(event); },
                  options} {}

  Handle start(SessionKey key, const LifeOptions& options, std::error_code& error) override {
    return registry_.start(key, options, error);
  }
  bool stop(int id) override { return registry_.stop({id, -1}); }
  bool stop(int id, std::uint64_t generation) override { return registry_.stop({id, -1}, generation); }
  bool request_stop(int id) override { return registry_.request_stop({id, -1}); }
  std::size_t stop_all() override { return registry_.stop_all(); }
  std::vector<SessionKey> sweep() override { return registry_.sweep(); }
  bool wait_for_close(int id, Duration grace) override { return registry_.wait_for_close({id, -1}, grace); }
  bool shutdown(Duration grace) override { return registry_.shutdown(grace); }
  Statistics statistics() override { return registry_.statistics(); }
  std::size_t size() override { return registry_.size(); }
  std::optional<std::uint64_t> generation(int id) override {
    const auto status = registry_.status({id, -1});
    return status ? std::optional{status->generation} : std::nullopt;
  }
  void make_group(std::stop_token parent) override { group_.emplace(registry_, std::move(parent)); }
  void drop_group() override { group_.reset(); }
  void start_in_group(SessionKey key, const LifeOptions& options, std::error_code& error) override {
    group_->start(key, options, error);
  }
  void stop_group() override { group_->stop(); }

 private:
  Registry registry_;
  std::optional<HeartbeatGroup<Registry>> group_;
};

inline World::World(const Plan& plan, std::ostream* trace)
    : plan_{plan},
      trace_{trace},
      dice_{plan.seed ^ 0x5DEECE66DU},
      executor_{*this, clock_, plan.seed},
      pool_{executor_, plan.places} {
  const auto make = [&]<BeatForm form>(const auto& executor) {
    using Executor = std::remove_cvref_t<decltype(executor)>;
    subject_ = std::make_unique<SubjectWith<form, Executor>>(*this, clock_, executor, plan_.registry);
  };
  switch (plan_.form) {
    case BeatForm::batch: make.template operator()<BeatForm::batch>(executor_); break;
    case BeatForm::async: make.template operator()<BeatForm::async>(executor_); break;
    case BeatForm::blocking:
      make.template operator()<BeatForm::blocking>(model::WithPool<WorldExecutor>{executor_, pool_});
      break;
  }
}

inline World::~World() {
  is_calm_ = true;
  subject_.reset();
  while (bring_one_back()) {
  }
  held_.clear();
  calls_.clear();
}

inline void World::trace(const std::string& text) {
  if (trace_ != nullptr)
    *trace_ << static_cast<double>(now().count()) / 1e9 << "  "
            << std::string(2 * static_cast<std::size_t>(depth_), ' ') << text << '\n';
}

// --- time passes

template <class Done>
inline void World::run_until(Time end, Done done) {
  look_at_all();  // whoever waits here may have brought ends about
  while (!has_objection()) {
    if (done()) return;
    if (executor_.run_one()) {
      note_cancelled();
      look_at_all();
      continue;
    }
    if (plan_.slow_sink > 0 && !is_over_ && subject_->statistics().events_dropped != 0) model_.drops_news();
    model_.settle(now());
    if (!is_over_ && !is_sink_asleep_ && !model_.news_waits_for_calls()) check_sums();
    const auto next = executor_.next_wake();
    if (!next || next->time_since_epoch() > end) break;
    Time then = next->time_since_epoch();
    if (const Span away = absence_at(then); away > Span{0}) {
      trace("away until " + std::to_string((then + away).count()));
      model_.was_away(now(), then, then + away);
      then = away_to_ = then + away;
    }
    clock_.reach(testing::ManualClock::time_point{then});
    if (then == away_to_ && dice_.chance(0.3) && !is_over_ && !is_sink_asleep_)
      sweep();  // before the engine had time to look
  }
  if (end != Time::max() && now() < end) clock_.reach(testing::ManualClock::time_point{end});
}

template <class Done>
bool WorldExecutor::help_until(Done&& done) {
  world_->run_until(Time::max(), [&] { return done(); });
  return done();
}

// First those whose end explains the ends of others.
inline void World::look_at_all() {
  for (const bool only_ended : {true, false}) {
    for (const int owner : unfinished_) {
      const Handle* handle = handle_of(owner);
      const auto reason = handle == nullptr ? std::nullopt : handle->ended();
      if (only_ended != (reason && is_failure(*reason))) continue;
      look_at(owner);
    }
  }
  std::erase_if(unfinished_, [&](int owner) {
    const Life& life = model_.life({0, owner});
    return life.ended && life.is_end_told;
  });
}

inline void World::look_at(int owner) {
  const Handle* handle = handle_of(owner);
  Life& life = model_.life({0, owner});
  if (handle == nullptr || handle->generation() != life.generation) return;
  model_.look(life, model::view_of(*handle), now());
  const bool is_valid = life.valid_until && !life.ended && now() < *life.valid_until;
  if (is_valid && broken_.count(owner) == 0 && !server_.keeps(life.key.id, owner, now())) {
    model_.object("G9", &life, now(), "valid, and the server keeps it no longer");
  }
}

inline void World::check_sums() {
  const Statistics sums = subject_->statistics();
  const auto object = [&](const char* what) { model_.object("sums", nullptr, now(), what); };
  model::judge_sums(sums, model_.counted(), object);
  model::judge_closes(sums, model_.counted_closes(), model_.is_shutdown_over() && depth_ == 0, object);
  model_.judge_shortage(sums, now());
  if (sums.running != subject_->size()) object("running is not size()");
}

inline void World::every(Span about, std::function<void()> fn) {
  if (about == Span{0}) return;
  after(dice_.about(2 * about) + 1ms, [this, about, fn = std::move(fn)] {
    if (is_calm_) return;
    fn();
    every(about, fn);
  });
}

inline std::string World::run() {
  for (int i = 0; i < 3; ++i)
    parents_.emplace_back();
  every(plan_.forgets_every, [this] {
    for (const int owner : unfinished_)
      broken_.insert(owner);
    server_.forget(some_id());
  });
  every(plan_.restarts_every, [this] {
    for (const int owner : unfinished_)
      broken_.insert(owner);
    server_.restart();
  });
  every(plan_.pauses_every, [this] { server_.pause_until(now() + dice_.about(5s)); });
  if (plan_.is_away_every > Span{0}) next_away_ = dice_.about(2 * plan_.is_away_every);
  call_soon();
  run_until(plan_.busy);
  is_calm_ = true;
  if (!plan_.is_never_calm) {
    run_until(plan_.busy + 100s);  // longer than the longest ttl and interval together
    if (!has_objection()) check_calm();
  }
  if (!has_objection()) end();
  return model_.objection();
}

// Nothing has gone wrong for long: whoever runs is valid.
inline void World::check_calm() {
  if (is_over_ || (plan_.registry.max_sends_per_second && !model_.has_tokens_for_all())) return;
  for (const int owner : unfinished_) {
    const Life& life = model_.life({0, owner});
    if (life.ended || life.is_gated() || life.is_stuck()) continue;
    if (!life.valid_until || now() >= *life.valid_until)
      model_.object("G7", &life, now(), "not valid though all is well");
  }
}

inline void World::end() {
  if (!is_over_) {
    const std::uint64_t way = dice_.below(3);
    if (way == 0) shut_down(Duration{dice_.between(0s, 5s)});
    if (way == 0) check_sums();
    if (way == 1 && !unfinished_.empty()) {
      destroys_in_callback_ = true;
      run_until(now() + 1min);
    }
    if (!is_over_) destroy();
  }
  executor_.run_ready();
  while (bring_one_back())
    executor_.run_ready();
  look_at_all();
  for (std::size_t call = 0; call < calls_.size() && !has_objection(); ++call) {
    if (dice_.chance(0.5)) answer(call, BeatResult::acknowledged(), false);
    drop(call);
    executor_.run_ready();
  }
  look_at_all();
  model_.settle(now());
  for (const Life& life : model_.lives()) {
    if (life.generation != 0 && !life.ended) model_.object("G3", &life, now(), "the registry is gone, and it runs");
  }
}

}  // namespace heartbeat::simulation

#include "absences.hpp"  // IWYU pragma: export
#include "blocking.hpp"  // IWYU pragma: export
#include "callers.hpp"   // IWYU pragma: export
#include "network.hpp"   // IWYU pragma: export
