// SPDX-License-Identifier: BSL-1.0
// K6: one lease that the server did not know broke the stream that carried all the others. Here a batch that fails as a
// whole is retried in smaller ones, until the bad key is alone.
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

constexpr int poison = 3;

struct PoisonedBatch {
  void async_beat_batch(std::span<heartbeat::BeatRequest<int>> requests) {
    for (const auto& request : requests) {
      if (request.key == poison) throw std::runtime_error{"the stream is broken"};
    }
    for (auto& request : requests)
      request.completion(heartbeat::BeatResult::acknowledged());
  }
};

using PoisonRegistry = heartbeat::HeartbeatRegistry<int, PoisonedBatch, ManualClock, ManualExecutor>;

}  // namespace

BOOST_AUTO_TEST_SUITE(k06_one_unknown_lease_broke_the_stream)

// K6
BOOST_AUTO_TEST_CASE(k6_one_poisonous_key_ends_no_neighbour) {
  for (const int keys : {8, 100, 1000}) {
    ManualClock clock;
    ManualExecutor executor{clock, 1};
    PoisonRegistry registry{PoisonedBatch{}, clock, executor, {}, {.seed = 1, .shards = 1}};
    std::vector<PoisonRegistry::Handle> beats;
    for (int key = 0; key < keys; ++key) {
      beats.push_back(registry.start(key, {.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now}));
    }

    executor.run_for(2min);

    BOOST_TEST(why(beats[poison]) == "stalled");
    BOOST_TEST(registry.size() == static_cast<std::size_t>(keys - 1));
  }
}

BOOST_AUTO_TEST_SUITE_END()
