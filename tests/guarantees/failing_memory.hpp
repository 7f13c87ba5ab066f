// SPDX-License-Identifier: BSL-1.0
// Memory that runs out on request: while a FailingMemory lives, the n-th allocation of its thread, and that one alone,
// throws std::bad_alloc. So a test can fail each allocation of a call, one after the other. And memory that nobody can
// reach once it was freed: while a FencedMemory lives, its thread's allocations have pages of their own, and whoever
// touches one after its delete is ended by a signal, in any build. So a test sees it that runs without a sanitizer.
// Read next: failing_memory.cpp, which replaces operator new for this executable.
#pragma once

#include <cstdint>

namespace heartbeat::guarantees {

/// Threading: of the thread that made it. One at a time for each thread.
class FailingMemory {
 public:
  /// Fails the `n`-th allocation from now on; 0: none.
  explicit FailingMemory(int n) noexcept;
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
  ~FailingMemory();

  /// True if the one that was to fail has failed.
  [[nodiscard]] bool has_failed() const noexcept;
};

/// Not in a build with a sanitizer, which sees more. Threading: as above; freed may be on any thread, and later.
class FencedMemory {
 public:
  FencedMemory() noexcept;
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;
  ~FencedMemory();
};

/// True if a byte there can be read.
[[nodiscard]] bool is_reachable(std::uintptr_t address) noexcept;

}  // namespace heartbeat::guarantees
