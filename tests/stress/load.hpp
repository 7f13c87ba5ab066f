// SPDX-License-Identifier: BSL-1.0
// What the stress tests share: how much is to be done, threads that do it, a server's thread that answers as it likes,
// and the sums that must add up afterwards. Bounded by operations, never by time: HEARTBEAT_STRESS_ROUNDS multiplies
// them. Read next: open_close.cpp.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat::stress {

using namespace std::chrono_literals;  // NOLINT

/// Longer than anything takes on a machine that works at all.
inline constexpr std::chrono::seconds generous{60};

/// How many times over each test does its work: HEARTBEAT_STRESS_ROUNDS, or 1.
[[nodiscard]] inline int rounds() {
  const char* const wanted = std::getenv("HEARTBEAT_STRESS_ROUNDS");
  if (wanted == nullptr) return 1;
  const std::string_view text{wanted};
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1) {
    throw std::invalid_argument{"HEARTBEAT_STRESS_ROUNDS must be a number from 1 on"};
  }
  return number;
}

/// Calls `fn(0)` to `fn(count - 1)`, each on a thread of its own, and waits for all.
template <class Fn>
void on_threads(int count, Fn fn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&fn, i] { fn(i); });
  for (std::thread& thread : threads)
    thread.join();
}

/// A server's thread: each completion that is put in is answered there, somehow; all of them before it dies.
class AnsweringThread {
 public:
  AnsweringThread() : thread_{[this] { run(); }} {}
  ~AnsweringThread() {
    {
      const std::lock_guard lock{mutex_};
      is_over_ = true;
    }
    ready_.notify_one();
    thread_.join();
  }

  void put(BeatCompletion&& completion) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(completion));
    ready_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    for (unsigned turn = 0; !is_over_ || !waiting_.empty(); ++turn) {
      ready_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
      if (waiting_.empty()) continue;
      BeatCompletion completion = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (turn % 7 == 0) completion(BeatResult::gone());
      if (turn % 5 == 0) completion(BeatResult::failed(std::make_error_code(std::errc::io_error), "not today"));
      if (turn % 3 != 0) completion(BeatResult::acknowledged());  // else it may be dropped
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<BeatCompletion> waiting_;
  bool is_over_ = false;
  std::thread thread_;
};

/// Throws what a start was refused with, but for what is in `expected` and for a full backlog: nothing in these tests
/// waits for the sink, and a slow one may refuse.
inline void throw_unless_expected(const std::error_code& error, std::initializer_list<errc> expected) {
  if (!error || error == errc::event_backlog) return;
  if (std::find(expected.begin(), expected.end(), error) == expected.end()) throw std::system_error{error};
}

/// Counts the ends that a sink is told. Without a lock: events are told one at a time, and a race checker sees whether
/// they are.
class Ends {
 public:
  template <class E>
  void note(const E& event) {
    if (event.kind == EventKind::ended) generations_.push_back(event.generation);
  }

  /// How many, once no event is told any more; with a check that each was told once.
  [[nodiscard]] std::uint64_t count() {
    std::sort(generations_.begin(), generations_.end());
    BOOST_CHECK(std::adjacent_find(generations_.begin(), generations_.end()) == generations_.end());
    return generations_.size();
  }

 private:
  std::vector<std::uint64_t> generations_;
};

/// After a shutdown: every start, beat, close and end came to one thing. `started` is the test's own count.
inline void check_sums(const Statistics& sums, std::uint64_t started) {
  BOOST_TEST(sums.started == started);
  BOOST_TEST(sums.running == 0U);
  BOOST_TEST(sums.started == std::accumulate(sums.ended.begin(), sums.ended.end(), std::uint64_t{0}));
  BOOST_TEST(sums.in_flight == 0U);
  BOOST_TEST(sums.sent == sums.acknowledged + sums.gone + sums.failed + sums.timed_out + sums.discarded);
  BOOST_TEST(sums.closes_wanted == sums.closes_done + sums.closes_failed + sums.closes_skipped + sums.closes_withdrawn);
}

/// Options of a heartbeat that has much to do in little time.
template <class Options>
[[nodiscard]] Options quick() {
  Options options;
  options.interval = 4ms;
  options.ttl = 60ms;
  options.beat_timeout = 8ms;
  options.first_beat = FirstBeat::now;
  options.backoff = {.initial = 1ms, .maximum = 4ms};
  options.floor = 1ms;
  return options;
}

}  // namespace heartbeat::stress
