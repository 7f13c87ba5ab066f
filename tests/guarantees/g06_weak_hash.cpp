// SPDX-License-Identifier: BSL-1.0
// G3 and G6 where all keys hash alike, which is legal and only slow: the index has one long bucket then, and whoever
// goes through it a slice at a time must come back for the rest. None is left running or closing, none is told twice,
// and nothing that was freed is found again.
// Read next: g06_nothing_runs_after_shutdown.cpp, the same with good hashes.
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor.hpp>
#include <heartbeat/per_client.hpp>

#include "world.hpp"

namespace {

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

struct AlikeKey {
  int id;

  friend bool operator==(const AlikeKey&, const AlikeKey&) = default;
  friend auto operator<=>(const AlikeKey&, const AlikeKey&) = default;
};

}  // namespace

template <>
struct std::hash<AlikeKey> {
  std::size_t operator()(const AlikeKey&) const noexcept { return 7; }
};

namespace {

// More than two slices of what one hold of a lock may touch.
constexpr int many = 600;

using Alike = HeartbeatRegistry<AlikeKey, ScriptedTransport<AlikeKey>, ManualClock, ManualExecutor>;

struct AlikeWorld {
  // Starts them all, each with its first beat acknowledged.
  explicit AlikeWorld(OnEnd when_ended = OnEnd::leave) {
    Alike::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
    options.when_ended = when_ended;
    for (int id = 0; id < many; ++id)
      handles.push_back(registry->start({id}, options));
    executor.run_for(1s);
  }

  // Each has said its one last word.
  [[nodiscard]] bool all_told() const {
    std::set<AlikeKey> keys;
    const auto ends = log.of_kind(EventKind::ended);
    for (const auto& event : ends)
      keys.insert(event.key);
    return ends.size() == many && keys.size() == many;
  }
  [[nodiscard]] int count_ended(std::string_view reason) const {
    int count = 0;
    for (const auto& handle : handles)
      count += why(handle) == reason ? 1 : 0;
    return count;
  }
  [[nodiscard]] int count_found() const {
    int count = 0;
    for (int id = 0; id < many; ++id)
      count += registry->contains({id}) ? 1 : 0;
    return count;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<AlikeKey> transport{executor};
  EventLog<AlikeKey, ManualClock> log;
  std::optional<Alike> registry{std::in_place, transport, clock,
                                executor,      log,       RegistryOptions{.seed = 1, .shards = 1}};
  std::vector<Alike::Handle> handles;
};

BOOST_AUTO_TEST_SUITE(g06_weak_hash)

BOOST_AUTO_TEST_CASE(stop_all_ends_all_of_one_hash) {
  AlikeWorld world;
  BOOST_TEST(world.count_found() == many);

  BOOST_TEST(world.registry->stop_all() == many);

  BOOST_TEST(world.count_ended("stopped") == many);
  BOOST_TEST(world.count_found() == 0);
  BOOST_TEST(world.registry->size() == 0U);
  world.executor.run_ready();
  BOOST_TEST(world.all_told());
}

BOOST_AUTO_TEST_CASE(shutdown_ends_all_of_one_hash) {
  AlikeWorld world;

  BOOST_TEST(world.registry->shutdown());

  BOOST_TEST(world.count_ended("shut_down") == many);
  BOOST_TEST(world.count_found() == 0);
  BOOST_TEST(world.all_told());
}

BOOST_AUTO_TEST_CASE(the_destructor_ends_all_of_one_hash) {
  AlikeWorld world;

  world.registry.reset();

  BOOST_TEST(world.count_ended("shut_down") == many);
  BOOST_TEST(world.all_told());
}

// A record stays in the index while its close is under way. What shutdown gives up leaves it before it is freed, so
// that nobody who looks for a key afterwards comes across it.
BOOST_AUTO_TEST_CASE(closes_that_hang_are_all_given_up_by_shutdown_and_found_by_nobody_afterwards) {
  AlikeWorld world{OnEnd::close};
  world.transport.otherwise_on_close().held();
  for (auto& handle : world.handles)
    BOOST_TEST(handle.stop());
  world.executor.run_ready();
  BOOST_TEST_REQUIRE(world.transport.closes().size() == many);
  world.handles.clear();  // nobody but the index has them

  BOOST_TEST(world.registry->shutdown());

  BOOST_TEST(world.registry->statistics().closes_failed == many);
  BOOST_TEST(world.count_found() == 0);
  BOOST_TEST(world.all_told());
  for (int id = 0; id < many; ++id)
    world.transport.answer_close({id});  // late
  BOOST_TEST(world.count_found() == 0);
}

BOOST_AUTO_TEST_CASE(shutdown_with_grace_closes_all_of_one_hash) {
  AlikeWorld world{OnEnd::close};

  BOOST_TEST(world.registry->shutdown(10s));

  BOOST_TEST(world.transport.closes().size() == many);
  BOOST_TEST(world.registry->statistics().closes_done == many);
  BOOST_TEST(world.all_told());
}

BOOST_AUTO_TEST_CASE(whoever_looks_at_all_of_one_hash_meets_each_once) {
  AlikeWorld world;

  std::multiset<AlikeKey> met;
  world.registry->for_each([&](const Alike::Status& status) { met.insert(status.key); });

  BOOST_TEST(met.size() == many);
  BOOST_TEST((std::set<AlikeKey>{met.begin(), met.end()}.size() == many));
}

BOOST_AUTO_TEST_CASE(a_client_takes_all_its_keys_of_one_hash_along) {
  struct OneClient {
    int operator()(const AlikeKey&) const { return 1; }
  };
  for (const bool by_shutdown : {false, true}) {
    ManualClock clock;
    ManualExecutor executor{clock};
    ScriptedTransport<int> transport{executor};
    EventLog<AlikeKey, ManualClock> log;
    PerClient<AlikeKey, ScriptedTransport<int>, OneClient, ManualClock, ManualExecutor> keys{
        transport, OneClient{}, clock, executor, log, RegistryOptions{.seed = 1, .shards = 1}};
    for (int id = 0; id < many; ++id)
      keys.start({id}, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now}).detach();
    transport.on(1).gone();

    if (by_shutdown) {
      BOOST_TEST(keys.shutdown());
    } else {
      executor.run_for(1s);
    }

    BOOST_TEST(keys.size() == 0U);
    BOOST_TEST(log.count(EventKind::ended) == many);
  }
}

BOOST_AUTO_TEST_CASE(a_monitor_reports_all_of_one_hash_and_forgets_all_at_its_end) {
  ManualClock clock;
  ManualExecutor executor{clock};
  std::multiset<AlikeKey> told;
  using AlikeMonitor = HeartbeatMonitor<AlikeKey, ManualClock, ManualExecutor>;
  AlikeMonitor monitor{clock, executor, [&](const AlikeMonitor::ExpiryType& expiry) { told.insert(expiry.key); }};
  for (int id = 0; id < many; ++id) {
    monitor.watch({id}, {.ttl = 10s});
    monitor.watch({many + id}, {.ttl = 1h});
  }

  executor.run_for(1min);

  BOOST_TEST(told.size() == many);
  BOOST_TEST((std::set<AlikeKey>{told.begin(), told.end()}.size() == many));
  BOOST_TEST(monitor.statistics().watching == many);
  BOOST_TEST(monitor.shutdown());
  BOOST_TEST(monitor.statistics().watching == 0U);
  BOOST_TEST(monitor.statistics().forgotten == many);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
