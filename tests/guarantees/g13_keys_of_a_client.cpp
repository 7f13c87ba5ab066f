// SPDX-License-Identifier: BSL-1.0
// G13 for keys that share a client's heartbeat: whichever allocation of a start fails, no key is left, and no client
// that beats for nobody.
#include <new>
#include <optional>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client.hpp>

#include "failing_memory.hpp"
#include "world.hpp"

namespace {

using namespace heartbeat::guarantees;  // NOLINT

struct EvenOrOdd {
  int operator()(const int& key) const { return key % 2; }
};

struct Shared {
  using Keys = heartbeat::PerClient<int, ScriptedTransport<int>, EvenOrOdd, ManualClock, ManualExecutor>;

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  Log log;
  Keys keys{transport, EvenOrOdd{}, clock, executor, log, {.seed = 1, .shards = 1}};
};

// Starts `key` with the n-th allocation failing; no value if it failed.
std::optional<Shared::Keys::Handle> start_short_of_memory(Shared& world, int key, int n) {
  std::stop_source parent;
  Shared::Keys::Options options{.parent = parent.get_token()};
  const FailingMemory memory{n};
  try {
    return world.keys.start(key, std::move(options));
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

BOOST_AUTO_TEST_SUITE(g13_keys_of_a_client)

BOOST_AUTO_TEST_CASE(a_first_key_without_memory_leaves_neither_key_nor_client) {
  int failed = 0;
  for (bool is_started = false; !is_started; ++failed) {
    Shared world;
    const auto handle = start_short_of_memory(world, 1, failed + 1);
    is_started = handle.has_value();

    BOOST_TEST(world.keys.size() == (is_started ? 1u : 0u));
    BOOST_TEST(world.keys.clients() == (is_started ? 1u : 0u));
    world.executor.run_for(1h);
    BOOST_TEST(world.log.all().empty() == !is_started);
    BOOST_REQUIRE(failed < 100);
  }
  BOOST_TEST(failed > 5);  // the failures that were looked at, and the start that needed no more
}

BOOST_AUTO_TEST_CASE(a_key_that_joins_without_memory_changes_nothing) {
  int failed = 0;
  for (bool is_started = false; !is_started; ++failed) {
    Shared world;
    const auto first = world.keys.start(1);
    const auto handle = start_short_of_memory(world, 3, failed + 1);
    is_started = handle.has_value();

    BOOST_TEST(world.keys.size() == (is_started ? 2u : 1u));
    world.executor.run_for(1h);
    BOOST_TEST(world.keys.clients() == 1u);
    BOOST_TEST(first.valid());
    BOOST_REQUIRE(failed < 100);
  }
  BOOST_TEST(failed > 5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
