// SPDX-License-Identifier: BSL-1.0
// G4: every public call is safe from any thread and from inside any callback; no user code runs under a lock (but `==`
// of keys, which must not block: F22). On any callback's stack nothing waits, whichever registry the callback is of, so
// two callbacks that stop each other's heartbeats cannot wait for each other (F1).
//
//   expected   T1: callback of A: stop(B) returns      T2: callback of B: stop(A) returns
//   never      T1: stop(B) waits for T2                T2: stop(A) waits for T1
// Read next: g15_four_corners_of_stop.cpp, where stop does wait.
#include <atomic>
#include <functional>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// A key that calls `hook` whenever it is copied, destroyed or hashed.
struct NosyKey {
  static inline std::function<void()> hook;
  static inline thread_local bool is_calling = false;

  static void tell() {
    if (!hook || is_calling) return;
    is_calling = true;
    hook();
    is_calling = false;
  }

  NosyKey() = default;
  explicit NosyKey(int number) : id{number} {}
  NosyKey(const NosyKey& other) : id{other.id} { tell(); }
  NosyKey& operator=(const NosyKey& other) {
    id = other.id;
    tell();
    return *this;
  }
  ~NosyKey() { tell(); }
  friend bool operator==(const NosyKey& a, const NosyKey& b) noexcept { return a.id == b.id; }

  int id = 0;
};

// Every public call there is; `spare` is a key of its own.
template <class R>
void call_everything(R& registry, int spare, const typename R::Options& options) {
  std::error_code error;
  auto handle = registry.start(spare, options, error);
  if (handle) {
    (void)handle.stop_token();
    (void)handle.valid();
    (void)handle.valid_until();
    (void)handle.failure();
    handle.progress();
    handle.request_stop();
  }
  registry.stop(spare);
  registry.stop(spare, handle.generation());
  registry.request_stop(spare);
  (void)registry.sweep();
  (void)registry.contains(spare);
  (void)registry.size();
  (void)registry.snapshot();
  registry.for_each([&](const typename R::Status& status) { (void)registry.status(status.key); });
  (void)registry.statistics();
  handle.stop();
}

}  // namespace

template <>
struct std::hash<NosyKey> {
  std::size_t operator()(const NosyKey& key) const {
    NosyKey::tell();
    return std::hash<int>{}(key.id);
  }
};

BOOST_AUTO_TEST_SUITE(g04_callable_from_anywhere)

BOOST_AUTO_TEST_CASE(everything_may_be_called_inside_the_transport) {
  World world;
  int calls = 0;
  const auto call = [&] {
    ++calls;
    call_everything(*world.registry, 100 + calls, at_once());
  };
  world.transport.on(7).calling(call).acknowledge().always();
  world.transport.on_close(7).calling(call).always();
  Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(20s);
  handle.stop();
  world.executor.run_for(1s);

  BOOST_TEST(calls == 6);
  BOOST_TEST(world.log.count(EventKind::ended) == 7U);
}

BOOST_AUTO_TEST_CASE(everything_may_be_called_inside_the_sink) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Registry* self = nullptr;
  int calls = 0;
  const auto sink = [&](const Registry::EventType& event) {
    if (event.key == 7) call_everything(*self, 100 + ++calls, at_once());
  };
  Registry registry{ScriptedTransport<int>{executor}, clock, executor, sink, {.seed = 1}};
  self = &registry;
  Handle handle = registry.start(7, at_once());

  executor.run_for(11s);
  handle.stop();
  executor.run_for(1s);

  BOOST_TEST(calls == 5);  // started, three acknowledged, ended
  BOOST_TEST(registry.size() == 0U);
}

BOOST_AUTO_TEST_CASE(everything_may_be_called_inside_a_stop_callback) {
  World world;
  int calls = 0;
  const auto call = [&] { call_everything(*world.registry, 100 + ++calls, at_once()); };
  world.transport.on(2).gone();
  Handle by_owner = world.registry->start(1, at_once());
  Handle by_engine = world.registry->start(2, at_once());
  const std::stop_callback first{by_owner.stop_token(), call};
  const std::stop_callback second{by_engine.stop_token(), call};

  world.executor.run_for(1s);
  by_owner.stop();

  BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(a_heartbeat_may_be_restarted_inside_the_event_of_its_end) {
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  transport.on(7).gone().times(3);
  Registry* self = nullptr;
  int restarts = 0;
  const auto sink = [&](const Registry::EventType& event) {
    if (event.kind != EventKind::ended || event.reason != EndReason::gone) return;
    ++restarts;
    self->start(event.key, at_once()).detach();
  };
  Registry registry{transport, clock, executor, sink, {.seed = 1}};
  self = &registry;
  registry.start(7, at_once()).detach();

  executor.run_for(20s);

  BOOST_TEST(restarts == 3);
  BOOST_TEST(registry.contains(7));
}

BOOST_AUTO_TEST_CASE(a_group_does_not_wait_inside_a_callback) {
  World world;
  HeartbeatGroup group{*world.registry};
  std::error_code error;
  world.transport.on(7).calling([&] {
    try {
      (void)group.wait();
    } catch (const std::system_error& thrown) {
      error = thrown.code();
    }
  });
  group.start(7, at_once());

  world.executor.run_for(1s);

  BOOST_TEST((error == std::errc::resource_deadlock_would_occur));
}

// While a callback is on one thread's stack, another thread makes every call: nothing that it needs may be held.
BOOST_AUTO_TEST_CASE(no_lock_is_held_while_user_code_runs) {
  World world;
  int checks = 0;
  const auto call_from_elsewhere = [&] {
    ++checks;
    const int spare = 100 + checks;
    BOOST_TEST_REQUIRE(returns([&world, spare] { call_everything(*world.registry, spare, at_once()); }));
  };
  Registry quiet{ScriptedTransport<int>{world.executor}, world.clock, world.executor};  // the world's log stays out
  world.transport.on(1).calling(call_from_elsewhere).gone();
  world.transport.on(2).calling(call_from_elsewhere).acknowledge();
  world.transport.on_close(2).calling(call_from_elsewhere).acknowledge();
  Handle one = world.registry->start(1, at_once());
  Handle two = world.registry->start(2, at_once());
  const std::stop_callback by_engine{one.stop_token(), call_from_elsewhere};
  const std::stop_callback by_owner{two.stop_token(), call_from_elsewhere};

  world.executor.run_for(1s);
  two.stop();
  world.executor.run_for(1s);

  BOOST_TEST(checks == 5);
}

BOOST_AUTO_TEST_CASE(no_lock_is_held_while_the_sink_runs) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Registry* self = nullptr;
  int checks = 0;
  const auto sink = [&](const Registry::EventType& event) {
    if (event.key != 7) return;
    const int spare = 100 + ++checks;
    BOOST_TEST_REQUIRE(returns([&, spare] { call_everything(*self, spare, at_once()); }));
  };
  Registry registry{ScriptedTransport<int>{executor}, clock, executor, sink, {.seed = 1}};
  self = &registry;
  Handle handle = registry.start(7, at_once());
  executor.run_for(1s);
  handle.stop();
  executor.run_for(1s);

  BOOST_TEST(checks == 3);
}

// A key's hash, copy and destructor are user code too. (F22)
BOOST_AUTO_TEST_CASE(keys_are_hashed_copied_and_destroyed_without_a_lock) {
  using Nosy = HeartbeatRegistry<NosyKey, ScriptedTransport<NosyKey>, ManualClock, ManualExecutor>;
  ManualClock clock;
  ManualExecutor executor{clock};
  int calls = 0;
  {
    Nosy registry{
        ScriptedTransport<NosyKey>{executor}, clock, executor, [](const Nosy::EventType&) {}, {.seed = 1, .shards = 1}};
    NosyKey::hook = [&] {
      ++calls;
      (void)registry.statistics();  // takes the lock of the one shard
    };
    const Nosy::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
    for (int id = 0; id < 50; ++id)
      registry.start(NosyKey{id}, options).detach();
    executor.run_for(6s);
    for (int id = 0; id < 25; ++id)
      registry.stop(NosyKey{id});
    (void)registry.snapshot();
    executor.run_for(1s);
    clock.advance(40s);
    (void)registry.sweep();
    executor.run_for(40s);
    registry.stop_all();
    executor.run_for(1s);
    BOOST_TEST(registry.size() == 0U);
    NosyKey::hook = {};
  }
  BOOST_TEST(calls > 200);
}

// F1, in one registry: two calls on two threads meet, and each stops the other's heartbeat.
BOOST_AUTO_TEST_CASE(two_callbacks_on_two_threads_stop_each_other) {
  const int left = key_in(0, 2);
  const int right = key_in(1, 2);
  ManualClock clock;
  Meeting meeting;
  Tally done;
  ManualThreadRegistry* self = nullptr;
  ManualThreadRegistry registry{answering([&](const int& key, const BeatContext&, BeatCompletion completion) {
                                  if (meeting.wait()) self->stop(key == left ? right : left);
                                  completion(BeatResult::acknowledged());
                                  done.add();
                                }),
                                clock,
                                ManualThreads{clock, {.threads = 2, .blocking_threads = 2}},
                                {},
                                no_gaps(2)};
  self = &registry;
  const ManualThreadRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
  auto one = registry.start(left, options);
  auto two = registry.start(right, options);

  BOOST_TEST_REQUIRE(done.reaches(2));

  BOOST_TEST(why(one) == "stopped");
  BOOST_TEST(why(two) == "stopped");
}

// F1, over two registries, which know nothing of each other.
BOOST_AUTO_TEST_CASE(callbacks_of_two_registries_stop_each_other) {
  Meeting meeting;
  Tally done;
  ThreadRegistry* registries[2] = {};
  const auto stopping = [&](int other) {
    return answering([&, other](const int&, const BeatContext&, BeatCompletion completion) {
      if (meeting.wait()) registries[other]->stop(7);
      completion(BeatResult::acknowledged());
      done.add();
    });
  };
  ThreadRegistry first{stopping(1)};
  ThreadRegistry second{stopping(0)};
  registries[0] = &first;
  registries[1] = &second;
  auto one = first.start(7, one_beat<ThreadRegistry>());
  auto two = second.start(7, one_beat<ThreadRegistry>());

  BOOST_TEST_REQUIRE(done.reaches(2));

  BOOST_TEST(why(one) == "stopped");
  BOOST_TEST(why(two) == "stopped");
}

// The same with stop callbacks, on the threads of two owners.
BOOST_AUTO_TEST_CASE(stop_callbacks_of_two_heartbeats_stop_each_other) {
  Meeting meeting;
  ThreadRegistry registry{answering(acknowledge)};
  ThreadRegistry other{answering(acknowledge)};
  auto one = registry.start(1, one_beat<ThreadRegistry>());
  auto two = other.start(2, one_beat<ThreadRegistry>());
  const std::stop_callback on_one{one.stop_token(), [&] {
                                    meeting.wait();
                                    two.stop();
                                  }};
  const std::stop_callback on_two{two.stop_token(), [&] {
                                    meeting.wait();
                                    one.stop();
                                  }};
  Tally done;

  {
    std::jthread first{[&] { one.stop(), done.add(); }};
    std::jthread second{[&] { two.stop(), done.add(); }};
    BOOST_TEST(done.reaches(2));
  }
}

BOOST_AUTO_TEST_CASE(many_threads_make_every_call_at_once) {
  EventLog<int> log;
  {
    ThreadRegistry registry{answering(acknowledge), log, {.shards = 2}};
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i)
          call_everything(registry, (thread * 7 + i) % 5, one_beat<ThreadRegistry>());
      });
    }
    threads.clear();
    BOOST_TEST(registry.size() == 0U);
    BOOST_TEST(registry.statistics().started == registry.statistics().ended_for(EndReason::stopped));
  }
  BOOST_TEST(log.count(EventKind::ended) > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
