// SPDX-License-Identifier: BSL-1.0
// The monitor against a map that is walked from end to end: thousands of seeded sequences of calls in virtual time.
// Without absences the two agree to the tick; with them, the rules of monitor/silence.hpp must hold.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/random.hpp>

#include "watch_desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(monitor_model)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ToldExpiry;
using heartbeat::testing::WatchDesk;
using std::chrono::nanoseconds;

constexpr int keys = 12;
constexpr nanoseconds tick = 1ms;
// Long enough that half a notice is a tick, or a punctual first look would put the deadline off.
constexpr nanoseconds shortest_ttl = 10ms;

struct Entry {
  std::uint64_t generation;
  nanoseconds ttl;
  nanoseconds touched;
};

[[nodiscard]] nanoseconds rounded_up(nanoseconds at) {
  return (at + tick - 1ns) / tick * tick;
}

// One sequence of calls, made to a monitor and to a map.
class Play {
 public:
  explicit Play(std::uint64_t seed)
      : random_{detail::Random::mix(seed)},
        desk_{{.gap_threshold = 50ms, .shards = random_.below(2) == 0 ? 1U : 4U}, FixedDeadline{}, seed} {}

  // What the monitor said, in one order for one deadline.
  [[nodiscard]] static std::vector<ToldExpiry> ordered(std::vector<ToldExpiry> told) {
    std::ranges::sort(told, {}, [](const ToldExpiry& one) { return std::pair{one.expired_at, one.key}; });
    return told;
  }

  // False if the monitor and the map differ.
  bool step() {
    const int key = static_cast<int>(random_.below(keys));
    const auto found = model_.find(key);
    const bool is_watched = found != model_.end();
    switch (random_.below(6)) {
      case 0: return watch(key, is_watched);
      case 1: return watch_anew(key);
      case 2:
      case 3:
        if (is_watched) found->second.touched = desk_.now();
        return desk_.monitor->touch(key) == is_watched;
      case 4:
        if (is_watched) model_.erase(found);
        return desk_.monitor->forget(key) == is_watched;
      default: return pass(nanoseconds{random_.below(30'000'000)});
    }
  }

  bool pass(nanoseconds span) {
    desk_.executor.run_for(span);
    for (auto at = model_.begin(); at != model_.end();) {
      const Entry& entry = at->second;
      const nanoseconds due = rounded_up(entry.touched + entry.ttl);
      if (due > desk_.now()) {
        ++at;
        continue;
      }
      expected_.push_back({at->first, entry.generation, entry.touched, due, ExpiryReason::silent});
      at = model_.erase(at);
    }
    return desk_.monitor->size() == model_.size() && ordered(desk_.told) == ordered(expected_);
  }

 private:
  bool watch(int key, bool is_watched) {
    std::error_code error;
    const nanoseconds ttl = drawn_ttl();
    const auto generation = desk_.monitor->watch(key, {.ttl = ttl}, error);
    if (is_watched) return generation == 0 && error == errc::already_watched;
    return remember(key, generation, ttl);
  }

  bool watch_anew(int key) {
    const nanoseconds ttl = drawn_ttl();
    return remember(key, desk_.monitor->watch(key, {.ttl = ttl, .if_watched = IfWatched::replace}), ttl);
  }

  bool remember(int key, std::uint64_t generation, nanoseconds ttl) {
    model_[key] = {generation, ttl, desk_.now()};
    return generation != 0 && generations_.insert(generation).second;
  }

  nanoseconds drawn_ttl() {
    const std::int64_t more = random_.below(10) == 0 ? 5'000'000'000 : 100'000'000;
    return shortest_ttl + nanoseconds{random_.below(more)};
  }

  detail::Random random_;
  WatchDesk desk_;
  std::map<int, Entry> model_;
  std::set<std::uint64_t> generations_;  // all that there were
  std::vector<ToldExpiry> expected_;
};

// When the process was away.
class Absences {
 public:
  // REQUIRES: the clock stands at its beginning; it is moved to its end.
  void pass(ManualClock& clock, nanoseconds span) {
    const nanoseconds began_at = clock.now().time_since_epoch();
    clock.advance(span);
    ends_.push_back(clock.now().time_since_epoch());
    if (span <= 150ms) return;  // one that gives a grace to short ttls alone
    left_at_ = began_at;
    back_at_ = ends_.back();
  }

  // One who expires had half a notice to be touched in since the last one, unless it was late all the time.
  [[nodiscard]] bool leave_time_for(const ToldExpiry& told, nanoseconds ttl) const {
    if (std::ranges::count_if(ends_, [&](nanoseconds end) { return end > told.touched_at; }) > 8) return true;
    return told.expired_at >= back_at_ + std::min<nanoseconds>(50ms, ttl / 2) / 2 || told.expired_at <= left_at_;
  }

 private:
  nanoseconds left_at_{};
  nanoseconds back_at_{};
  std::vector<nanoseconds> ends_;
};

// A sequence with absences: what must hold of each expiry then.
void play_with_absences(std::uint64_t seed) {
  detail::Random random{detail::Random::mix(seed)};
  WatchDesk desk{{.gap_threshold = 50ms, .shards = 2}, FixedDeadline{}, seed};
  std::map<std::uint64_t, Entry> watched;
  Absences absences;
  std::size_t forgotten = 0;
  std::size_t seen = 0;
  const auto look_at_news = [&] {
    for (; seen < desk.told.size(); ++seen) {
      const ToldExpiry& told = desk.told[seen];
      const auto entry = watched.find(told.generation);
      BOOST_REQUIRE_MESSAGE(entry != watched.end(), "seed " << seed << ": told twice, or forgotten before: " << told);
      const auto [generation, ttl, touched] = entry->second;
      BOOST_TEST_REQUIRE(told.touched_at == touched);
      BOOST_REQUIRE_MESSAGE(told.expired_at >= touched + ttl, "seed " << seed << ": too early: " << told);
      BOOST_REQUIRE_MESSAGE(absences.leave_time_for(told, ttl), "seed " << seed << ": no time to be touched: " << told);
      watched.erase(entry);
    }
  };
  for (int step = 0; step < 100; ++step) {
    const int key = static_cast<int>(random.below(keys));
    const auto status = desk.monitor->status(key);
    const nanoseconds ttl = 10ms + nanoseconds{random.below(400'000'000)};
    switch (random.below(5)) {
      case 0:
        if (!status) {
          const auto generation = desk.monitor->watch(key, ttl);
          watched[generation] = {generation, ttl, desk.now()};
        }
        break;
      case 1:
        if (desk.monitor->touch(key)) watched.at(status->generation).touched = desk.now();
        break;
      case 2:
        if (random.below(3) == 0 && desk.monitor->forget(key)) forgotten += watched.erase(status->generation);
        break;
      case 3: absences.pass(desk.clock, nanoseconds{random.below(500'000'000)}); break;
      default: desk.executor.run_for(nanoseconds{random.below(60'000'000)});
    }
    look_at_news();
  }
  desk.executor.run_for(10s);  // no absence any more: all that are left expire
  look_at_news();
  const MonitorStatistics sums = desk.monitor->statistics();
  BOOST_TEST_REQUIRE(watched.empty());
  BOOST_TEST_REQUIRE(sums.watching == 0u);
  BOOST_TEST_REQUIRE(sums.watched == sums.expired + sums.forgotten);
  BOOST_TEST_REQUIRE(sums.forgotten == forgotten);
}

BOOST_AUTO_TEST_CASE(it_says_what_a_map_would_say_to_the_tick) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Play play{seed};
    for (int step = 0; step < 120; ++step)
      BOOST_REQUIRE_MESSAGE(play.step(), "seed " << seed << ", step " << step);
    BOOST_REQUIRE_MESSAGE(play.pass(1h), "seed " << seed << ", at the end");
  }
}

BOOST_AUTO_TEST_CASE(with_absences_nothing_expires_early_or_twice_or_before_it_could_be_touched) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed)
    play_with_absences(seed);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
