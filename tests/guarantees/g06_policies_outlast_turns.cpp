// SPDX-License-Identifier: BSL-1.0
// G6: a turn of a monitor uses clock and executor while it is inside, and no longer: whoever is last out destroys them.
// It is a long turn that is at stake, one that had more to look at than it may and asks to go on at its end, when the
// monitor has been destroyed by its sink meanwhile:
//
//    turn    looks --- wakes the teller ----------------------- asks to go on --- leaves, the last one: policies
//    destroyed teller                 tells, and the sink destroys, leaves
//
// The pool here is quicker than whoever posts, so that this is the order in each run.
// Read next: receiving_side.cpp.
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/monitor.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

/// A policy that notices whether the monitor uses it when it has destroyed all it had. What is known of it stands
/// beside the objects, since they are gone when it is asked for.
class Mortal {
 public:
  Mortal() noexcept { ++alive; }
  Mortal(const Mortal&) noexcept { ++alive; }
  Mortal& operator=(const Mortal&) = delete;
  ~Mortal() { --alive; }

  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> used_when_gone{0};

 protected:
  /// False, and noted, if there is none left to be used.
  static bool is_used() noexcept {
    if (alive != 0) return true;
    ++used_when_gone;
    return false;
  }
};

/// Stands still until the test moves it, with no other thread at work.
struct MortalClock : Mortal {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MortalClock, duration>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    is_used();
    return current;
  }

  static inline time_point current{};
};

/// Its one timer is run by the test. What is posted runs on another thread at once, for which the poster waits: so the
/// two take turns, and share without a lock.
struct MortalExecutor : Mortal {
  static void post(heartbeat::Work& work) noexcept {
    if (!is_used()) return work.drop();
    posted.push_back(&work);
    if (std::exchange(is_busy, true)) return;  // posted by a work: its thread comes to it
    const std::jthread pool{[] {
      while (!posted.empty()) {
        heartbeat::Work& next = *posted.front();
        posted.pop_front();
        next.run();
      }
      is_busy = false;
    }};
  }

  static bool wake_by(heartbeat::Timer& timer, MortalClock::time_point at) noexcept {
    if (!is_used()) return false;
    const bool was_idle = armed == nullptr;
    if (was_idle || at < due) due = at;
    armed = &timer;
    return was_idle;
  }

  static bool cancel(heartbeat::Timer&) noexcept { return is_used() && std::exchange(armed, nullptr) != nullptr; }

  /// One turn. False if none is due.
  static bool run_timer() noexcept {
    if (armed == nullptr || due > MortalClock::current) return false;
    std::exchange(armed, nullptr)->run();
    return true;
  }

  static inline std::deque<heartbeat::Work*> posted;
  static inline bool is_busy = false;
  static inline heartbeat::Timer* armed = nullptr;
  static inline MortalClock::time_point due{};
};

/// A monitor of which all keys expire at one moment, which has come.
struct AllDue {
  using Monitor = heartbeat::HeartbeatMonitor<int, MortalClock, MortalExecutor>;
  static constexpr int watched = 5'000;  // more than one turn looks at
  static constexpr auto ttl = 2s;

  /// The sink destroys the monitor when it is told for the so manyth time.
  explicit AllDue(int destroy_at) {
    monitor = std::make_unique<Monitor>(
        MortalClock{}, MortalExecutor{},
        [this, destroy_at](const auto&) {
          if (++told == destroy_at) monitor.reset();
        },
        heartbeat::MonitorOptions{.gap_threshold = 1h, .shards = 1});
    for (int key = 0; key < watched; ++key)
      monitor->watch(key, ttl);
    MortalClock::current += ttl / 2;
    while (MortalExecutor::run_timer()) {  // they are found silent
    }
    MortalClock::current += ttl / 2;
  }

  int told = 0;
  std::unique_ptr<Monitor> monitor;
};

/// How many are told of while one turn looks, which asks to go on then.
int told_by_a_turn() {
  AllDue all{-1};
  BOOST_TEST_REQUIRE(MortalExecutor::run_timer());
  BOOST_TEST_REQUIRE(all.told < all.watched);
  BOOST_TEST_REQUIRE((MortalExecutor::armed != nullptr && MortalExecutor::due <= MortalClock::current));
  return all.told;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g06_policies_outlast_turns)

BOOST_AUTO_TEST_CASE(a_long_turn_asks_to_go_on_before_they_are_destroyed) {
  const int last = told_by_a_turn();
  BOOST_TEST_REQUIRE(last > 0);
  BOOST_TEST_REQUIRE(Mortal::alive.load() == 0);
  AllDue all{last};

  BOOST_TEST(MortalExecutor::run_timer());

  BOOST_TEST(!all.monitor);
  BOOST_TEST(all.told == last);
  BOOST_TEST(Mortal::alive.load() == 0);
  BOOST_TEST(Mortal::used_when_gone.load() == 0);
  BOOST_TEST((MortalExecutor::armed == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
