// SPDX-License-Identifier: BSL-1.0
//
// The wheel against a sorted map that does the same, over random operations from seconds to centuries, and one by one
// what is easily got wrong: the borders of the levels, erasing from a slot on its way down, jumps of time, and the
// limit on the hooks that one call touches. A failure prints its seed.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/timing_wheel.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(timing_wheel)

using namespace heartbeat::detail;

constexpr Tick day = Tick{1000} * 3600 * 24;
constexpr Tick year = 365 * day;

using Place = std::pair<std::uint32_t, std::uint32_t>;  // level and slot

Place place_of(const WheelHook& hook) {
  return {hook.chunk->level, hook.chunk->slot};
}

/// A wheel, and a map that says what must be in it. Every call is checked against the map.
class CheckedWheel {
 public:
  CheckedWheel(std::size_t hooks, Tick now) : wheel(pool, now), now_(now), hooks_(hooks) {
    pool.reserve(hooks);
    for (WheelHook& hook : hooks_)
      idle_.push_back(&hook);
  }

  WheelHook* insert(Tick due) {
    if (idle_.empty()) return nullptr;
    WheelHook* const hook = idle_.back();
    idle_.pop_back();
    wheel.insert(*hook, due);
    filed_.emplace(due, hook);
    check();
    return hook;
  }

  void erase(WheelHook& hook) {
    wheel.erase(hook);
    forget(hook);
    check();
  }

  /// One call; what it gave out is idle afterwards. Never early, never beside what is filed, never more than allowed.
  bool expire(Tick now, std::size_t room) {
    now_ = std::max(std::min(now, tick_never - 1), now_);
    std::vector<std::pair<const WheelHook*, Place>> before;
    for (const auto& [due, hook] : filed_)
      before.emplace_back(hook, place_of(*hook));
    std::vector<WheelHook*> out(room);

    const TimingWheel::Expired expired = wheel.expire(now, out);

    BOOST_REQUIRE(expired.count <= room);
    for (WheelHook* hook : std::span(out).first(expired.count)) {
      BOOST_REQUIRE(hook->due <= now_);
      BOOST_REQUIRE(!hook->is_linked());
      forget(*hook);
      last_expired.push_back(hook->due);
    }
    const auto touched = std::count_if(before.begin(), before.end(), [](const auto& was) {
      return !was.first->is_linked() || place_of(*was.first) != was.second;
    });
    BOOST_REQUIRE(static_cast<std::size_t>(touched) <= room);
    if (!expired.more) {
      BOOST_REQUIRE(filed_.empty() || filed_.begin()->first > now_);
      BOOST_REQUIRE(wheel.next() > now_);
    }
    check();
    return expired.more;
  }

  std::size_t expire_all(Tick now, std::size_t room) {
    std::size_t calls = 1;
    while (expire(now, room))
      ++calls;
    return calls;
  }

  WheelHook* any(std::mt19937_64& random) {
    if (filed_.empty()) return nullptr;
    auto found =
        filed_.lower_bound(std::uniform_int_distribution<Tick>(filed_.begin()->first, filed_.rbegin()->first)(random));
    return found->second;
  }

  void pop_first() {
    const Tick earliest = filed_.empty() ? 0 : filed_.begin()->first;
    std::map<const WheelHook*, Place> places;
    for (const auto& [due, hook] : filed_)
      places[hook] = place_of(*hook);

    WheelHook* const hook = wheel.pop_first();

    BOOST_REQUIRE_EQUAL(hook == nullptr, filed_.empty());
    if (hook == nullptr) return;
    BOOST_REQUIRE(!hook->is_linked());
    constexpr std::array<Tick, 4> width{1, 1 << 10, 1 << 20, 1 << 28};
    const auto [level, slot] = places[hook];
    const Tick due_slot = hook->due >> 28;
    const bool is_beyond_range =
        level == 3 && (static_cast<Tick>(slot) != (due_slot & 511) || due_slot > (now_ >> 28) + 511);
    BOOST_REQUIRE(is_beyond_range || hook->due < std::max(earliest, now_) + width[level]);
    forget(*hook);
    check();
  }

  [[nodiscard]] Tick now() const { return now_; }
  [[nodiscard]] std::size_t size() const { return filed_.size(); }
  [[nodiscard]] Tick earliest() const { return filed_.begin()->first; }

  WheelChunkPool pool;
  TimingWheel wheel;
  std::vector<Tick> last_expired;  // the dues of all that was given out, in that order

 private:
  void forget(WheelHook& hook) {
    const auto [begin, end] = filed_.equal_range(hook.due);
    const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == &hook; });
    BOOST_REQUIRE(found != end);
    filed_.erase(found);
    idle_.push_back(&hook);
  }

  void check() const {
    BOOST_REQUIRE_EQUAL(wheel.size(), filed_.size());
    BOOST_REQUIRE_EQUAL(wheel.empty(), filed_.empty());
    BOOST_REQUIRE(pool.in_use() <= filed_.size());
    if (filed_.empty()) {
      BOOST_REQUIRE_EQUAL(wheel.next(), tick_never);
    } else {
      BOOST_REQUIRE(wheel.next() <= std::max(now_, filed_.begin()->first));
    }
  }

  Tick now_;
  std::vector<WheelHook> hooks_;
  std::vector<WheelHook*> idle_;
  std::multimap<Tick, WheelHook*> filed_;
};

/// Distances that matter: near, at the borders of the slots of each level, beyond the last one, and in the past.
Tick random_due(std::mt19937_64& random, Tick now) {
  const auto below = [&](Tick limit) { return std::uniform_int_distribution<Tick>(0, limit - 1)(random); };
  const auto border = [&](int bits, Tick slots) { return (((now >> bits) + below(slots)) << bits) + below(3) - 1; };
  switch (below(10)) {
    case 0: return now - below(3000);
    case 1: return now + below(3);
    case 2: return now + below(2100);
    case 3: return border(10, 4);
    case 4: return border(10, 2100);
    case 5: return border(20, 3);
    case 6: return border(20, 520);
    case 7: return border(28, 3);
    case 8: return border(28, 1100);
    default: return now + below(Tick{1} << below(41));
  }
}

Tick random_step(std::mt19937_64& random, const CheckedWheel& checked) {
  const auto below = [&](Tick limit) { return std::uniform_int_distribution<Tick>(0, limit - 1)(random); };
  switch (below(8)) {
    case 0: return -below(2000);
    case 1:
    case 2: return below(3);
    case 3: return below(3000);
    case 4:  // to just before, at, or after what is due first
      return checked.size() == 0 ? 1 : std::max<Tick>(0, checked.earliest() - checked.now() + below(3) - 1);
    case 5: {  // to the border of a slot
      const int bits = std::array{10, 20, 28}[static_cast<std::size_t>(below(3))];
      return (((checked.now() >> bits) + 1) << bits) - checked.now() + below(3) - 1;
    }
    case 6: return below(Tick{1} << below(24));
    default: return below(Tick{1} << below(36));
  }
}

void run_at_random(std::uint64_t seed, int steps) {
  std::mt19937_64 random(seed);
  CheckedWheel checked(1 + random() % 120, static_cast<Tick>(random() % (std::uint64_t{1} << (1 + random() % 42))));
  for (int step = 0; step < steps; ++step) {
    const std::size_t room = 1 + random() % (random() % 2 == 0 ? 4 : 256);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: checked.insert(random_due(random, checked.now())); break;
      case 3:
        if (WheelHook* const hook = checked.any(random)) checked.erase(*hook);
        break;
      case 4: checked.expire(checked.now() + random_step(random, checked), room); break;
      case 5: checked.expire(checked.now(), room); break;
      case 6:
        if (random() % 8 == 0) checked.pop_first();
        break;
      default: checked.expire_all(checked.now() + random_step(random, checked), room);
    }
  }
  checked.expire_all(tick_never - 1, 1 + random() % 256);
  BOOST_REQUIRE(checked.wheel.empty());
  BOOST_REQUIRE_EQUAL(checked.pool.in_use(), 0u);
}

BOOST_AUTO_TEST_CASE(it_does_what_a_sorted_map_does) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      run_at_random(seed, 600);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_empty_wheel_has_nothing_to_do) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, 7);
  std::vector<WheelHook*> out(1);

  const TimingWheel::Expired expired = wheel.expire(100 * year, out);

  BOOST_TEST(expired.count == 0u);
  BOOST_TEST(!expired.more);
  BOOST_TEST(wheel.next() == tick_never);
  BOOST_TEST(wheel.pop_first() == nullptr);
}

BOOST_AUTO_TEST_CASE(nothing_is_early_and_nothing_is_late_at_the_borders_of_the_levels) {
  for (const int bits : {10, 20, 28}) {
    for (const Tick slot : {1, 2, 3, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049}) {
      for (const Tick beside : {-1, 0, 1}) {
        const Tick due = (slot << bits) + beside;
        for (const Tick start : {Tick{0}, Tick{1023}, Tick{1024}, (Tick{1} << 20) - 1, Tick{1} << 28}) {
          if (start >= due) continue;
          CheckedWheel checked(1, start);
          checked.insert(due);

          checked.expire_all(due - 1, 1);
          BOOST_REQUIRE_EQUAL(checked.size(), 1u);

          checked.expire_all(due, 1);
          BOOST_REQUIRE_EQUAL(checked.size(), 0u);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(whoever_wakes_only_when_told_to_is_in_time) {
  for (const Tick due :
       {Tick{1}, Tick{1024}, Tick{5000}, Tick{1} << 20, (Tick{1} << 21) + 5, 3 * day, year, 9 * year}) {
    CheckedWheel checked(1, 0);
    checked.insert(due);
    int wakes = 0;
    Tick now = 0;

    while (checked.size() != 0) {
      BOOST_REQUIRE(checked.wheel.next() > now || wakes == 0);
      now = checked.wheel.next();
      checked.expire_all(now, 8);
      ++wakes;
    }

    BOOST_TEST(now == due);
    BOOST_TEST(wakes <= 8);
  }
}

BOOST_AUTO_TEST_CASE(what_is_due_in_the_past_is_due_at_once) {
  CheckedWheel checked(3, 5000);
  checked.insert(10);
  checked.insert(-1);
  checked.insert(4999);

  BOOST_TEST(checked.wheel.next() <= 5000);
  BOOST_TEST(!checked.expire(5000, 3));

  BOOST_TEST(checked.size() == 0u);
}

BOOST_AUTO_TEST_CASE(time_that_goes_backward_stands_still) {
  CheckedWheel checked(2, 0);
  checked.insert(500);
  checked.insert(1500);

  BOOST_TEST(!checked.expire(1000, 8));
  checked.insert(900);
  BOOST_TEST(!checked.expire(3, 8));

  BOOST_TEST(checked.size() == 1u);
  BOOST_TEST((checked.last_expired == std::vector<Tick>{500, 900}));
}

BOOST_AUTO_TEST_CASE(a_now_that_is_called_again_with_an_earlier_one_is_finished_all_the_same) {
  CheckedWheel checked(20, 0);
  for (Tick due = 0; due < 20; ++due)
    checked.insert(due * 100);

  BOOST_TEST(checked.expire(10'000, 5));
  BOOST_TEST(!checked.expire(0, 50));

  BOOST_TEST(checked.size() == 0u);
}

BOOST_AUTO_TEST_CASE(hooks_come_out_in_the_order_of_their_ticks) {
  for (const std::size_t room : {1u, 7u, 256u}) {
    std::mt19937_64 random(room);
    CheckedWheel checked(2000, 0);
    for (int i = 0; i < 2000; ++i)
      checked.insert(static_cast<Tick>(random() % (std::uint64_t{1} << random() % 36)));

    checked.expire_all(Tick{1} << 37, room);

    BOOST_TEST(checked.last_expired.size() == 2000u);
    BOOST_TEST(std::is_sorted(checked.last_expired.begin(), checked.last_expired.end()));
  }
}

BOOST_AUTO_TEST_CASE(no_call_touches_more_hooks_than_it_was_allowed) {
  constexpr Tick due = 5 * 1024 + 77;
  CheckedWheel checked(1000, 0);
  for (int i = 0; i < 1000; ++i)
    checked.insert(due);

  const std::size_t moving = checked.expire_all(4 * 1024, 16);
  BOOST_TEST(moving >= 1000u / 16);
  BOOST_TEST(checked.size() == 1000u);

  const std::size_t giving = checked.expire_all(due, 16);
  BOOST_TEST(giving >= 1000u / 16);
  BOOST_TEST(checked.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_without_room_touches_nothing_and_asks_for_another) {
  CheckedWheel checked(2, 0);
  checked.insert(10);

  BOOST_TEST(checked.expire(10, 0));
  BOOST_TEST(checked.size() == 1u);
  BOOST_TEST(!checked.expire(10, 1));
}

BOOST_AUTO_TEST_CASE(what_is_due_does_not_wait_for_a_slot_that_is_being_moved_down) {
  CheckedWheel checked(1001, 0);
  for (int i = 0; i < 1000; ++i)
    checked.insert(5 * 1024);
  checked.insert(4 * 1024 + 10);
  checked.expire_all(3 * 1024, 16);
  BOOST_TEST(checked.expire(4 * 1024, 16));

  BOOST_TEST(checked.expire(4 * 1024 + 10, 16));

  BOOST_TEST((checked.last_expired == std::vector<Tick>{4 * 1024 + 10}));
}

BOOST_AUTO_TEST_CASE(hooks_of_a_slot_that_is_being_moved_down_can_be_erased_and_others_come_in) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 random(seed);
      const int bits = std::array{10, 20, 28}[seed % 3];
      const Tick slot = Tick{6} << bits;
      CheckedWheel checked(300, 0);
      std::vector<WheelHook*> filed;
      const auto inside = [&] { return slot + static_cast<Tick>(random() % (std::uint64_t{1} << bits)); };
      for (int i = 0; i < 200; ++i)
        filed.push_back(checked.insert(inside()));
      std::shuffle(filed.begin(), filed.end(), random);

      while (checked.expire(slot - (Tick{1} << bits) + 5, 1 + random() % 5)) {
        if (!filed.empty() && random() % 2 == 0) {
          checked.erase(*filed.back());
          filed.pop_back();
        }
        checked.insert(inside());
      }
      checked.expire_all(slot - 1, 3);
      BOOST_TEST(checked.last_expired.empty());

      checked.expire_all(slot + (Tick{1} << bits), 3);
      BOOST_TEST(checked.size() == 0u);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_jump_over_ten_empty_years_is_one_call) {
  CheckedWheel checked(3, 0);
  checked.insert(10 * year);
  checked.insert(10 * year + 1);

  BOOST_TEST(checked.expire_all(10 * year - 1, 16) == 1u);
  BOOST_TEST(checked.size() == 2u);
  BOOST_TEST(checked.expire_all(10 * year, 8) <= 2u);
  BOOST_TEST(checked.size() == 1u);
}

BOOST_AUTO_TEST_CASE(after_a_jump_what_is_near_is_known_to_the_tick_again) {
  CheckedWheel checked(2, 0);
  checked.expire_all(year, 1);

  checked.insert(year + 900);
  BOOST_TEST(checked.wheel.next() == year + 900);

  checked.insert(year + 5);
  BOOST_TEST(checked.wheel.next() == year + 5);
}

BOOST_AUTO_TEST_CASE(a_jump_over_a_full_wheel_gives_everything_out_in_slices) {
  CheckedWheel checked(3000, 12345);
  std::mt19937_64 random(9);
  for (int i = 0; i < 3000; ++i)
    checked.insert(12345 + static_cast<Tick>(random() % static_cast<std::uint64_t>(day)));

  const std::size_t calls = checked.expire_all(12345 + 30 * day, 64);

  BOOST_TEST(checked.size() == 0u);
  BOOST_TEST(calls >= 3000u / 64);
  BOOST_TEST(calls <= 4 * 3000u / 64 + 1);
}

BOOST_AUTO_TEST_CASE(a_deadline_beyond_the_range_of_the_wheel_is_kept_to_the_tick) {
  for (const Tick due : {(Tick{511} << 28) - 1, Tick{511} << 28, Tick{512} << 28, Tick{513} << 28, 100 * year}) {
    CheckedWheel checked(1, 0);
    checked.insert(due);

    for (Tick now = 0; now < due; now += due / 50) {
      checked.expire_all(now, 1);
      BOOST_REQUIRE_EQUAL(checked.size(), 1u);
    }
    checked.expire_all(due - 1, 1);
    BOOST_TEST(checked.size() == 1u);

    checked.expire_all(due, 1);
    BOOST_TEST(checked.size() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(the_last_ticks_there_are_do_not_overflow) {
  CheckedWheel checked(10, tick_never - 5000);
  checked.insert(tick_never - 1);
  checked.insert(tick_never - 4000);
  checked.insert(tick_never - 1500);

  checked.expire_all(tick_never - 2, 4);
  BOOST_TEST(checked.size() == 1u);
  checked.expire_all(tick_never - 1, 4);
  checked.insert(3);
  checked.expire_all(tick_never, 4);

  BOOST_TEST(checked.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_wheel_that_begins_at_never_stands_a_tick_before) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, tick_never);
  pool.reserve(1);
  WheelHook hook;
  std::array<WheelHook*, 1> out;

  BOOST_TEST(wheel.insert(hook, 3) == tick_never - 1);
  BOOST_TEST(wheel.expire(tick_never, out).count == 1u);
}

BOOST_AUTO_TEST_CASE(the_latest_due_of_all_can_wait_from_the_first_tick_on) {
  CheckedWheel checked(1, 0);
  checked.insert(tick_never - 1);

  checked.expire_all(1000 * year, 1);

  BOOST_TEST(checked.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_first_hook_is_the_nearest_up_to_the_width_of_its_slot) {
  CheckedWheel checked(600, 0);
  std::mt19937_64 random(4);
  for (int i = 0; i < 600; ++i)
    checked.insert(static_cast<Tick>(random() % (std::uint64_t{1} << random() % 32)));

  while (checked.size() != 0)
    checked.pop_first();

  BOOST_TEST(checked.wheel.pop_first() == nullptr);
}

BOOST_AUTO_TEST_CASE(within_the_next_second_the_first_hook_is_exactly_the_nearest) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, 100);
  std::vector<WheelHook> hooks(500);
  pool.reserve(hooks.size());
  std::mt19937 random(5);
  for (WheelHook& hook : hooks)
    wheel.insert(hook, static_cast<Tick>(100 + random() % 1000));

  std::vector<Tick> order;
  while (const WheelHook* hook = wheel.pop_first())
    order.push_back(hook->due);

  BOOST_TEST(order.size() == hooks.size());
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

// The slot begins with the tick that a hook beside it is due at.
BOOST_AUTO_TEST_CASE(the_nearest_goes_before_a_slot_that_is_still_to_be_moved_down) {
  WheelChunkPool pool;
  TimingWheel wheel(pool, 0);
  pool.reserve(2);
  WheelHook later;
  WheelHook nearest;
  wheel.insert(later, 2048 + 900);
  BOOST_REQUIRE(wheel.expire(1024, {}).more);
  wheel.insert(nearest, 2048);

  BOOST_TEST(wheel.pop_first() == &nearest);
  BOOST_TEST(wheel.pop_first() == &later);
}

BOOST_AUTO_TEST_CASE(two_wheels_of_one_pool_pass_hooks_to_each_other) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 random(seed);
      WheelChunkPool pool;
      TimingWheel first(pool, 0);
      TimingWheel second(pool, 0);
      std::vector<WheelHook> hooks(200);
      pool.reserve(hooks.size());
      for (WheelHook& hook : hooks)
        first.insert(hook, random_due(random, 0));
      std::vector<WheelHook*> out(32);

      for (Tick now = 0; now < Tick{1} << 30; now += static_cast<Tick>(random() % (1 << 24))) {
        const std::size_t count = first.expire(now, out).count;
        for (WheelHook* hook : std::span(out).first(count))
          second.insert(*hook, random_due(random, now));
        if (WheelHook* const hook = second.pop_first()) first.insert(*hook, random_due(random, now));
        BOOST_REQUIRE_EQUAL(first.size() + second.size(), hooks.size());
        BOOST_REQUIRE(pool.in_use() <= hooks.size());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wheel_leaves_hooks_alone_that_it_still_holds_when_it_dies) {
  WheelChunkPool pool;
  pool.reserve(1);
  WheelHook hook;
  {
    TimingWheel wheel(pool, 0);
    wheel.insert(hook, 99);
  }

  BOOST_TEST(hook.is_linked());
  BOOST_TEST(hook.due == 99);
  BOOST_TEST(pool.in_use() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
