// SPDX-License-Identifier: BSL-1.0
// What tests of executors post, and how they learn that it ran. Read next: waiting.hpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include <heartbeat/executor.hpp>

#include "waiting.hpp"

namespace heartbeat::testing {

/// Counts events; a thread waits until there were enough.
class Signal {
 public:
  void raise() {
    const std::lock_guard lock{mutex_};
    ++count_;
    changed_.notify_all();
  }

  [[nodiscard]] Waited wait(std::size_t count = 1) {
    std::unique_lock lock{mutex_};
    return wait_on(
        changed_, lock, std::to_string(count) + " events of this signal", [&] { return count_ >= count; },
        [this] { return std::to_string(count_); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;  // mutex_
};

/// A work or a timer that calls functions, and counts.
template <class Base>
struct Calling final : Base {
  explicit Calling(
      std::function<void()> the_fn = [] {}, std::function<void()> when_dropped = [] {})
      : fn{std::move(the_fn)}, on_drop{std::move(when_dropped)} {}
  void run() noexcept override {
    ++ran;
    fn();  // last: whoever it tells may free us
  }
  void drop() noexcept override {
    ++dropped;
    on_drop();
  }

  std::function<void()> fn;
  std::function<void()> on_drop;
  std::atomic<int> ran{0};
  std::atomic<int> dropped{0};
};

}  // namespace heartbeat::testing
