// SPDX-License-Identifier: BSL-1.0
// How an engine ends whose callers may be inside it, or in one of its callbacks: its policies are destroyed by whoever
// comes second, the owner who lets go of it or the last thread to leave. Read next: callback_gate.hpp, which knows who
// is inside.
//
//    open --(gates closed)--> closing --(last one out)--> quiet --(owner lets go)--> policies destroyed by the owner
//                                |
//                                +--(owner lets go in its callback)-> orphaned --(last one out)--> destroyed by that
//                                one
#pragma once

#include <chrono>

#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

/// Threading: any.
/// Guarantees: of the one `last_one_out` and the one `owner_lets_go`, exactly the later one gives true.
class Farewell {
 public:
  /// All gates are closed and empty, and whoever waited is told so. True if the policies are the caller's to destroy.
  [[nodiscard]] bool last_one_out() noexcept {
    int before = 0;
    bell_.ring([&] { before = ending_.fetch_or(quiet); });
    return (before & orphaned) != 0;
  }

  /// Nobody but the late answers' memory is needed any more. Waits for the last one out, but not inside one of the
  /// owner's callbacks, where that one is the caller. True if the policies are the caller's to destroy.
  [[nodiscard]] bool owner_lets_go(const void* owner) noexcept {
    if (!CallbackFrame::is_inside(owner)) bell_.wait([this] { return is_quiet(); });
    return (ending_.fetch_or(orphaned) & quiet) != 0;
  }

  [[nodiscard]] bool is_quiet() const noexcept { return (ending_.load() & quiet) != 0; }
  /// False if it is not quiet after `limit`.
  bool wait_until_quiet(std::chrono::nanoseconds limit) {
    return bell_.wait_for(limit, [this] { return is_quiet(); });
  }

 private:
  static constexpr int quiet = 1;
  static constexpr int orphaned = 2;

  Atomic<int> ending_{0};  // quiet, orphaned
  Bell bell_;
};

}  // namespace heartbeat::detail
