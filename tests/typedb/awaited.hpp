// SPDX-License-Identifier: BSL-1.0
// A value that another thread will bring: what these tests wait for, instead of sleeping. The limit is generous, as it
// only ends tests that have failed already.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_result.hpp>

namespace heartbeat::testing {

inline constexpr std::chrono::seconds generous_limit{60};

/// Values brought one by one, taken in their order.
template <class T>
class Awaited {
 public:
  void bring(T value) {
    const std::scoped_lock lock{mutex_};
    values_.push_back(std::move(value));
    brought_.notify_all();
  }

  /// Waits for the next one. Throws if none comes.
  T next() {
    std::unique_lock lock{mutex_};
    if (!brought_.wait_for(lock, generous_limit, [&] { return !values_.empty(); })) {
      throw std::runtime_error{"what the test waits for did not happen"};
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

  /// The next one, if it is there already.
  std::optional<T> next_if_there() {
    const std::scoped_lock lock{mutex_};
    if (values_.empty()) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable brought_;
  std::deque<T> values_;
};

/// A completion that brings its answer.
inline BeatCompletion completion_for(Awaited<BeatResult>& answers) {
  return BeatCompletion::calling([&answers](BeatResult result) { answers.bring(std::move(result)); });
}

inline CloseCompletion completion_for(Awaited<std::error_code>& answers) {
  return CloseCompletion::calling([&answers](std::error_code error) { answers.bring(error); });
}

}  // namespace heartbeat::testing
