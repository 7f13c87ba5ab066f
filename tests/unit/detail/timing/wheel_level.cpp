// SPDX-License-Identifier: BSL-1.0
//
// One level of the wheel alone: the search for the next occupied slot against the simplest search there is, and slots
// that stay whole whatever is taken out of their middle.
// Read next: timing_wheel.cpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/wheel_level.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(wheel_level)

using namespace heartbeat::detail;

std::size_t naive_distance(const WheelLevel& level, std::size_t from) {
  for (std::size_t distance = 0; distance < level.slots(); ++distance) {
    if (level.is_occupied((from + distance) % level.slots())) return distance;
  }
  return WheelLevel::no_slot;
}

BOOST_AUTO_TEST_CASE(an_empty_level_has_no_next_slot) {
  const WheelLevel level(0, 512);

  for (std::size_t from = 0; from < 512; ++from)
    BOOST_TEST(level.distance_from(from) == WheelLevel::no_slot);
}

BOOST_AUTO_TEST_CASE(the_only_occupied_slot_is_found_from_everywhere) {
  for (const std::size_t slots : {64u, 128u, 512u, 2048u, 4096u}) {
    WheelChunkPool pool;
    pool.add_slots(slots);
    pool.reserve(1);
    WheelLevel level(0, slots);
    WheelHook hook;
    for (const std::size_t slot : {std::size_t{0}, std::size_t{1}, std::size_t{63}, slots / 2, slots - 1}) {
      level.push(slot, hook, pool);

      for (std::size_t from = 0; from < slots; ++from) {
        BOOST_REQUIRE_EQUAL(level.distance_from(from), (slot + slots - from) % slots);
      }

      level.remove(hook, pool);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_next_occupied_slot_is_found_however_the_ring_is_filled) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random(seed);
      const std::size_t slots = std::size_t{64} << random() % 7;
      WheelChunkPool pool;
      pool.add_slots(slots);
      std::vector<WheelHook> hooks(1 + random() % slots);
      pool.reserve(hooks.size());
      WheelLevel level(0, slots);

      for (WheelHook& hook : hooks)
        level.push(random() % slots, hook, pool);
      for (WheelHook& hook : hooks) {
        const std::size_t from = random() % slots;
        BOOST_REQUIRE_EQUAL(level.distance_from(from), naive_distance(level, from));
        level.remove(hook, pool);
      }

      BOOST_TEST(level.distance_from(0) == WheelLevel::no_slot);
      BOOST_TEST(pool.in_use() == 0u);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_position_past_the_end_of_the_ring_wraps_around) {
  const WheelLevel level(0, 512);

  BOOST_TEST(level.wrap(511) == 511u);
  BOOST_TEST(level.wrap(512) == 0u);
  BOOST_TEST(level.wrap((std::uint64_t{1} << 53) + 5) == 5u);
}

BOOST_AUTO_TEST_CASE(a_chunk_knows_its_slot_and_its_level) {
  WheelChunkPool pool;
  pool.add_slots(64);
  pool.reserve(1);
  WheelLevel level(3, 64);
  WheelHook hook;

  level.push(17, hook, pool);

  BOOST_TEST(hook.chunk->slot == 17u);
  BOOST_TEST(hook.chunk->level == 3u);
  BOOST_TEST(&level.pop(17, pool) == &hook);
  BOOST_TEST(!hook.is_linked());
}

BOOST_AUTO_TEST_CASE(only_the_first_chunk_of_a_slot_is_partly_filled_whatever_is_taken_out) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random(seed);
      WheelChunkPool pool;
      pool.add_slots(64);
      std::vector<WheelHook> hooks(200);
      pool.reserve(hooks.size());
      WheelLevel level(0, 64);
      std::map<std::size_t, std::set<WheelHook*>> filed;

      for (int step = 0; step < 3000; ++step) {
        WheelHook& hook = hooks[random() % hooks.size()];
        const std::size_t slot = random() % 3 * 31;
        if (!hook.is_linked()) {
          level.push(slot, hook, pool);
          filed[slot].insert(&hook);
        } else if (random() % 2 == 0 && !filed[slot].empty()) {
          BOOST_REQUIRE_EQUAL(filed[slot].erase(&level.pop(slot, pool)), 1u);
        } else {
          filed[hook.chunk->slot].erase(&hook);
          level.remove(hook, pool);
          BOOST_REQUIRE(!hook.is_linked());
        }
        std::size_t chunks = 0;
        for (const auto& [at, those] : filed) {
          chunks += (those.size() + hooks_per_chunk - 1) / hooks_per_chunk;
          BOOST_REQUIRE_EQUAL(level.is_occupied(at), !those.empty());
          BOOST_REQUIRE(std::all_of(those.begin(), those.end(), [at](WheelHook* h) { return h->chunk->slot == at; }));
        }
        BOOST_REQUIRE_EQUAL(pool.in_use(), chunks);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
