// SPDX-License-Identifier: BSL-1.0
// K16: after a restart all heartbeats had the same phase, and hit the server together for ever. Here those started
// together are spread over their interval, and those that failed together come back apart.
#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

// The most calls of any slice of time of that length.
template <class Calls>
std::size_t most_in_a_slice(const Calls& calls, std::chrono::milliseconds length) {
  std::map<std::int64_t, std::size_t> slices;
  std::size_t most = 0;
  for (const auto& call : calls)
    most = std::max(most, ++slices[call.at.time_since_epoch() / length]);
  return most;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(k16_all_had_the_same_phase)

// K16
BOOST_AUTO_TEST_CASE(k16_heartbeats_started_together_are_spread_over_their_interval) {
  World world;
  std::vector<Handle> beats;
  for (int key = 0; key < 1000; ++key)
    beats.push_back(world.registry->start(key, {.interval = 5s, .ttl = 30s}));

  world.executor.run_for(5s);

  BOOST_TEST(most_in_a_slice(world.transport.beats(), 100ms) < 60U);  // 20 on average
}

BOOST_AUTO_TEST_CASE(k16_heartbeats_that_failed_together_come_back_apart) {
  World world;
  for (int key = 0; key < 1000; ++key)
    world.transport.on(key).fail();
  std::vector<Handle> beats;
  Options options = at_once();
  options.backoff.initial = 2s;
  for (int key = 0; key < 1000; ++key)
    beats.push_back(world.registry->start(key, options));
  world.executor.run_ready();
  auto before = world.transport.beats().size();

  world.executor.run_for(3s);

  auto retries = world.transport.beats();
  retries.erase(retries.begin(), retries.begin() + static_cast<std::ptrdiff_t>(before));
  BOOST_TEST(retries.size() >= 1000U);
  BOOST_TEST(most_in_a_slice(retries, 100ms) < 150U);  // 100 in the first, where the floor gathers them; 50 elsewhere
}

BOOST_AUTO_TEST_SUITE_END()
