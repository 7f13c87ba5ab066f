// SPDX-License-Identifier: BSL-1.0
// A monitor's turns, its teller, its users and its end against each other: each generation is reported once, by the
// sink or by a sweep, unless it was forgotten; no touch that was answered with true is lost; the sink is called for one
// expiry at a time, and what has expired is told before the end, after which nothing runs. The promises are G3, G4, G6
// and G12, of the receiving side.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/monitor.hpp>

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::FixedDeadline;

namespace {

// Counts its copies: each shard of an engine has one, so the last of them says when an engine's memory is freed.
struct CountedDeadline : FixedDeadline {
  explicit CountedDeadline(int& its_copies) : copies{&its_copies} { ++*copies; }
  CountedDeadline(const CountedDeadline& other) : FixedDeadline{other}, copies{other.copies} { ++*copies; }
  CountedDeadline& operator=(const CountedDeadline&) = delete;
  ~CountedDeadline() { --*copies; }

  int* copies;
};

// What became of one key, which is watched once.
struct Watching {
  std::uint64_t generation = 0;
  std::int64_t touched = 0;  // not before that moment, by a touch that was answered with true
  bool is_forgotten = false;
  int reports = 0;
};

/// A monitor, its sink and its threads.
class WatchingWorld {
 public:
  using Monitor = heartbeat::HeartbeatMonitor<Session, VirtualClock, VirtualExecutor, CountedDeadline>;
  static constexpr auto ttl = 4s;

  explicit WatchingWorld(Scheduler& its_schedule, Crew crew = {}, std::uint32_t shards = 1)
      : schedule{its_schedule}, threads{std::in_place, its_schedule, crew} {
    const auto sink = std::make_shared<int>();
    sink_ = sink;
    monitor = std::make_unique<Monitor>(
        VirtualClock{threads->now()}, VirtualExecutor{*threads},
        [this, sink](const auto& expiry) {
          tell(expiry.key.name, expiry.generation, expiry.touched_at.time_since_epoch().count());
        },
        heartbeat::MonitorOptions{.gap_threshold = 1000h, .shards = shards}, CountedDeadline{engines_});
  }
  WatchingWorld(const WatchingWorld&) = delete;
  WatchingWorld& operator=(const WatchingWorld&) = delete;

  ~WatchingWorld() {
    destroy_monitor();
    schedule.rest();
    if (!sink_.expired()) schedule.fail("the policies were not destroyed");
    if (keys_ != 0) schedule.fail("keys are left");
    threads.reset();
    if (engines_ != 0) schedule.fail("the engine was not freed");
  }

  [[nodiscard]] Session key(int name) { return {name, 0, keys_}; }

  void watch(int name) {
    std::error_code error;
    seen[name].generation = monitor->watch(key(name), {.ttl = ttl}, error);
    if (error) seen.erase(name);
  }
  void touch(int name) {
    const std::int64_t at = threads->now();
    if (monitor->touch(key(name))) seen[name].touched = at;
  }
  void forget(int name) {
    if (!monitor->forget(key(name))) return;
    if (seen[name].reports != 0) schedule.fail("forgotten, and reported before");
    seen[name].is_forgotten = true;
  }
  void sweep() {
    for (const Session& session : monitor->sweep())
      report(session.name);
  }
  void shut_down(heartbeat::Duration grace) {
    if (monitor->shutdown(grace)) has_ended();
  }
  void destroy_monitor() {
    if (!monitor) return;
    monitor.reset();
    has_ended();
  }

  /// Plays roles while all that is watched expires.
  void together(std::initializer_list<Scheduler::Role> roles) {
    threads->let_time_pass(threads->crew().timers);
    schedule.together(roles);
    threads->let_time_pass(0);
  }
  /// Returns when so many were reported, which must be; time passes meanwhile.
  void wait_for(int reports) {
    while (reports_ < reports)
      schedule.park("waits for expiries", &reports_);
  }

  Scheduler& schedule;
  std::optional<VirtualThreads> threads;
  std::unique_ptr<Monitor> monitor;
  std::map<int, Watching> seen;
  std::function<void(int name)> and_then;  // what the sink does besides

 private:
  void tell(int name, std::uint64_t generation, std::int64_t touched) {
    if (self->locks != 0) schedule.fail("the sink is called under a lock");
    if (is_over_) schedule.fail("the sink is called after the end");
    if (is_telling_) schedule.fail("the sink is told of two at once");
    is_telling_ = true;
    point("is told");
    const Watching& watching = seen[name];
    if (watching.generation != 0 && generation != watching.generation) schedule.fail("another generation is told");
    if (touched < watching.touched) schedule.fail("a touch was lost");
    report(name);
    if (and_then) and_then(name);
    point("was told");
    is_telling_ = false;
  }
  void report(int name) {
    if (seen[name].is_forgotten) schedule.fail("reported, and forgotten before");
    if (++seen[name].reports > 1) schedule.fail("reported twice");
    ++reports_;
    schedule.tell(&reports_);
  }
  // The monitor says that nothing of it runs.
  void has_ended() {
    if (heartbeat::detail::CallbackFrame::is_inside()) return;
    if (is_telling_) schedule.fail("the sink runs when the end returns");
    is_over_ = true;
  }

  std::weak_ptr<int> sink_;  // what the sink holds
  int engines_ = 0;          // alive, in parts
  int keys_ = 0;             // alive
  int reports_ = 0;
  bool is_telling_ = false;
  bool is_over_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(monitor)

// What expires while the teller looks for the last time, in a shard that it has looked at.
BOOST_AUTO_TEST_CASE(each_expiry_is_told_though_the_teller_was_about_to_rest) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 2}, 2};
    for (int name = 1; name <= 3; ++name)
      world.watch(name);

    world.together({{"waiter", [&] { world.wait_for(3); }}});
  });
}

BOOST_AUTO_TEST_CASE(a_sweep_and_the_sink_share_what_expires) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 2, .timers = 4}, 2};
    for (int name = 1; name <= 3; ++name)
      world.watch(name);
    const auto sweep = [&] { world.sweep(); };

    world.together({{"one", sweep}, {"other", sweep}, {"waiter", [&] { world.wait_for(3); }}});
  });
}

BOOST_AUTO_TEST_CASE(a_touch_and_a_forget_meet_the_expiry) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 1, .timers = 4}};
    world.watch(1);
    world.watch(2);
    world.threads->advance(world.ttl / 2);

    world.together({{"toucher", [&] { world.touch(1); }}, {"forgetter", [&] { world.forget(2); }}, {"waiter", [&] {
                                                                                                      world.wait_for(1);
                                                                                                    }}});
  });
}

BOOST_AUTO_TEST_CASE(a_shutdown_tells_what_has_expired_and_nothing_runs_afterwards) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 1, .timers = 4}, 2};
    world.watch(1);
    world.watch(2);

    world.together({{"one", [&] { world.shut_down(1h); }}, {"other", [&] { world.shut_down({}); }}, {"starter", [&] {
                                                                                                       world.watch(3);
                                                                                                     }}});

    world.shut_down(1h);
    const auto sums = world.monitor->statistics();
    if (sums.untold != 0) schedule.fail("what had expired was not told");
    if (sums.watching != 0) schedule.fail("something is watched");
    if (sums.told != sums.expired) schedule.fail("the sums do not add up");
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_waits_for_the_sink) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 2, .timers = 4}, 2};
    for (int name = 1; name <= 2; ++name)
      world.watch(name);

    world.together({{"owner", [&] { world.destroy_monitor(); }}});
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_runs_inside_the_sink) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 2, .pool = 2}, 2};
    for (int name = 1; name <= 3; ++name)
      world.watch(name);
    world.and_then = [&](int) { world.destroy_monitor(); };

    world.together({{"waiter", [&] { world.wait_for(1); }}});
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_runs_inside_the_sink_while_a_shutdown_waits) {
  explore([](Scheduler& schedule) {
    WatchingWorld world{schedule, {.workers = 1, .pool = 1}};
    world.watch(1);
    world.threads->advance(world.ttl / 2);
    schedule.rest();  // it was found silent
    world.threads->advance(world.ttl / 2);
    bool is_shutting_down = false;
    world.and_then = [&](int) {
      if (is_shutting_down) world.destroy_monitor();
    };

    world.together({{"one", [&] {
                       is_shutting_down = true;
                       static_cast<void>(world.monitor->shutdown(1h));
                     }}});
  });
}

BOOST_AUTO_TEST_SUITE_END()
