// SPDX-License-Identifier: BSL-1.0
// A value that another thread will bring: what these tests wait for, instead of sleeping. Read next: waiting.hpp,
// beside this room, for waits that bring no value.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_result.hpp>

#include "../waiting.hpp"

namespace heartbeat::testing {

/// Values brought one by one, taken in their order.
template <class T>
class Awaited {
 public:
  void bring(T value) {
    const std::scoped_lock lock{mutex_};
    ++count_;
    values_.push_back(std::move(value));
    brought_.notify_all();
  }

  /// Waits for the next one, which `what` puts in words. Throws if none comes.
  T next(std::string_view what = "a value from another thread") {
    std::unique_lock lock{mutex_};
    if (!brought_.wait_for(lock, generous_limit, [&] { return !values_.empty(); })) {
      throw std::runtime_error{not_in_time(what, std::to_string(count_) + " that were brought and taken before it")};
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
  std::deque<T> values_;   // mutex_
  std::size_t count_ = 0;  // of all that were brought; mutex_
};

/// A completion that brings its answer.
inline BeatCompletion completion_for(Awaited<BeatResult>& answers) {
  return BeatCompletion::calling([&answers](BeatResult result) { answers.bring(std::move(result)); });
}

inline CloseCompletion completion_for(Awaited<std::error_code>& answers) {
  return CloseCompletion::calling([&answers](std::error_code error) { answers.bring(error); });
}

}  // namespace heartbeat::testing
