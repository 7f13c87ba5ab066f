// SPDX-License-Identifier: BSL-1.0
// The memory of handlers under way; and the operator new of this program, which counts and can fail. Read next:
// executor.cpp, which checks that nothing is allocated.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio_storage.hpp>

#include "context.hpp"

namespace {

std::atomic<std::size_t> count{0};
thread_local bool has_no_memory = false;

}  // namespace

// Not inlined: the compiler takes a free() that it sees in a delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++count;
  void* const memory = has_no_memory ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  return has_no_memory ? nullptr : std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace heartbeat::asio_tests {

std::size_t allocations() noexcept {
  return count;
}
NoMemory::NoMemory() noexcept {
  has_no_memory = true;
}
NoMemory::~NoMemory() {
  has_no_memory = false;
}

}  // namespace heartbeat::asio_tests

namespace {

using heartbeat::asio_tests::allocations;
using heartbeat::detail::AsioStorage;
using heartbeat::detail::AsioStorageAllocator;

BOOST_AUTO_TEST_SUITE(storage)

BOOST_AUTO_TEST_CASE(two_blocks_are_there_and_a_third_is_allocated) {
  AsioStorage memory;
  const std::size_t before = allocations();

  void* const first = memory.take(100);
  void* const second = memory.take(100);
  const std::size_t after_two = allocations();
  void* const third = memory.take(100);
  const std::size_t after_three = allocations();

  BOOST_TEST(after_two == before);
  BOOST_TEST(after_three == before + 1);
  BOOST_TEST((first != second && second != third && first != third));
  memory.give_back(third);
  memory.give_back(first);
  BOOST_TEST(memory.take(1) == first);
  memory.give_back(first);
  memory.give_back(second);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_allocated) {
  AsioStorage memory;
  const std::size_t before = allocations();

  void* const large = memory.take(10'000);
  const std::size_t after = allocations();

  BOOST_TEST(after == before + 1);
  memory.give_back(large);
}

BOOST_AUTO_TEST_CASE(an_allocator_keeps_its_storage) {
  auto memory = std::make_shared<AsioStorage>();
  const std::weak_ptr<AsioStorage> alive = memory;
  {
    AsioStorageAllocator<int> allocator{std::move(memory)};
    const AsioStorageAllocator<long> same{allocator};
    int* const number = allocator.allocate(1);

    BOOST_TEST((same == allocator));
    BOOST_TEST(!alive.expired());
    allocator.deallocate(number, 1);
  }
  BOOST_TEST(alive.expired());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
