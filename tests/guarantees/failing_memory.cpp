// SPDX-License-Identifier: BSL-1.0
// The operator new of this executable: malloc, with a countdown for each thread. Its own tests first: a test that
// counts on a failing allocation must not pass because none failed. Read next: g13_all_or_nothing.cpp, which uses it.
#include "failing_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include <boost/test/unit_test.hpp>

namespace {

thread_local int allocations_left = 0;  // until the one that fails; 0: none does
thread_local bool has_one_failed = false;

bool may_allocate() noexcept {
  if (allocations_left == 0 || --allocations_left != 0) return true;
  has_one_failed = true;
  return false;
}

void* allocated(std::size_t size, std::size_t alignment) noexcept {
  if (!may_allocate()) return nullptr;
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocated_or_thrown(std::size_t size, std::size_t alignment) {
  void* const memory = allocated(size, alignment);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

}  // namespace

// Not inlined: the compiler takes a free() that it sees in a delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return allocated_or_thrown(size, 0);
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
  return allocated_or_thrown(size, 0);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t at) {
  return allocated_or_thrown(size, std::size_t(at));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t at) {
  return allocated_or_thrown(size, std::size_t(at));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size, 0);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size, 0);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace heartbeat::guarantees {

FailingMemory::FailingMemory(int n) noexcept {
  allocations_left = n;
  has_one_failed = false;
}
FailingMemory::~FailingMemory() {
  allocations_left = 0;
}
bool FailingMemory::has_failed() const noexcept {
  return has_one_failed;
}

}  // namespace heartbeat::guarantees

using heartbeat::guarantees::FailingMemory;

BOOST_AUTO_TEST_SUITE(failing_memory)

BOOST_AUTO_TEST_CASE(the_nth_allocation_fails_and_no_other) {
  bool failed[4] = {};
  {
    const FailingMemory memory{2};
    for (bool& one : failed) {
      try {
        const auto allocation = std::make_unique<std::size_t>(1);
        one = allocation == nullptr;
      } catch (const std::bad_alloc&) {
        one = true;
      }
    }
    BOOST_TEST(memory.has_failed());
  }

  BOOST_TEST(!failed[0]);
  BOOST_TEST(failed[1]);
  BOOST_TEST(!failed[2]);
  BOOST_TEST(!failed[3]);
}

BOOST_AUTO_TEST_CASE(another_threads_memory_does_not_fail) {
  bool has_failed = true;
  std::jthread other{[&] {
    auto first = std::make_unique<std::size_t>(1);
    has_failed = first == nullptr;
  }};
  {
    const FailingMemory memory{1};
    other.join();
    BOOST_TEST(!memory.has_failed());
  }

  BOOST_TEST(!has_failed);
}

BOOST_AUTO_TEST_SUITE_END()
