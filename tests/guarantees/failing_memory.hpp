// SPDX-License-Identifier: BSL-1.0
// Memory that runs out on request: while a FailingMemory lives, the n-th allocation of its thread, and that one alone,
// throws std::bad_alloc. So a test can fail each allocation of a call, one after the other.
// Read next: failing_memory.cpp, which replaces operator new for this executable.
#pragma once

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

}  // namespace heartbeat::guarantees
