// SPDX-License-Identifier: BSL-1.0
//
// The pool of chunks: what it reserves is enough for the worst that wheels can do with it, growing is cheap, and
// running out of memory changes nothing. This file replaces the aligned operator new[] of its executable to make it
// fail; only chunks are allocated through it. Read next: wheel_level.cpp.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/timing_wheel.hpp>
#include <heartbeat/detail/timing/wheel_chunks.hpp>

namespace {

std::size_t slab_count = 0;
bool slabs_fail = false;

}  // namespace

void* operator new[](std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  void* const memory = slabs_fail ? nullptr : std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (memory == nullptr) throw std::bad_alloc();
  ++slab_count;
  return memory;
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

using namespace heartbeat::detail;

/// Files hooks so that they need as many chunks as they can: one in each slot that a wheel standing at 0 can reach,
/// then 14 more in each.
class WorstCase {
 public:
  explicit WorstCase(std::size_t hooks) : hooks_(hooks) {
    for (Tick due = 0; due < 2048; ++due)
      dues_.push_back(due);
    for (Tick slot = 2; slot < 2048; ++slot)
      dues_.push_back(slot << 10);
    for (Tick slot = 2; slot < 512; ++slot)
      dues_.push_back(slot << 20);
    for (Tick slot = 2; slot < 512; ++slot)
      dues_.push_back(slot << 28);
  }

  [[nodiscard]] std::size_t slots() const { return dues_.size(); }

  void file(TimingWheel& first, TimingWheel& second, const WheelChunkPool& pool) {
    std::size_t filed = 0;
    for (WheelHook& hook : hooks_) {
      const std::size_t round = filed / (2 * slots());
      const std::size_t place = round == 0 ? filed : (filed - 2 * slots()) / 14;
      (place % 2 == 0 ? first : second).insert(hook, dues_[place / 2 % slots()]);
      ++filed;
      BOOST_REQUIRE(pool.in_use() <= WheelChunkPool::chunks_needed(filed, 2 * slots()));
    }
  }

 private:
  std::vector<WheelHook> hooks_;
  std::vector<Tick> dues_;
};

BOOST_AUTO_TEST_SUITE(wheel_chunks)

BOOST_AUTO_TEST_CASE(a_hook_costs_16_bytes_and_a_chunk_two_cache_lines) {
  BOOST_TEST(sizeof(WheelHook) == 16u);
  BOOST_TEST(sizeof(WheelChunk) == 128u);
  BOOST_TEST(!WheelHook{}.is_linked());
}

BOOST_AUTO_TEST_CASE(the_bound_is_a_chunk_for_each_slot_and_one_for_every_14_hooks_more) {
  BOOST_TEST(WheelChunkPool::chunks_needed(0, 100) == 0u);
  BOOST_TEST(WheelChunkPool::chunks_needed(1, 100) == 1u);
  BOOST_TEST(WheelChunkPool::chunks_needed(100, 100) == 100u);
  BOOST_TEST(WheelChunkPool::chunks_needed(113, 100) == 100u);
  BOOST_TEST(WheelChunkPool::chunks_needed(114, 100) == 101u);
  BOOST_TEST(WheelChunkPool::chunks_needed(128, 100) == 102u);
}

BOOST_AUTO_TEST_CASE(what_is_reserved_suffices_for_the_worst_that_two_wheels_can_do) {
  for (const std::size_t hooks : {1u, 14u, 15u, 1000u, 5114u, 10228u, 10242u, 10243u, 60000u, 160000u}) {
    BOOST_TEST_CONTEXT(hooks << " hooks") {
      WheelChunkPool pool;
      TimingWheel first(pool, 0);
      TimingWheel second(pool, 0);
      WorstCase worst(hooks);
      pool.reserve(hooks);

      worst.file(first, second, pool);

      BOOST_TEST(first.size() + second.size() == hooks);
      BOOST_TEST(pool.in_use() == WheelChunkPool::chunks_needed(hooks, 2 * worst.slots()));
      BOOST_TEST(pool.in_use() <= pool.capacity());
    }
  }
}

BOOST_AUTO_TEST_CASE(emptied_chunks_are_used_again) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, 0);
  std::vector<WheelHook> hooks(100);
  pool.reserve(hooks.size());
  const std::size_t capacity = pool.capacity();

  for (Tick round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < hooks.size(); ++i)
      wheel.insert(hooks[i], round * 37 + static_cast<Tick>(i) * 17);
    for (WheelHook& hook : hooks)
      wheel.erase(hook);
    BOOST_TEST(pool.in_use() == 0u);
  }

  BOOST_TEST(pool.capacity() == capacity);
}

BOOST_AUTO_TEST_CASE(no_two_chunks_in_use_are_the_same) {
  WheelChunkPool pool;
  pool.add_slots(5000);
  pool.reserve(1000);
  pool.reserve(3000);
  std::set<WheelChunk*> taken;

  for (std::size_t i = 0; i < 3000; ++i)
    taken.insert(pool.take());

  BOOST_TEST(taken.size() == 3000u);
  BOOST_TEST(pool.in_use() == 3000u);
  WheelChunk* const any = *taken.begin();
  pool.give_back(any);
  BOOST_TEST(pool.take() == any);
}

BOOST_AUTO_TEST_CASE(reserving_one_more_each_time_allocates_rarely) {
  WheelChunkPool pool;
  pool.add_slots(10240);
  slab_count = 0;

  for (std::size_t hooks = 1; hooks <= 100'000; ++hooks)
    pool.reserve(hooks);

  const std::size_t needed = WheelChunkPool::chunks_needed(100'000, 10240);
  BOOST_TEST(pool.capacity() >= needed);
  BOOST_TEST(pool.capacity() <= needed + 512);
  BOOST_TEST(slab_count <= needed / 512 + 40);
}

BOOST_AUTO_TEST_CASE(reserving_less_than_is_reserved_changes_nothing) {
  WheelChunkPool pool;
  pool.add_slots(64);
  pool.reserve(1000);
  const std::size_t capacity = pool.capacity();

  pool.reserve(10);

  BOOST_TEST(pool.reserved() == 1000u);
  BOOST_TEST(pool.capacity() == capacity);
}

BOOST_AUTO_TEST_CASE(a_wheel_that_comes_later_gets_its_room_too) {
  WheelChunkPool pool;
  pool.add_slots(100);
  pool.reserve(10'000);

  pool.add_slots(500);

  BOOST_TEST(pool.capacity() >= WheelChunkPool::chunks_needed(10'000, 600));
}

BOOST_AUTO_TEST_CASE(out_of_memory_changes_nothing) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, 0);
  pool.reserve(100);
  const std::size_t capacity = pool.capacity();

  slabs_fail = true;
  BOOST_CHECK_THROW(pool.reserve(capacity + 1), std::bad_alloc);
  BOOST_CHECK_THROW(pool.reserve(1'000'000), std::bad_alloc);
  slabs_fail = false;

  BOOST_TEST(pool.reserved() == 100u);
  BOOST_TEST(pool.capacity() == capacity);
  pool.reserve(1000);
  std::vector<WheelHook> hooks(1000);
  for (std::size_t i = 0; i < hooks.size(); ++i)
    wheel.insert(hooks[i], static_cast<Tick>(i));
  BOOST_TEST(pool.in_use() == 1000u);
}

BOOST_AUTO_TEST_CASE(a_wheel_that_cannot_have_its_room_leaves_the_pool_as_it_was) {
  WheelChunkPool pool;
  pool.add_slots(64);
  pool.reserve(10'000);
  const std::size_t capacity = pool.capacity();

  slabs_fail = true;
  BOOST_CHECK_THROW(TimingWheel(pool, 0), std::bad_alloc);
  slabs_fail = false;
  pool.reserve(10'014);

  BOOST_TEST(capacity < WheelChunkPool::chunks_needed(10'000, 64 + 5120));
  BOOST_TEST(pool.capacity() < WheelChunkPool::chunks_needed(10'000, 64 + 5120));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
