// SPDX-License-Identifier: BSL-1.0
// The operator new of this executable: malloc, with a countdown for each thread, or pages behind a fence. Its own tests
// first: a test that counts on a failing allocation must not pass because none failed. Read next:
// g13_all_or_nothing.cpp, which uses it.
#include "failing_memory.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "../sanitized.hpp"

namespace {

// Addresses that are given out once: what was freed stays unreachable to the end of the program.
class Fence {
 public:
  // Null if there is no room left, or it wants more than a page is aligned to.
  void* allocate(std::size_t size, std::size_t alignment) noexcept {
    const std::size_t pages = (size + page - 1) / page;
    const std::size_t first = next_.fetch_add(pages);
    if (region_ == nullptr || first + pages > most_pages || alignment > page) return nullptr;
    void* const memory = region_ + first * page;
    if (mprotect(memory, pages * page, PROT_READ | PROT_WRITE) != 0) return nullptr;
    pages_[first] = pages;
    return memory;
  }

  // False if it is not from here.
  bool free(void* memory) noexcept {
    const auto at = static_cast<std::byte*>(memory) - region_;
    if (region_ == nullptr || at < 0 || at >= static_cast<std::ptrdiff_t>(most_pages * page)) return false;
    const std::size_t size = pages_[static_cast<std::size_t>(at) / page] * page;
    mprotect(memory, size, PROT_NONE);
    madvise(memory, size, MADV_DONTNEED);
    return true;
  }

 private:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t most_pages = 65'536;

  static std::byte* reserved() noexcept {
    void* const region =
        mmap(nullptr, most_pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return region == MAP_FAILED ? nullptr : static_cast<std::byte*>(region);
  }

  std::byte* const region_ = reserved();
  std::atomic<std::size_t> next_{0};
  std::array<std::size_t, most_pages> pages_{};  // of the block that begins there; whoever frees it was handed it
};

// Made before the first allocation asks for it, and never destroyed.
Fence& fence() noexcept {
  alignas(Fence) static std::byte room[sizeof(Fence)];
  static Fence* const made = ::new (static_cast<void*>(room)) Fence;
  return *made;
}

std::atomic<bool> is_fence_made{false};  // so that a delete asks for no fence that there is not
thread_local int fences = 0;             // that live

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
  if (fences != 0) {
    if (void* const memory = fence().allocate(size, alignment); memory != nullptr) return memory;
  }
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void freed(void* memory) noexcept {
  if (is_fence_made.load() && fence().free(memory)) return;
  std::free(memory);
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
  freed(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  freed(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  freed(memory);
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

FencedMemory::FencedMemory() noexcept {
  if (HEARTBEAT_TEST_SANITIZED) return;
  static_cast<void>(fence());
  is_fence_made = true;
  ++fences;
}
FencedMemory::~FencedMemory() {
  if (!HEARTBEAT_TEST_SANITIZED) --fences;
}

bool is_reachable(std::uintptr_t address) noexcept {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const bool was_read =
      write(ends[1], reinterpret_cast<const void*>(address), 1) == 1;  // the kernel says so, and sends no signal
  close(ends[0]);
  close(ends[1]);
  return was_read;
}

}  // namespace heartbeat::guarantees

using heartbeat::guarantees::FailingMemory;
using heartbeat::guarantees::FencedMemory;
using heartbeat::guarantees::is_reachable;

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

BOOST_AUTO_TEST_CASE(freed_behind_a_fence_it_can_be_reached_no_more) {
  if (HEARTBEAT_TEST_SANITIZED) return;
  auto outside = std::make_unique<std::size_t>(1);
  const auto of_outside = reinterpret_cast<std::uintptr_t>(outside.get());
  std::uintptr_t of_inside = 0;
  bool was_reachable = false;
  {
    const FencedMemory fenced;
    const auto inside = std::make_unique<std::array<char, 10'000>>();
    of_inside = reinterpret_cast<std::uintptr_t>(&inside->back());
    was_reachable = is_reachable(of_inside);
    outside.reset();
  }

  BOOST_TEST(was_reachable);
  BOOST_TEST(!is_reachable(of_inside));
  BOOST_TEST(is_reachable(of_outside), "it has no page of its own");
}

BOOST_AUTO_TEST_SUITE_END()
