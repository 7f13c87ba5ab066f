// SPDX-License-Identifier: BSL-1.0
// G13: start either registers and beats or leaves everything as it was: out of memory at each of its allocations in
// turn, a key that runs already, options that break a rule, a key that throws.
#include <cstddef>
#include <functional>
#include <new>
#include <stdexcept>
#include <system_error>

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

}  // namespace

template <>
struct std::hash<MoodyKey> {
  std::size_t operator()(const MoodyKey& key) const {
    if (key.number < 0) throw std::runtime_error{"no hash today"};
    return static_cast<std::size_t>(key.number);
  }
};

BOOST_AUTO_TEST_SUITE(g13_all_or_nothing)

BOOST_AUTO_TEST_CASE(g13_out_of_memory_at_any_allocation_leaves_everything_as_it_was) {
  World world;
  std::stop_source parent;
  Options options = without_close();
  options.parent = parent.get_token();
  options.progress_within = 1h;
  int failures = 0;

  for (int key = 0; key < 64; ++key) {
    for (int n = 1;; ++n) {
      const std::size_t before = world.registry->size();
      bool has_failed = false;
      try {
        const FailingMemory memory{n};
        const Handle beat = world.registry->start(key, options);
        has_failed = memory.has_failed();
      } catch (const std::bad_alloc&) {
        has_failed = true;
        ++failures;
      }
      BOOST_TEST(world.registry->size() == before);  // a handle has died meanwhile
      BOOST_TEST(!world.registry->contains(key));
      if (!has_failed) break;
    }
  }

  world.executor.run_for(10s);
  const heartbeat::Statistics sums = world.registry->statistics();
  BOOST_TEST(failures >= 64);
  BOOST_TEST(sums.started >= 64U);
  BOOST_TEST(sums.ended_for(heartbeat::EndReason::stopped) == sums.started);
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
