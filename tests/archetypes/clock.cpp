// SPDX-License-Identifier: BSL-1.0
// The smallest clock: an object that is copied and read, counting in a unit of its own.
#include <chrono>
#include <cstdint>
#include <ratio>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(clock)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

// [clock]
// Milliseconds of somebody else's clock. No default, no assignment.
class SmallestClock {
 public:
  using rep = std::int64_t;
  using period = std::milli;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<SmallestClock>;
  static constexpr bool is_steady = true;

  explicit SmallestClock(const ManualClock& source) : source_{source} {}
  SmallestClock(const SmallestClock&) = default;
  SmallestClock& operator=(const SmallestClock&) = delete;

  [[nodiscard]] time_point now() const {
    return time_point{std::chrono::floor<duration>(source_.now().time_since_epoch())};
  }

 private:
  const ManualClock& source_;
};
// [clock]

// Runs what is for that clock on an executor of the other one.
struct MillisecondExecutor {
  void post(Work& work) noexcept { executor.post(work); }
  bool wake_by(Timer& timer, SmallestClock::time_point at) noexcept {
    return executor.wake_by(timer, ManualClock::time_point{at.time_since_epoch()});
  }
  bool cancel(Timer& timer) noexcept { return executor.cancel(timer); }

  ManualExecutor executor;
};

struct AlwaysLives {
  void async_beat(int, const BeatContext&, BeatCompletion completion) { completion(BeatResult::acknowledged()); }
};

using Registry = HeartbeatRegistry<int, AlwaysLives, SmallestClock, MillisecondExecutor>;

BOOST_AUTO_TEST_CASE(it_is_a_clock) {
  static_assert(Clock<SmallestClock>);
  static_assert(ExecutorFor<MillisecondExecutor, SmallestClock>);
}

BOOST_AUTO_TEST_CASE(a_registry_and_its_handles_ask_for_no_more) {
  ManualClock source{ManualClock::time_point{1h}};
  ManualExecutor executor{source};
  Registry registry{{}, SmallestClock{source}, MillisecondExecutor{executor}};
  auto handle = registry.start(
      7, {.interval = 100ms, .ttl = 1s, .granted_at = SmallestClock{source}.now(), .first_beat = FirstBeat::now});
  BOOST_TEST(handle.valid());

  executor.run_for(10s);

  BOOST_TEST(handle.valid());
  BOOST_TEST(registry.statistics().acknowledged >= 100u);
  BOOST_TEST(registry.statistics().time_gaps == 0u);
  BOOST_CHECK(handle.valid_until() > registry.clock().now());
  BOOST_CHECK(registry.status(7)->valid_until == handle.valid_until());
  Registry::Handle moved = std::move(handle);
  handle = std::move(moved);
  BOOST_TEST(handle.stop());
}

BOOST_AUTO_TEST_CASE(what_is_valid_for_a_part_of_a_unit_is_not_valid_for_the_whole_unit) {
  ManualClock source;
  ManualExecutor executor{source};
  Registry registry{{}, SmallestClock{source}, MillisecondExecutor{executor}};
  const auto handle = registry.start(
      7, {.ttl = 30s + 600us, .granted_at = SmallestClock::time_point{}, .first_beat = FirstBeat::spread});

  BOOST_CHECK(handle.valid_until() == SmallestClock::time_point{29s});
}

// In nanoseconds, the first and the last moment of a coarser clock cannot be written.
BOOST_AUTO_TEST_CASE(the_ends_of_its_time_are_judged_like_any_other_moment) {
  ManualClock source;
  ManualExecutor executor{source};
  Registry registry{{}, SmallestClock{source}, MillisecondExecutor{executor}};
  std::error_code error;

  const auto none = registry.start(7, {.granted_at = SmallestClock::time_point::max()}, error);
  const auto old = registry.start(8, {.granted_at = SmallestClock::time_point::min()});

  BOOST_TEST((error == heartbeat::errc::granted_in_the_future));
  BOOST_TEST(!none);
  BOOST_CHECK(old.valid_until() == SmallestClock::time_point{29s});  // time begins with the clock's epoch
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
