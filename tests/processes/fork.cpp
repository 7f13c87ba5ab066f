// SPDX-License-Identifier: BSL-1.0
// A child that fork() has made has a copy of everything, and no thread but one: locks that somebody held stay locked,
// threads cannot be joined, descriptors are the parent's too. The child's copy does nothing, its end does nothing to
// the parent, and nothing is valid there (F53). So each case holds a lock of the engine's while it forks, and wants a
// beat of the parent afterwards. What belongs to Asio is in asio/fork.cpp, TypeDB's sessions are in typedb/fork.cpp.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "../calling.hpp"
#include "../child.hpp"
#include "../sanitized.hpp"
#include "../waiting.hpp"

namespace heartbeat::fork_tests {

using testing::Child;
using testing::eventually;
using testing::in_child;
using testing::Signal;
using namespace std::chrono_literals;

/// Keys named "held" keep whoever compares them, and with him the lock that he holds.
struct Key {
  std::string name;

  bool operator==(const Key& other) const {
    if (is_kept && name == "held" && other.name == "held") {
      kept.raise();
      static_cast<void>(let_go.wait());
    }
    return name == other.name;
  }

  static inline std::atomic<bool> is_kept{false};
  // Not destroyed in a child: that would wait for the parent's thread, which waits on one of them.
  static inline Signal &kept = *new Signal, &let_go = *new Signal;
};

}  // namespace heartbeat::fork_tests

template <>
struct std::hash<heartbeat::fork_tests::Key> {
  std::size_t operator()(const heartbeat::fork_tests::Key& key) const { return std::hash<std::string>{}(key.name); }
};

namespace heartbeat::fork_tests {

/// Counts beats; shared by its copies.
struct Beats {
  std::shared_ptr<std::atomic<int>> count = std::make_shared<std::atomic<int>>(0);

  template <class K>
  BeatResult beat(const K&, const BeatContext&) {
    ++*count;
    return BeatResult::acknowledged();
  }
  [[nodiscard]] testing::Waited go_on() const {
    return eventually("another beat", [this, before = count->load()] { return count->load() > before; });
  }
};

const RegistryOptions one_shard{.shards = 1};
const HeartbeatOptions<> quick{.interval = 10ms, .ttl = 1h};

template <class Registry>
class Hold {
 public:
  /// Somebody holds the lock of the registry's only shard while this lives.
  explicit Hold(Registry& registry) {
    Key::is_kept = true;
    holder_ = std::thread{[&registry] { static_cast<void>(registry.contains(Key{"held"})); }};
    BOOST_TEST_REQUIRE(Key::kept.wait(++holds));
    Key::is_kept = false;
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    Key::let_go.raise();
    holder_.join();
  }

 private:
  static inline std::size_t holds = 0;
  std::thread holder_;
};

// Every call of a registry, of a handle and of a group.
template <class Registry, class Handle>
void expect_nothing_of(const Child& child, Registry& registry, Handle& handle) {
  std::error_code error;
  const auto refused = registry.start(Key{"new"}, quick, error);
  child.check(!refused && error == errc::made_before_fork, "start is refused");
  child.check(!handle.valid(), "the handle is not valid");
  child.check(handle.valid_until() == BootClock::time_point::min(), "no end of validity");
  child.check(handle.ended() == EndReason::shut_down, "the handle says shut_down");
  child.check(!handle.failure(), "no failure");
  child.check(handle.stop_token().stop_requested(), "the token has fired");
  child.check(handle.key().name == "held" && handle.generation() != 0, "key and generation are what they were");
  child.check(!registry.contains(Key{"held"}) && registry.size() == 0, "nothing runs");
  child.check(!registry.status(Key{"held"}) && registry.snapshot().empty(), "nothing is to be seen");
  child.check(registry.statistics().started == 0, "nothing was counted");
  child.check(!registry.stop(Key{"held"}) && !registry.request_stop(Key{"held"}), "nothing to be stopped by key");
  child.check(registry.clock().now() > BootClock::time_point{}, "the clock goes");
  child.check(!handle.request_stop() && !handle.stop(), "nothing to be stopped by handle");
  child.check(registry.shutdown(1h), "nothing to be waited for");
}

BOOST_AUTO_TEST_SUITE(fork)

BOOST_AUTO_TEST_CASE(in_the_child_every_call_comes_back_and_the_parent_beats_on) {
  const Beats beats;
  auto registry = std::make_unique<HeartbeatRegistry<Key, Beats>>(beats, nullptr, one_shard);
  std::optional handle{registry->start(Key{"held"}, quick)};
  std::optional<HeartbeatGroup<HeartbeatRegistry<Key, Beats>>> group{*registry};
  group->start(Key{"member"}, quick);
  std::stop_source program;
  HeartbeatOptions<> with_parent = quick;
  with_parent.parent = program.get_token();
  std::optional child_of_program{registry->start(Key{"with_parent"}, with_parent)};
  BOOST_TEST(eventually("validity", [&] { return handle->valid(); }));

  {
    const Hold hold{*registry};
    BOOST_TEST(in_child([&](const Child& child) {
      expect_nothing_of(child, *registry, *handle);
      child.check(!handle->wait_for_close(1h) && !registry->wait_for_close(Key{"held"}, 1h), "no close is confirmed");
      child.check(registry->stop_all() == 0 && registry->request_stop_all() == 0, "nothing of all is stopped");
      child.check(registry->sweep().empty(), "nothing stalls");
      handle->progress();
      program.request_stop();
      std::error_code error;
      group->start(Key{"new"}, quick, error);
      child.check(error == errc::made_before_fork, "the group takes nobody");
      child.check(group->size() == 0 && !group->wait() && group->failures().empty(), "the group is empty");
      group->stop();
      group.reset();
      handle.reset();
      child_of_program.reset();
      registry.reset();
    }));
  }

  BOOST_TEST(handle->valid());
  BOOST_TEST(registry->size() == 3u);
  BOOST_TEST(beats.go_on());
}

// What exit() destroys: statics. A registry, its threads and handles among them.
BOOST_AUTO_TEST_CASE(a_child_that_exits_with_statics_ends_and_the_parent_beats_on) {
  static const Beats beats;
  static HeartbeatRegistry<Key, Beats> registry{beats, nullptr, one_shard};
  static const auto handle = registry.start(Key{"held"}, quick);
  static ThreadExecutor executor;
  static HeartbeatMonitor<Key> monitor;
  monitor.watch(Key{"client"}, 1h);
  {
    const Hold hold{registry};
    BOOST_TEST(in_child([](const Child&) {}));
  }

  BOOST_TEST(beats.go_on());
  registry.shutdown();
}

BOOST_AUTO_TEST_CASE(a_child_that_was_forked_inside_a_callback_may_exit) {
  struct Forks {
    std::shared_ptr<std::atomic<int>> calls;
    std::shared_ptr<testing::Waited> came;
    Signal& done;
    BeatResult beat(const Key&, const BeatContext&) {
      if (calls->fetch_add(1) == 0) {
        *came = in_child([](const Child&) {});
        done.raise();
      }
      return BeatResult::acknowledged();
    }
  };
  Signal done;  // not static: it would be destroyed in the child, with us waiting on it
  const auto calls = std::make_shared<std::atomic<int>>(0);
  const auto came = std::make_shared<testing::Waited>(false);
  static HeartbeatRegistry<Key, Forks> registry{Forks{calls, came, done}};
  const auto handle = registry.start(Key{"a"}, quick);

  BOOST_TEST_REQUIRE(done.wait());

  BOOST_TEST(*came);
  BOOST_TEST(eventually("another beat", [&] { return *calls > 1; }));
  registry.shutdown();
}

#if !HEARTBEAT_TEST_THREAD_SANITIZED  // which ends a child that makes a thread
BOOST_AUTO_TEST_CASE(the_child_makes_a_registry_of_its_own) {
  const Beats beats;
  HeartbeatRegistry<Key, Beats> registry{beats, nullptr, one_shard};
  auto handle = registry.start(Key{"held"}, quick);
  const Hold hold{registry};

  BOOST_TEST(in_child([&](const Child& child) {
    const Beats own_beats;
    HeartbeatRegistry<Key, Beats> own{own_beats};
    handle = own.start(Key{"own"}, quick);  // lets go of the parent's
    child.check(!!eventually("validity", [&] { return handle.valid(); }), "valid");
    child.check(
        !!in_child([&](const Child& grandchild) { grandchild.check(!handle.valid(), "not valid in the grandchild"); }),
        "the grandchild");
    child.check(handle.valid(), "still valid");
    child.check(handle.stop(), "stopped");
  }));

  BOOST_TEST(!handle.ended());
}
#endif

// Two engines, and the table between them.
BOOST_AUTO_TEST_CASE(keys_of_clients_in_the_child) {
  struct ClientOf {
    int operator()(const Key&) const { return 1; }
  };
  const Beats beats;
  auto sessions = std::make_unique<PerClient<Key, Beats, ClientOf>>(beats, ClientOf{}, nullptr, one_shard);
  std::optional handle{sessions->start(Key{"held"}, quick)};
  BOOST_TEST(eventually("validity", [&] { return handle->valid(); }));
  {
    const Hold hold{*sessions};
    BOOST_TEST(in_child([&](const Child& child) {
      expect_nothing_of(child, *sessions, *handle);
      child.check(sessions->clients() == 0, "no client beats");
      handle.reset();
      sessions.reset();
    }));
  }

  BOOST_TEST(handle->valid());
  BOOST_TEST(beats.go_on());
}

BOOST_AUTO_TEST_CASE(a_monitor_in_the_child) {
  auto monitor = std::make_unique<HeartbeatMonitor<Key>>(nullptr, MonitorOptions{.shards = 1});
  monitor->watch(Key{"held"}, 1h);
  {
    const Hold hold{*monitor};
    BOOST_TEST(in_child([&](const Child& child) {
      std::error_code error;
      child.check(monitor->watch(Key{"new"}, {.ttl = 1h}, error) == 0 && error == errc::made_before_fork, "refused");
      child.check(!monitor->touch(Key{"held"}) && !monitor->forget(Key{"held"}), "not watched");
      child.check(!monitor->contains(Key{"held"}) && monitor->size() == 0, "nothing is watched");
      child.check(!monitor->status(Key{"held"}) && !monitor->suspicion(Key{"held"}), "nothing is to be seen");
      child.check(monitor->sweep().empty(), "nothing is swept");
      child.check(monitor->shutdown(1h), "nothing to be waited for");
      monitor.reset();
    }));
  }

  BOOST_TEST(monitor->touch(Key{"held"}));
}

// What a transport or an executor still has in its hands: an answer, a turn, works. The program has both in the child
// too, if they run on its own thread.
BOOST_AUTO_TEST_CASE(answers_and_turns_in_the_child_do_nothing) {
  struct Keeps {
    std::vector<BeatCompletion>& answers;
    void async_beat(const Key&, const BeatContext&, BeatCompletion completion) {
      answers.push_back(std::move(completion));
    }
  };
  std::vector<BeatCompletion> answers;
  testing::ManualClock clock;
  testing::ManualExecutor executor{clock};
  using Registry = HeartbeatRegistry<Key, Keeps, testing::ManualClock, testing::ManualExecutor>;
  Registry registry{Keeps{answers}, clock, executor, nullptr, one_shard};
  const auto held = registry.start(Key{"held"}, {.interval = 1s, .ttl = 1h});
  const auto other = registry.start(Key{"other"}, {.interval = 1s, .ttl = 1h});
  executor.run_for(1s);
  BOOST_TEST_REQUIRE(answers.size() == 2u);
  {
    const Hold hold{registry};
    BOOST_TEST(in_child([&](const Child& child) {
      answers.front()(BeatResult::acknowledged());
      answers.clear();
      executor.run_for(10min);
      child.check(answers.empty(), "no beat is sent");
    }));
  }

  answers.front()(BeatResult::acknowledged());
  answers.back()(BeatResult::acknowledged());
  executor.run_for(2s);
  BOOST_TEST(held.valid());
  BOOST_TEST(other.valid());
  BOOST_TEST(answers.size() > 2u);
}

// An executor that the program made, and of which it has works of its own.
BOOST_AUTO_TEST_CASE(an_executor_in_the_child_has_stopped) {
  testing::Calling<Work> before, after;
  testing::Calling<Timer> timer, armed;
  Signal busy, leave;
  testing::Calling<Work> holds{[&] {
    busy.raise();
    static_cast<void>(leave.wait());
  }};
  std::optional<ThreadExecutor> executor{std::in_place};
  executor->wake_by(armed, BootClock::now() + 1h);
  executor->post(holds);
  BOOST_TEST_REQUIRE(busy.wait());

  BOOST_TEST(in_child([&](const Child& child) {
    executor->post(after);
    executor->post_blocking(before);
    child.check(after.dropped == 1 && before.dropped == 1, "works are dropped");
    child.check(executor->wake_by(timer, BootClock::now()) && timer.dropped == 1, "timers are dropped");
    child.check(!executor->cancel(armed), "nothing is armed");
    executor.reset();
    child.check(armed.dropped == 0, "what was armed is left alone");
  }));

  leave.raise();
  BOOST_TEST(executor->cancel(armed));
  Signal ran;
  testing::Calling<Work> last{[&] { ran.raise(); }};
  executor->post(last);
  BOOST_TEST(ran.wait());
}

#if !HEARTBEAT_TEST_ADDRESS_SANITIZED  // whose allocator would be locked in the child, by one of the busy threads
/// Calls functions over and over, each on a thread of its own, until it dies.
class Busy {
 public:
  explicit Busy(std::vector<std::function<void()>> all) {
    for (auto& fn : all)
      threads_.emplace_back([this, fn = std::move(fn)] {
        while (!stopping_)
          fn();
      });
  }
  ~Busy() {
    stopping_ = true;
    for (std::thread& thread : threads_)
      thread.join();
  }

 private:
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

// No user code runs under some of the locks, so that nobody can be kept there: but somebody may be there by chance.
BOOST_AUTO_TEST_CASE(whatever_others_were_doing_the_child_comes_back) {
  using Registry = HeartbeatRegistry<Key, Beats>;
  const auto registry = std::make_unique<Registry>(
      Beats{}, [](const Registry::EventType&) {}, one_shard);
  std::stop_source program;
  const auto group = std::make_unique<HeartbeatGroup<Registry>>(*registry, program.get_token());
  HeartbeatMonitor<Key> monitor{nullptr, MonitorOptions{.shards = 1}};
  ThreadExecutor executor;
  const auto handle = registry->start(Key{"always"}, quick);
  const Busy busy{{
      [&] {
        group->start(Key{"member"}, quick);
        group->stop();
      },
      [&] { static_cast<void>(group->failures()); },
      [&] {
        HeartbeatOptions<> options = quick;
        options.parent = program.get_token();
        const auto one = registry->start(Key{"one"}, options);
        static_cast<void>(one.stop_token());
      },
      [&] { static_cast<void>(registry->statistics()); },
      [&] {
        monitor.watch(Key{"client"}, 1h);
        monitor.forget(Key{"client"});
      },
      [&] {
        testing::Calling<Timer> timer;
        executor.wake_by(timer, BootClock::now() + 1h);
        executor.cancel(timer);
      },
  }};

  for (int round = 0; round < 30; ++round) {
    BOOST_TEST_REQUIRE(in_child([&](const Child& child) {
      child.check(!handle.valid() && registry->size() == 0 && registry->statistics().started == 0, "nothing");
      child.check(group->failures().empty() && !group->wait() && group->size() == 0, "an empty group");
      group->stop();
      std::destroy_at(group.get());
      child.check(monitor.sweep().empty() && monitor.size() == 0 && !monitor.touch(Key{"client"}), "nobody watched");
      testing::Calling<Timer> timer;
      child.check(!executor.cancel(timer), "nothing armed");
      std::destroy_at(&executor);
      std::destroy_at(&monitor);
      std::destroy_at(registry.get());
    }));
  }
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::fork_tests
