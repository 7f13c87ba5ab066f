// SPDX-License-Identifier: BSL-1.0
// G13: start either registers and beats or leaves everything as it was: out of memory at each of its allocations in
// turn, a key that runs already, options that break a rule, a key that throws.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "failing_memory.hpp"
#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

struct MoodyKey {
  int number;
  friend bool operator==(const MoodyKey&, const MoodyKey&) = default;
};

struct MoodyTransport {
  void async_beat(const MoodyKey&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

// Can be copied so often, one copy from another, and not moved.
struct FragileKey {
  FragileKey(int the_number, int the_copies) : number{the_number}, copies{the_copies} {}
  FragileKey(const FragileKey& other) : number{other.number}, copies{other.copies - 1} {
    if (copies < 0) throw std::runtime_error{"one copy too many"};
  }
  FragileKey& operator=(const FragileKey&) = default;
  friend bool operator==(const FragileKey& a, const FragileKey& b) { return a.number == b.number; }

  int number;
  int copies;
};

struct FragileTransport {
  void async_beat(const FragileKey&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

// Runs `fn` with its first allocation failing, then with its second one, and so on until none has failed; how many did.
// After each failure `check` is called, with memory enough.
template <class Fn, class Check>
int fail_each_allocation(Fn fn, Check check) {
  for (int failures = 0;; ++failures) {
    bool has_thrown = false;
    bool has_failed = false;
    {
      const FailingMemory memory{failures + 1};
      try {
        fn();
      } catch (const std::bad_alloc&) {
        has_thrown = true;
      }
      has_failed = memory.has_failed();
    }
    if (!has_thrown) return failures + (has_failed ? 1 : 0);
    check();
  }
}

}  // namespace

template <>
struct std::hash<MoodyKey> {
  std::size_t operator()(const MoodyKey& key) const {
    if (key.number < 0) throw std::runtime_error{"no hash today"};
    return static_cast<std::size_t>(key.number);
  }
};

template <>
struct std::hash<FragileKey> {
  std::size_t operator()(const FragileKey& key) const noexcept { return static_cast<std::size_t>(key.number); }
};

BOOST_AUTO_TEST_SUITE(g13_all_or_nothing)

BOOST_AUTO_TEST_CASE(g13_out_of_memory_at_any_allocation_leaves_everything_as_it_was) {
  World world;
  std::stop_source parent;
  int failures = 0;
  std::vector<Handle> running;
  running.reserve(300);  // the memory that is to fail is the library's

  for (int key = 0; key < 300; ++key) {  // the index, its chunks and the table of rules grow meanwhile
    Options options = without_close();
    if (key % 3 == 0) options.parent = parent.get_token();
    if (key % 5 == 0) options.progress_within = 1h;
    options.ttl = std::chrono::seconds{30 + key};
    failures += fail_each_allocation([&] { running.push_back(world.registry->start(key, options)); },
                                     [&] {
                                       BOOST_TEST(world.registry->size() == running.size());
                                       BOOST_TEST(!world.registry->contains(key));
                                     });
    BOOST_TEST(world.registry->contains(key));
  }

  BOOST_TEST(failures >= 300);
  BOOST_TEST(world.registry->statistics().started == 300U);
  world.executor.run_for(10s);
  for (const Handle& beat : running)
    BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_CASE(g13_out_of_memory_in_a_replacement_leaves_the_running_one) {
  int failures = 0;
  for (int key = 0; key < 20; ++key) {
    World world;
    const Handle first = world.registry->start(key, at_once());
    world.executor.run_for(1s);
    Options options = at_once();
    options.if_running = heartbeat::IfRunning::replace;
    options.interval = 4s;  // rules of its own
    options.progress_within = 1h;
    Handle second;

    failures += fail_each_allocation([&] { second = world.registry->start(key, options); },
                                     [&] {
                                       BOOST_TEST(why(first) == "running");
                                       BOOST_TEST(first.valid());
                                       BOOST_TEST(world.registry->size() == 1U);
                                     });

    BOOST_TEST(why(first) == "stopped");
    BOOST_TEST(why(second) == "running");
    world.executor.run_for(1s);
    BOOST_TEST(second.valid());
  }
  BOOST_TEST(failures >= 40);
}

BOOST_AUTO_TEST_CASE(g13_out_of_memory_in_a_reuse_leaves_the_running_one) {
  World world;
  const Handle first = world.registry->start(7, at_once());
  Options options = at_once();
  options.if_running = heartbeat::IfRunning::reuse;
  Handle same;

  const int failures = fail_each_allocation([&] { same = world.registry->start(7, options); },
                                            [&] { BOOST_TEST(why(first) == "running"); });

  BOOST_TEST(failures >= 1);
  BOOST_TEST(same.generation() == first.generation());
}

BOOST_AUTO_TEST_CASE(g13_a_key_that_runs_already_is_refused_reused_or_replaced) {
  World world;
  Options options = without_close();
  const Handle first = world.registry->start(7, options);

  BOOST_CHECK_THROW(static_cast<void>(world.registry->start(7, options)), std::system_error);
  BOOST_TEST(why(first) == "running");

  options.if_running = heartbeat::IfRunning::reuse;
  {
    const Handle same = world.registry->start(7, options);
    BOOST_TEST(same.generation() == first.generation());
    BOOST_TEST(!same.owns());
  }
  BOOST_TEST(why(first) == "running");

  options.if_running = heartbeat::IfRunning::replace;
  const Handle second = world.registry->start(7, options);
  BOOST_TEST(why(first) == "stopped");
  BOOST_TEST(why(second) == "running");
  BOOST_TEST(second.generation() != first.generation());
}

// What waits for the sink takes its memory when it comes. The heartbeat runs without it, and says so later: the only
// place that there is for events has not been lost with it.
BOOST_AUTO_TEST_CASE(g13_an_event_that_finds_no_memory_is_dropped_and_counted_and_the_start_is_not) {
  std::uint64_t dropped = 0;
  for (int n = 1; n < 100; ++n) {
    World world{{.event_capacity = 1, .seed = 1, .shards = 1}};
    std::optional<Handle> beat;
    bool has_failed = false;
    try {
      const FailingMemory memory{n};
      beat.emplace(world.registry->start(7, at_once()));
      has_failed = memory.has_failed();
    } catch (const std::bad_alloc&) {
      continue;
    }
    if (!has_failed) break;
    const std::uint64_t now_dropped = world.registry->statistics().events_dropped;
    dropped += now_dropped;
    world.executor.run_for(1s);

    BOOST_TEST(beat->valid());
    BOOST_TEST(world.log.count(heartbeat::EventKind::started) == 1U - now_dropped);
    BOOST_TEST(world.log.count(heartbeat::EventKind::acknowledged) == 1U);
  }

  BOOST_TEST(dropped == 2U);  // for want of the ring's table, and of its first chunk
}

// The end that a replacement makes once filled the backlog, and kept the replacement itself out.
BOOST_AUTO_TEST_CASE(g13_a_replacement_that_is_refused_leaves_the_running_one) {
  World world{{.event_capacity = 1, .seed = 1, .shards = 1}};
  const Handle first = world.registry->start(7, without_close());
  Options options = without_close();
  options.if_running = heartbeat::IfRunning::replace;
  std::error_code error;

  const Handle second = world.registry->start(7, options, error);
  BOOST_TEST(!error);
  BOOST_TEST(why(first) == "stopped");
  const Handle third = world.registry->start(7, options, error);

  BOOST_TEST(error == heartbeat::errc::event_backlog);
  BOOST_TEST(!third);
  BOOST_TEST(why(second) == "running");
  world.executor.run_for(1s);
  BOOST_TEST(second.valid());
}

BOOST_AUTO_TEST_CASE(g13_options_that_break_a_rule_register_nothing) {
  World world;
  std::error_code error;

  static_cast<void>(world.registry->start(7, {.interval = 0s}, error));

  BOOST_TEST(error == heartbeat::errc::interval_not_positive);
  BOOST_TEST(world.registry->size() == 0U);
  BOOST_TEST(world.executor.is_idle());
}

BOOST_AUTO_TEST_CASE(g13_a_key_whose_hash_throws_registers_nothing) {
  heartbeat::HeartbeatRegistry<MoodyKey, MoodyTransport> registry{MoodyTransport{}};

  BOOST_CHECK_THROW(static_cast<void>(registry.start(MoodyKey{-1})), std::runtime_error);
  BOOST_TEST(registry.size() == 0U);
  const auto beat = registry.start(MoodyKey{1});
  BOOST_CHECK_THROW(registry.stop(MoodyKey{-1}), std::runtime_error);

  BOOST_TEST(registry.size() == 1U);
}

BOOST_AUTO_TEST_CASE(g13_a_key_whose_copy_throws_registers_nothing) {
  heartbeat::HeartbeatRegistry<FragileKey, FragileTransport> registry{FragileTransport{}};
  const FragileKey whole{1, 1};  // can be copied into the call, and no further
  const FragileKey robust{2, 1'000};

  BOOST_CHECK_THROW(static_cast<void>(registry.start(whole)), std::runtime_error);
  BOOST_TEST(registry.size() == 0U);
  const auto beat = registry.start(robust);

  BOOST_TEST(registry.size() == 1U);
  BOOST_TEST(registry.statistics().started == 1U);
}

BOOST_AUTO_TEST_CASE(g13_a_start_after_a_failed_one_beats) {
  for (int n = 1; n <= 3; ++n) {
    World world;
    {
      const FailingMemory memory{n};
      std::error_code error;
      BOOST_CHECK_THROW(static_cast<void>(world.registry->start(7, at_once(), error)), std::bad_alloc);
    }
    BOOST_TEST(world.registry->statistics().started == 0U);
    BOOST_TEST(world.executor.is_idle());

    const Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(1s);

    BOOST_TEST(beat.valid());
  }
}

BOOST_AUTO_TEST_CASE(g13_a_group_that_runs_out_of_memory_has_no_half_member) {
  World world;
  heartbeat::HeartbeatGroup group{*world.registry};
  int failures = 0;
  for (int key = 0; key < 40; ++key) {
    for (bool has_failed = true; has_failed;) {
      static int n = 0;
      const FailingMemory memory{++n};
      try {
        group.start(key, at_once());
        has_failed = false;
        n = 0;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      BOOST_TEST(group.size() == static_cast<std::size_t>(key) + (has_failed ? 0 : 1));
      BOOST_TEST(world.registry->size() == group.size());
    }
  }

  BOOST_TEST(failures >= 40);
  group.stop();
  BOOST_TEST(world.registry->size() == 0U);
}

BOOST_AUTO_TEST_CASE(g13_a_registry_that_runs_out_of_memory_is_not_made_and_can_be_made_again) {
  ManualClock clock;
  ManualExecutor executor{clock};
  const ScriptedTransport<int> transport;
  const Log log;
  std::optional<Registry> registry;

  const int failures = fail_each_allocation(
      [&] { registry.emplace(transport, clock, executor, log, heartbeat::RegistryOptions{.seed = 1, .shards = 2}); },
      [&] { BOOST_TEST(!registry.has_value()); });

  BOOST_TEST(failures >= 20);
  const Handle beat = registry->start(7, at_once());
  executor.run_for(1s);
  BOOST_TEST(beat.valid());
}

BOOST_AUTO_TEST_CASE(g13_looking_without_memory_changes_nothing) {
  World world;
  std::vector<Handle> running;
  for (int key = 0; key < 100; ++key)
    running.push_back(world.registry->start(key, at_once()));
  world.executor.run_for(1s);
  const auto check = [&] { BOOST_TEST(world.registry->size() == 100U); };
  std::stop_token token;
  std::size_t seen = 0;

  int failures = fail_each_allocation([&] { token = running[7].stop_token(); }, check);
  failures += fail_each_allocation([&] { seen = world.registry->snapshot().size(); }, check);
  failures += fail_each_allocation([&] { static_cast<void>(world.registry->sweep()); }, check);

  BOOST_TEST(failures >= 6);
  BOOST_TEST(seen == 100U);
  running[7].stop();
  BOOST_TEST(token.stop_requested());
}

// What has stalled is in exactly one answer, however often the sweep has failed before.
BOOST_AUTO_TEST_CASE(g13_a_sweep_that_runs_out_of_memory_loses_nobody) {
  for (int n = 1; n <= 8; ++n) {
    World world{{.gap_threshold = 1000h, .seed = 1, .shards = 2}};
    std::vector<Handle> running;
    world.transport.otherwise().never();
    for (int key = 0; key < 600; ++key) {
      running.push_back(world.registry->start(key, without_close()));
    }
    world.clock.advance(28s);
    static_cast<void>(world.registry->sweep());  // so nobody was away
    world.clock.advance(2s);
    std::vector<int> swept;

    const auto sweep = [&](int failing) {
      const FailingMemory memory{failing};
      try {
        for (const int key : world.registry->sweep())
          swept.push_back(key);
      } catch (const std::bad_alloc&) {
      }
    };
    swept.reserve(600);
    sweep(n);
    const std::size_t first = swept.size();
    BOOST_TEST(world.registry->size() == 600U - first);
    sweep(0);

    std::sort(swept.begin(), swept.end());
    BOOST_TEST(swept.size() == 600U);
    BOOST_CHECK(std::adjacent_find(swept.begin(), swept.end()) == swept.end());
  }
}

// Without memory a beat cannot be sent, or its failure not be put into words; the heartbeat itself goes on.
BOOST_AUTO_TEST_CASE(g13_no_allocation_is_needed_to_end_and_to_go_on) {
  for (int n = 1; n <= 12; ++n) {
    World world;
    world.transport.on(7).acknowledge().then().fail().then().acknowledge();
    Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(1s);
    {
      const FailingMemory memory{n};
      try {
        world.executor.run_for(10s);
      } catch (const std::bad_alloc&) {  // the transport's or the log's own
      }
    }
    world.executor.run_for(10s);
    BOOST_TEST(beat.valid());

    const FailingMemory memory{1};
    beat.stop();

    BOOST_TEST(!memory.has_failed());  // it did not even try
    BOOST_TEST(why(beat) == "stopped");
  }
}

BOOST_AUTO_TEST_SUITE_END()
