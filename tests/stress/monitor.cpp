// SPDX-License-Identifier: BSL-1.0
// Threads that watch, touch, forget and sweep the same few keys while these expire all the time: each generation ends
// exactly once, by one of forget, expiry and shutdown, and no touch that was answered with true is lost.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/monitor.hpp>
#include <heartbeat/phi_accrual.hpp>

#include "load.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(monitor)

using namespace heartbeat;
using namespace heartbeat::stress;
using Generation = std::uint64_t;
using Moment = BootClock::time_point;

constexpr int threads = 4;
constexpr int operations = 20'000;
constexpr std::int64_t keys = 256;

// What became of each generation.
class Ledger {
 public:
  void begun(Generation generation) {
    const std::lock_guard lock{mutex_};
    ++lives_[generation].begun;
  }
  // A touch that was asked for after `at` was answered with true.
  void touched(Generation generation, Moment at) {
    const std::lock_guard lock{mutex_};
    Moment& last = lives_[generation].touched;
    last = std::max(last, at);
  }
  void forgotten(Generation generation) {
    const std::lock_guard lock{mutex_};
    ++lives_[generation].forgotten;
  }
  void expired(Generation generation, Moment last_touch) {
    const std::lock_guard lock{mutex_};
    ++lives_[generation].expired;
    lives_[generation].last_touch = last_touch;
  }

  // How many generations did not end once, or ended in spite of a touch. REQUIRES: all threads are through, and
  // nothing is watched any more.
  [[nodiscard]] std::uint64_t wrong() const {
    std::uint64_t count = 0;
    for (const auto& [generation, life] : lives_) {
      const int ends = life.forgotten + life.expired;
      if (life.begun != 1 || ends != 1) ++count;
      if (life.expired == 1 && life.last_touch < life.touched) ++count;
    }
    return count;
  }
  [[nodiscard]] std::uint64_t size() const { return lives_.size(); }

 private:
  struct Life {
    int begun = 0;
    int forgotten = 0;
    int expired = 0;
    Moment touched{};     // the latest one that was answered with true
    Moment last_touch{};  // what the expiry said
  };

  mutable std::mutex mutex_;
  std::map<Generation, Life> lives_;  // mutex_
};

template <class Monitor>
void play(Monitor& monitor, Ledger& ledger, int thread) {
  detail::Random random{static_cast<std::uint64_t>(thread) + 1};
  for (int i = 0; i < operations * rounds(); ++i) {
    const std::string key = std::to_string(random.below(keys));
    const auto status = monitor.status(key);
    if (!status) {
      std::error_code error;
      const Duration ttl = std::chrono::microseconds{1 + random.below(300)};
      const Generation generation = monitor.watch(key, {.ttl = ttl}, error);
      if (generation != 0) ledger.begun(generation);
      continue;
    }
    const Generation generation = status->generation;
    const Moment at = BootClock::now();
    switch (random.below(8)) {
      case 0:
        if (monitor.forget(key, generation)) ledger.forgotten(generation);
        break;
      case 1: std::this_thread::yield(); break;
      default:
        if (monitor.touch(key, generation)) ledger.touched(generation, at);
    }
  }
}

template <class Detector>
void each_generation_ends_once() {
  using Monitor = HeartbeatMonitor<std::string, BootClock, ThreadExecutor, Detector>;
  Ledger ledger;
  std::atomic<std::uint64_t> told{0};
  MonitorStatistics sums;
  {
    Monitor monitor{[&](const auto& expiry) {
                      ledger.expired(expiry.generation, expiry.touched_at);
                      ++told;
                    },
                    {.gap_threshold = 100h, .tick = 10us, .shards = 2}};
    on_threads(threads, [&](int thread) { play(monitor, ledger, thread); });
    const Moment limit = BootClock::now() + generous;
    while (monitor.statistics().watching != 0 && BootClock::now() < limit)
      std::this_thread::yield();
    BOOST_TEST(monitor.statistics().watching == 0u);  // nobody touches them any more
    BOOST_TEST(monitor.shutdown(generous));
    sums = monitor.statistics();
  }

  BOOST_TEST(ledger.wrong() == 0u);
  BOOST_TEST(sums.watched == ledger.size());
  BOOST_TEST(sums.watched == sums.expired + sums.forgotten);
  BOOST_TEST(sums.expired == told.load());
  BOOST_TEST(sums.expired > 0u);
  BOOST_TEST(sums.told == told.load());
}

BOOST_AUTO_TEST_CASE(each_generation_ends_once_with_a_fixed_deadline) {
  each_generation_ends_once<FixedDeadline>();
}

BOOST_AUTO_TEST_CASE(each_generation_ends_once_with_a_detector_that_learns) {
  each_generation_ends_once<PhiAccrual>();
}

BOOST_AUTO_TEST_CASE(sweeps_and_the_sink_share_the_expiries_and_none_is_told_twice) {
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> swept{0};
  std::atomic<std::uint64_t> begun{0};
  MonitorStatistics sums;
  {
    HeartbeatMonitor<int> monitor{[&](const auto&) { ++told; }, {.gap_threshold = 100h}};
    on_threads(threads, [&](int thread) {
      for (int i = 0; i < operations / 4 * rounds(); ++i) {
        std::error_code error;
        if (monitor.watch(thread * 1'000 + i % 500, {.ttl = std::chrono::microseconds{1}}, error) != 0) ++begun;
        if (i % 64 == 0) swept += monitor.sweep().size();
      }
    });
    BOOST_TEST(monitor.shutdown(generous));
    sums = monitor.statistics();
  }

  BOOST_TEST(sums.watched == begun.load());
  BOOST_TEST(sums.told == told.load());
  BOOST_TEST(sums.swept == swept.load());
  BOOST_TEST(sums.expired == told.load() + swept.load());
  BOOST_TEST(sums.watched == sums.expired + sums.forgotten);
}

// Its sink destroys the monitor, on the executor's own thread, while other keys expire. The sink outlives that.
BOOST_AUTO_TEST_CASE(a_monitor_may_be_destroyed_inside_its_sink) {
  struct Shared {
    std::atomic<bool> is_ready{false};
    std::atomic<int> told{0};
    std::atomic<bool> is_destroyed{false};
    std::optional<HeartbeatMonitor<int>> monitor;
  };
  for (int round = 0; round < 100 * rounds(); ++round) {
    const auto shared = std::make_shared<Shared>();
    shared->monitor.emplace([held = std::weak_ptr{shared}](const auto&) {
      const auto mine = held.lock();
      if (!mine) return;
      mine->is_ready.wait(false);
      if (mine->told.fetch_add(1) != 0) return;
      mine->monitor.reset();
      mine->is_destroyed = true;
      mine->is_destroyed.notify_all();
    });
    for (int key = 0; key < 20; ++key)
      shared->monitor->watch(key, std::chrono::microseconds{500});
    shared->is_ready = true;
    shared->is_ready.notify_all();
    shared->is_destroyed.wait(false);
    BOOST_TEST(!shared->monitor.has_value());
    BOOST_TEST(shared->told.load() >= 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
