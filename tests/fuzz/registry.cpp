// SPDX-License-Identifier: BSL-1.0
// Any sequence of what may happen to a registry, in virtual time: starts, stops, sweeps, signs of progress, cancelled
// parents, answers good, bad, late, twice and never, callbacks that call back, time that passes and time that jumps,
// shutdown, and destruction with answers outstanding. After each step the registry must agree with a naive observer.
// Read next: registry_model.hpp, what the observer knows of one heartbeat.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "../model/sums.hpp"
#include "input.hpp"
#include "registry_model.hpp"

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::fuzz;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::EventKind;
using heartbeat::IfRunning;
using heartbeat::OnEnd;
using heartbeat::RegistryOptions;
using heartbeat::testing::ManualExecutor;

class Scene;

struct Server {
  Scene* scene;
  void async_beat(const int& key, const BeatContext& context, BeatCompletion completion);
  void async_close(const int& key, const BeatContext& context, CloseCompletion completion);
};

using Registry = heartbeat::HeartbeatRegistry<int, Server, ManualClock, ManualExecutor>;

constexpr std::size_t keys = 4;

// Later than that, 100 years more cannot be written as a number of nanoseconds.
constexpr Time latest{Span{std::int64_t{1} << 62}};

[[nodiscard]] RegistryOptions drawn_registry_options(Input& input) {
  RegistryOptions options{.seed = input.byte(), .shards = 1U + input.byte() % 2U};
  options.gap_threshold = input.one_of<Span>({1s, 1ms, 1h, 1ns});
  options.event_capacity = input.one_of<std::size_t>({64, 1, 3});
  options.max_in_flight = input.one_of<std::size_t>({64, 1, 2, 3});
  options.tick = input.one_of<Span>({1ms, 1us, 100ms, 1s});
  options.max_sends_per_second = input.one_of<std::optional<std::uint32_t>>({std::nullopt, 1U, 20U, 1000U});
  options.close_grace = input.one_of<Span>({2s, 0s, 100ms, 1h});
  return options;
}

[[nodiscard]] Options drawn_options(Input& input, Time now) {
  Options options;
  const Span interval = input.one_of<Span>({5s, 20ms, 50ms, 1s, 1h, 30 * 24h});
  options.interval = interval;
  options.ttl = interval * input.one_of({6, 2, 3, 20, 1});
  options.backoff = {.initial = interval / 16, .maximum = interval};
  const std::uint8_t behaviour = input.byte();
  options.first_beat = (behaviour & 1U) != 0 ? heartbeat::FirstBeat::now : heartbeat::FirstBeat::spread;
  options.on_stall = (behaviour & 2U) != 0 ? heartbeat::OnStall::keep_beating : heartbeat::OnStall::end;
  options.when_ended = (behaviour & 4U) != 0 ? OnEnd::leave : OnEnd::close;
  options.when_stalled = (behaviour & 8U) != 0 ? OnEnd::leave : OnEnd::close;
  options.when_gone = (behaviour & 16U) != 0 ? OnEnd::close : OnEnd::leave;
  options.follow_server_ttl = (behaviour & 32U) != 0;
  options.if_running = static_cast<IfRunning>((behaviour >> 6U) % 3U);
  const std::uint8_t rarer = input.byte();
  if ((rarer & 1U) != 0) options.beat_timeout = input.one_of<Span>({interval / 4, Span{options.ttl}, 1ns});
  if ((rarer & 2U) != 0) options.safety_margin = Span{options.ttl} / 8;
  if ((rarer & 4U) != 0) options.attempts = 1U + input.byte() % 9U;
  if ((rarer & 8U) != 0) options.floor = input.one_of<Span>({interval, interval / 10, 1ns});
  if ((rarer & 16U) != 0) options.max_consecutive_failures = 1U + input.byte() % 3U;
  if ((rarer & 32U) != 0) options.progress_within = interval * (1 + input.byte() % 3);
  if ((rarer & 64U) != 0) options.granted_at = std::max(Time{}, now - Span{input.length(40)});
  if ((rarer & 128U) != 0) options.granted_at = now + Span{input.length(40)};
  return options;
}

class Scene {
 public:
  explicit Scene(Input& input)
      : input_{input},
        options_{drawn_registry_options(input)},
        executor_{clock_, input.byte()},
        has_sink_{input.flag()} {
    Registry::Sink sink;
    if (has_sink_) sink = [this](const Registry::EventType& event) { on_event(event); };
    registry_.emplace(Server{this}, clock_, executor_, sink, options_);
  }

  ~Scene() {
    registry_.reset();
    while (!held_.empty())  // answers that come too late find memory, and nobody
      answer(held_.back().is_close ? 0 : input_.below(10));
  }

  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void step() {
    switch (input_.below(16)) {
      case 0:
      case 1:
      case 2: start(); break;
      case 3: stop(); break;
      case 4:
      case 5:
      case 6: run(); break;
      case 7: jump(std::min(Span{input_.length(62)}, room())); break;
      case 8:
      case 9: answer(input_.below(10)); break;
      case 10: sweep(); break;
      case 11: progress(); break;
      case 12: cancel_parent(); break;
      case 13: run_some(); break;
      case 14: input_.flag() ? look() : wait_for_close(); break;
      default: rare();
    }
    check();
  }

  // Whatever has happened: with a server that answers, and time, what still lives is well.
  void settle() {
    is_quiet_ = true;
    while (!held_.empty())
      answer(0);
    Span longest{};
    for (const Life& life : lives_)
      if (life.is_running()) longest = std::max(longest, Span{life.options().ttl});
    for (Life& life : lives_) {
      if (Span{life.options().interval} * 50 >= longest) continue;
      life.stop_is_asked();
      life.handle().stop();
    }
    if (2 * longest > room()) return;
    const Time end = clock_.now() + 2 * longest;
    run_for(2 * longest);
    check();
    if (clock_.now() < end) return;  // too much to do
    for (Life& life : lives_) {
      const bool is_gated = life.options().progress_within.has_value();
      require(!life.is_running() || is_gated || options_.max_sends_per_second || life.handle().valid(),
              "what lives with a server that answers is valid");
    }
  }

  void finish() {
    shutdown_begins(options_.close_grace);
    is_dying_ = true;
    registry_.reset();
    executor_.run_ready();
    for (Life& life : lives_)
      life.check_over(has_sink_, clock_.now());
  }

  // --- the transport

  void on_beat(int key, const BeatContext& context, BeatCompletion completion) {
    Life* const life = latest_[static_cast<std::size_t>(key)];
    require(registry_.has_value() && life != nullptr, "no beat is sent of what was never started");
    const bool is_prompt = !has_jumped_ && !is_limited();
    const std::size_t beat = life->sent(clock_.now(), context.timeout(), is_prompt);
    ++calls_;
    const std::size_t choice = is_quiet_ ? 0 : input_.below(16);
    if (choice == 10) {
      life->throws(beat, clock_.now());
      throw std::runtime_error{"thrown"};
    }
    if (choice == 11) call_back();
    if (choice == 12) static_cast<void>(context.stop_token());
    held_.push_back({life, beat, false, std::move(completion), std::nullopt});
    if (choice < 10) answer_last(choice);
  }

  void on_close(int key, const BeatContext& context, CloseCompletion completion) {
    require(registry_.has_value() || is_dying_, "nothing is closed after the end");
    Life& life = closing_one_of(key);
    const Life* const newest = latest_[static_cast<std::size_t>(key)];
    require(!newest->is_running() || newest == started_inside_, "no close is sent of a key that has a heartbeat");
    const std::size_t call = life.close_sent(clock_.now(), context.timeout());
    const std::size_t choice = is_quiet_ ? 0 : input_.below(8);
    if (choice == 1) {
      life.close_answered(call, clock_.now(), false);
      throw std::runtime_error{"thrown"};
    }
    held_.push_back({&life, call, true, std::nullopt, std::move(completion)});
    if (choice != 2) answer_last(choice);
  }

 private:
  // A call that has not been answered.
  struct Held {
    Life* life;
    std::size_t call;  // which of its beats or closes
    bool is_close;
    std::optional<BeatCompletion> beat_completion;
    std::optional<CloseCompletion> close_completion;
  };

  // --- the sink

  void on_event(const Registry::EventType& event) {
    const auto found = by_generation_.find(event.generation);
    require(found != by_generation_.end(), "what is told of was started");
    found->second->told(event.kind == EventKind::ended, event.reason, clock_.now());
    if (is_quiet_ || is_shut_down_) return;
    const std::size_t choice = input_.below(16);
    if (choice == 1) throw std::runtime_error{"thrown"};
    if (choice == 2) call_back();
  }

  void call_back() {
    is_inside_ = true;
    call_back_somehow();
    is_inside_ = false;
  }

  void call_back_somehow() {
    switch (input_.below(5)) {
      case 0: start(); break;
      case 1: stop(); break;
      case 2: sweep(); break;
      case 3: progress(); break;
      default: look();
    }
  }

  // --- operations

  void start() {
    const int key = static_cast<int>(input_.below(keys));
    Options options = drawn_options(input_, clock_.now());
    const std::size_t parent = input_.below(8);
    if (parent < parents_.size()) options.parent = parents_[parent].get_token();
    const bool is_future = options.granted_at && *options.granted_at > clock_.now();
    const std::error_code rule = is_future && broken_rule(options, options_.tick) == heartbeat::errc{}
                                     ? make_error_code(heartbeat::errc::granted_in_the_future)
                                     : make_error_code(broken_rule(options, options_.tick));
    Life* const running = registry_->contains(key) ? latest_[static_cast<std::size_t>(key)] : nullptr;
    const bool replaces = !rule && running != nullptr && options.if_running == IfRunning::replace && !is_shut_down_;
    if (replaces) running->stop_is_asked();
    if (replaces) running->is_replaced(true);
    const Standing before = standing(key);

    std::error_code error;
    Handle handle = registry_->start(key, options, error);

    if (replaces && running->is_running()) running->is_replaced(false);
    if (rule || is_shut_down_) {
      require(error == (rule ? rule : make_error_code(heartbeat::errc::shut_down)), "a refusal says why");
    } else if (error == heartbeat::errc::event_backlog) {
      require(has_sink_, "without a sink nothing waits for it");
      require(running == nullptr || running->is_running(), "a refused start changes nothing");
    } else if (error == heartbeat::errc::close_on_its_way) {
      require(before.is_on_its_way != Sure::no, "a close that is on its way was seen");
    } else if (running != nullptr && options.if_running == IfRunning::refuse) {
      require(error == heartbeat::errc::already_running, "a key runs once");
    } else {
      require(!error && handle, "nothing is refused without a reason");
    }
    require(static_cast<bool>(handle) == !error, "a handle, or an error");
    if (error || !handle.owns()) return;
    require(before.is_on_its_way != Sure::yes, "no start while a close is on its way");
    for (Life& other : lives_)
      if (other.handle().key() == key) makes_way(other);
    Life& life = lives_.emplace_back(std::move(handle), options, Span{options_.tick}, clock_.now());
    by_generation_.emplace(life.handle().generation(), &life);
    life.is_doubted(before.is_in_doubt);
    if (is_inside_) started_inside_ = &life;
    latest_[static_cast<std::size_t>(key)] = &life;
    if (parent < parents_.size() && parents_[parent].stop_requested()) life.parent_is_cancelled();
    if (parent < parents_.size()) children_[parent].push_back(&life);
    if (input_.flag()) life.watch_token();
  }

  // --- closes

  using Sure = heartbeat::model::Close::Sure;

  // How the closes of a key stand for who starts it. What is claimed in a slice is on its way, and only the library
  // knows it yet.
  struct Standing {
    Sure is_on_its_way = Sure::no;
    Sure is_in_doubt = Sure::no;
  };
  [[nodiscard]] Standing standing(int key) {
    Standing standing;
    const auto add = [](Sure& all, Sure one) { all = all == Sure::yes || one == Sure::no ? all : one; };
    for (Life& life : lives_) {
      if (life.handle().key() != key) continue;
      life.check(clock_.now());
      add(standing.is_on_its_way, life.close().is_on_its_way(clock_.now().time_since_epoch()));
      add(standing.is_in_doubt, life.close().is_in_doubt(clock_.now().time_since_epoch()));
      if (!is_inside_ || !life.close().may_be_open()) continue;
      add(standing.is_on_its_way, Sure::unsure);
      add(standing.is_in_doubt, Sure::unsure);
    }
    return standing;
  }

  void makes_way(Life& life) {
    life.check(clock_.now());
    if (life.close().is_wanted()) life.close().makes_way(is_inside_, clock_.now().time_since_epoch());
  }

  // Whose close that is: the last one of the key that wants one.
  [[nodiscard]] Life& closing_one_of(int key) {
    for (auto life = lives_.rbegin(); life != lives_.rend(); ++life) {
      if (life->handle().key() != key) continue;
      life->check(clock_.now());
      if (life->close().is_wanted()) return *life;
    }
    require(false, "a close is asked for");
    return lives_.front();
  }

  void wait_for_close() {
    const int key = static_cast<int>(input_.below(keys));
    Life* const life = latest_[static_cast<std::size_t>(key)];
    const Span grace = std::min<Span>(input_.one_of<Span>({0ns, 100ms, 1s, 10s}), room());
    if (life == nullptr) return;
    life->waits_for_close(clock_, [&] { return life->handle().wait_for_close(grace); });
  }

  void shutdown_begins(heartbeat::Duration grace) {
    is_shut_down_ = true;
    for (Life& life : lives_)
      life.shutdown_begins(clock_.now() + Span{grace} / 2, clock_.now());
  }

  void shut_down(Span grace) {
    const bool is_first = !is_shut_down_;
    shutdown_begins(grace);
    const bool is_done = registry_->shutdown(grace);
    for (Life& life : lives_) {
      life.check(clock_.now());
      const bool is_left = life.close().is_unsent() && life.close().is_withdrawn() == Sure::no &&
                           clock_.now().time_since_epoch() < life.close().limit();
      require(!is_first || !is_done || grace == 0ns || !is_left, "a shutdown that says true has sent all closes");
      life.close().shutdown_is_over();
    }
    const heartbeat::Statistics sums = registry_->statistics();
    require(sums.closes_wanted == sums.closes_done + sums.closes_failed + sums.closes_skipped + sums.closes_withdrawn,
            "every close is counted as over");
  }

  void stop() {
    const int key = static_cast<int>(input_.below(keys));
    Life* const life = latest_[static_cast<std::size_t>(key)];
    const bool runs = life != nullptr && life->is_running();
    if (runs) life->stop_is_asked();
    bool did_end = false;
    switch (input_.below(5)) {
      case 0: did_end = registry_->stop(key); break;
      case 1: did_end = registry_->request_stop(key); break;
      case 2: did_end = life != nullptr && life->handle().stop(); break;
      case 3: did_end = life != nullptr && registry_->stop(key, life->handle().generation()); break;
      default:
        require(life == nullptr || !registry_->stop(key, life->handle().generation() + 1), "another generation lives");
        return;
    }
    require(did_end == runs, "stop says whether it ended something");
    if (life != nullptr) life->stop_has_returned(did_end, clock_.now());
  }

  void run() {
    Span longest = 1ms;
    for (const Life& life : lives_)
      if (life.is_running()) longest = std::max(longest, Span{life.options().interval});
    run_for(longest * static_cast<int>(input_.below(40)) / 4);
    if (has_jumped_) return;
    for (Life& life : lives_) {
      life.check_not_overdue(clock_.now());
      life.check_close(clock_.now());
    }
  }

  // A limit keeps beats waiting that nothing else does.
  [[nodiscard]] bool is_limited() const {
    return options_.max_in_flight < keys * 8 || options_.max_sends_per_second.has_value();
  }

  void jump(Span span) {
    const Time from = clock_.now();
    for (Life& life : lives_)
      life.is_away(from, from + span, Span{options_.gap_threshold});
    clock_.advance(span);
    has_jumped_ = true;
  }

  // How far the clock may go on. A shutdown that waits may have taken it further.
  [[nodiscard]] Span room() const { return std::max(Span{0}, latest - clock_.now()); }

  // From timer to timer, a bounded number of them: one heartbeat may beat a million times while another one waits.
  void run_for(Span span) {
    const Time end = clock_.now() + std::min(span, room());
    for (int wakes = 0; wakes < 1000; ++wakes) {
      executor_.run_ready();
      const auto next = executor_.next_wake();
      if (!next || *next > end) return static_cast<void>(executor_.run_until(std::max(end, clock_.now())));
      executor_.run_until(std::max(*next, clock_.now()));
    }
  }

  void run_some() {
    for (std::size_t left = input_.below(4); left != 0 && executor_.run_one(); --left) {
    }
  }

  // Answers one of the calls that are held, somehow.
  void answer(std::size_t choice) {
    if (held_.empty()) return;
    const std::size_t place = is_quiet_ ? 0 : input_.byte() % held_.size();
    held_.splice(held_.end(), held_, std::next(held_.begin(), static_cast<std::ptrdiff_t>(place)));
    answer_last(choice);
  }

  void answer_last(std::size_t choice) {
    Held call = std::move(held_.back());
    held_.pop_back();
    if (call.is_close) {
      call.life->close_answered(call.call, clock_.now(), choice != 3 && choice != 4);
      if (choice == 3) (*call.close_completion)(make_error_code(std::errc::io_error));
      if (choice != 4) (*call.close_completion)({});
      return;
    }
    const BeatResult result = drawn_result(*call.life, choice);
    call.life->answered(call.call, clock_.now(), result, [&] {
      if (choice == 9) {
        call.beat_completion.reset();
      } else {
        (*call.beat_completion)(result);
        if (choice == 8) (*call.beat_completion)(BeatResult::gone());
      }
    });
  }

  BeatResult drawn_result(const Life& life, std::size_t choice) {
    switch (choice) {
      case 3: return BeatResult::gone();
      case 4:
      case 5:
      case 9: return BeatResult::failed(make_error_code(std::errc::io_error), "no");
      case 6: return BeatResult::failed({}, {}, input_.flag());
      case 7: {
        const Span ttl = life.options().ttl;
        return BeatResult::acknowledged(input_.one_of<Span>(
            {ttl, ttl / 2, ttl * 3, 0ns, -1s, 1ns, Span{input_.length(62)}, Span::max(), Span::min()}));
      }
      default: return BeatResult::acknowledged();
    }
  }

  void sweep() {
    std::vector<int> expected;
    std::vector<Life*> running;
    for (Life& life : lives_)
      if (life.is_running()) running.push_back(&life);
    std::vector<int> swept = registry_->sweep();
    for (Life* life : running)
      if (life->handle().ended() == heartbeat::EndReason::stalled) expected.push_back(life->handle().key());
    std::sort(swept.begin(), swept.end());
    std::sort(expected.begin(), expected.end());
    require(swept == expected, "a sweep returns what it ended");
    for (Life* life : running)
      if (life->handle().ended() == heartbeat::EndReason::stalled) life->was_swept(clock_.now());
  }

  void progress() {
    if (Life* life = latest_[input_.below(keys)]; life != nullptr) life->progress(clock_.now());
  }

  void cancel_parent() {
    const std::size_t parent = input_.below(parents_.size());
    for (Life* life : children_[parent])
      life->parent_is_cancelled();
    parents_[parent].request_stop();
    if (!input_.flag()) return;
    children_[parent].clear();
    parents_[parent] = std::stop_source{};
  }

  void look() {
    for (const auto& status : registry_->snapshot()) {
      const Life* life = by_generation_.at(status.generation);
      require(life->is_running(), "a snapshot shows what runs");
    }
  }

  void rare() {
    if (input_.byte() < 240) return run();
    for (Life& life : lives_) {
      life.stop_is_asked();
      life.is_shut_down();
    }
    if (input_.flag()) {
      registry_->stop_all();
    } else {
      shut_down(input_.one_of<Span>({0ns, 1s, 1h}));
    }
    require(registry_->size() == 0, "nothing is left");
  }

  // --- what must hold at any time

  void judge_closes(const heartbeat::Statistics& sums) {
    heartbeat::model::CountedCloses counted;
    const auto count = [&](auto& range, Sure sure) { counted.count(range, sure == Sure::yes, sure != Sure::no); };
    for (Life& life : lives_) {
      const heartbeat::model::Close& close = life.close();
      if (!close.is_wanted()) continue;
      count(counted.wanted, Sure::yes);
      count(counted.done, close.is_confirmed());
      count(counted.withdrawn, close.is_withdrawn());
      const std::uint64_t repeats = close.calls.size() - (close.calls.empty() ? 0 : 1);
      counted.repeated.least += repeats;
      counted.repeated.most += repeats;
    }
    heartbeat::model::judge_closes(sums, counted, false, [](const char* what) { require(false, what); });
  }

  void check() {
    const heartbeat::Statistics sums = registry_->statistics();
    heartbeat::model::Counted counted{.started = lives_.size()};
    std::uint64_t running = 0;
    for (Life& life : lives_) {
      life.check(clock_.now());
      if (!is_limited()) life.check_fresh_beat();
      if (const auto reason = life.handle().ended()) {
        counted.ends(*reason);
      } else {
        ++running;
      }
    }
    judge_closes(sums);
    heartbeat::model::judge_sums(sums, counted, [](const char* what) { require(false, what); });
    require(sums.running == running && registry_->size() == running, "all that runs is counted");
    require(calls_ <= sums.sent, "what the transport was asked was counted");
    for (std::size_t key = 0; key < keys; ++key) {
      const bool runs = latest_[key] != nullptr && latest_[key]->is_running();
      require(registry_->contains(static_cast<int>(key)) == runs, "the index knows what runs");
    }
  }

  Input& input_;
  const RegistryOptions options_;
  ManualClock clock_;
  ManualExecutor executor_;
  const bool has_sink_;
  std::array<std::stop_source, 2> parents_;
  std::array<std::vector<Life*>, 2> children_;
  std::deque<Life> lives_;
  std::map<std::uint64_t, Life*> by_generation_;
  std::array<Life*, keys> latest_{};
  std::list<Held> held_;
  std::uint64_t calls_ = 0;
  bool has_jumped_ = false;
  bool is_quiet_ = false;
  bool is_shut_down_ = false;
  bool is_dying_ = false;
  bool is_inside_ = false;                // a callback
  const Life* started_inside_ = nullptr;  // the last heartbeat that was started there
  std::optional<Registry> registry_;
};

void Server::async_beat(const int& key, const BeatContext& context, BeatCompletion completion) {
  scene->on_beat(key, context, std::move(completion));
}

void Server::async_close(const int& key, const BeatContext& context, CloseCompletion completion) {
  scene->on_close(key, context, std::move(completion));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  Scene scene{input};
  for (int steps = 0; !input.empty() && steps < 300; ++steps)
    scene.step();
  if (size % 4 != 0) scene.settle();  // else the end comes with everything under way
  scene.finish();
  return 0;
}
