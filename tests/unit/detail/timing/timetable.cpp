// SPDX-License-Identifier: BSL-1.0
// The wheel and its alarm together: whatever is filed and erased, a wake-up is asked for in time, and each hook is
// given out once, at its tick. Against a plain list of dues, over random operations; a failure prints its seed.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/timetable.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(timetable)

using namespace heartbeat::detail;

constexpr Instant ms = 1'000'000;
constexpr Instant s = 1'000 * ms;

struct Subject {
  Subject() { timetable.reserve(hooks.size()); }

  // What comes up at that tick, all of it.
  std::vector<WheelHook*> expire(Tick now) {
    std::vector<WheelHook*> all;
    std::array<WheelHook*, 4> some;
    for (bool more = true; more;) {
      const TimingWheel::Expired expired = timetable.expire(now, some);
      BOOST_REQUIRE(expired.count <= some.size());
      all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(expired.count));
      more = expired.more;
    }
    return all;
  }
  // As a shard's turn does: what came up; the wake-up that is asked for then.
  std::vector<WheelHook*> turn(Instant at, Instant& wake_at) {
    const Instant now = timetable.alarm().saw(at);
    std::vector<WheelHook*> up = expire(timetable.scale().down(now));
    timetable.alarm().want_only(timetable.next());
    timetable.alarm().woke(false);
    wake_at = timetable.alarm().arm();
    return up;
  }

  Timetable timetable{TickScale{ms}, 0};
  std::array<WheelHook, 64> hooks;
};

BOOST_AUTO_TEST_CASE(a_new_one_has_nothing_to_do) {
  Subject subject;

  BOOST_TEST(subject.timetable.next() == tick_never);
  BOOST_TEST(subject.timetable.alarm().arm() == instant_never);
  BOOST_TEST(subject.expire(3'600'000).empty());
}

BOOST_AUTO_TEST_CASE(what_is_filed_is_wanted_and_given_out_at_its_tick) {
  Subject subject;

  subject.timetable.file(subject.hooks[0], 70);

  BOOST_TEST(subject.timetable.alarm().arm() == 70 * ms);
  BOOST_TEST(subject.expire(69).empty());
  BOOST_TEST(subject.expire(70) == std::vector{&subject.hooks[0]}, boost::test_tools::per_element());
  BOOST_TEST(subject.timetable.next() == tick_never);
}

BOOST_AUTO_TEST_CASE(what_is_far_ahead_is_wanted_when_its_slot_is_to_be_moved_down) {
  Subject subject;

  subject.timetable.file(subject.hooks[0], 5'000);

  BOOST_TEST(subject.timetable.next() < 5'000);
  BOOST_TEST(subject.timetable.alarm().arm() == subject.timetable.next() * ms);
}

BOOST_AUTO_TEST_CASE(one_that_is_made_within_a_tick_gives_nothing_out_before_its_tick) {
  Timetable timetable{TickScale{ms}, 7 * ms + 1};
  timetable.reserve(1);
  WheelHook hook;
  timetable.file(hook, 8);
  std::array<WheelHook*, 1> due;

  BOOST_TEST(timetable.expire(7, due).count == 0u);
  BOOST_TEST(timetable.expire(8, due).count == 1u);
}

BOOST_AUTO_TEST_CASE(the_alarm_stands_at_the_earliest_of_what_is_filed) {
  Subject subject;

  subject.timetable.file(subject.hooks[0], 70);
  subject.timetable.file(subject.hooks[1], 30);
  subject.timetable.file(subject.hooks[2], 50);

  BOOST_TEST(subject.timetable.alarm().arm() == 30 * ms);
}

BOOST_AUTO_TEST_CASE(what_was_erased_is_not_given_out_and_may_be_filed_again) {
  Subject subject;
  subject.timetable.file(subject.hooks[0], 30);
  subject.timetable.file(subject.hooks[1], 30);

  subject.timetable.erase(subject.hooks[0]);
  subject.timetable.file(subject.hooks[0], 40);

  BOOST_TEST(subject.expire(30) == std::vector{&subject.hooks[1]}, boost::test_tools::per_element());
  BOOST_TEST(subject.expire(40) == std::vector{&subject.hooks[0]}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_gives_out_no_more_than_there_is_room_for_and_says_that_there_is_more) {
  Subject subject;
  for (WheelHook& hook : subject.hooks)
    subject.timetable.file(hook, 30);
  std::array<WheelHook*, 10> some;

  const TimingWheel::Expired expired = subject.timetable.expire(30, some);

  BOOST_TEST(expired.count == some.size());
  BOOST_TEST(expired.more);
  BOOST_TEST(subject.expire(30).size() == subject.hooks.size() - some.size());
}

BOOST_AUTO_TEST_CASE(another_wheel_of_the_shards_lives_on_the_same_chunks) {
  Subject subject;
  TimingWheel other{subject.timetable.chunks(), 0};
  subject.timetable.reserve(subject.hooks.size());
  for (std::size_t i = 0; i < subject.hooks.size(); ++i) {
    if (i % 2 == 0) {
      subject.timetable.file(subject.hooks[i], 30);
    } else {
      other.insert(subject.hooks[i], 30);
    }
  }

  BOOST_TEST(subject.expire(30).size() == subject.hooks.size() / 2);
  BOOST_TEST(other.size() == subject.hooks.size() / 2);
}

// The invariant: whoever sleeps until what was asked for finds every hook by its tick, however the dues are spread.
BOOST_AUTO_TEST_CASE(who_sleeps_as_it_asks_misses_no_hook) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Subject subject;
      std::mt19937 random{seed};
      const auto draw = [&](std::uint32_t below) { return static_cast<std::int64_t>(random() % below); };
      Instant wake_at = instant_never;
      Instant now = 0;
      for (int step = 0; step < 2'000; ++step) {
        WheelHook& hook = subject.hooks[static_cast<std::size_t>(draw(64))];
        if (hook.is_linked()) {
          subject.timetable.erase(hook);
        } else {
          const Tick ahead = draw(4) == 0 ? draw(5'000'000) : draw(3'000);
          subject.timetable.file(hook, now / ms + ahead);
        }
        if (const Instant at = subject.timetable.alarm().arm(); at != instant_never) wake_at = at;
        Tick earliest = tick_never;
        for (const WheelHook& filed : subject.hooks)
          if (filed.is_linked()) earliest = std::min(earliest, filed.due);
        BOOST_REQUIRE(earliest == tick_never || wake_at <= std::max(now, earliest * ms));
        if (wake_at == instant_never || draw(3) != 0) continue;
        now = std::max(now, wake_at);
        for (const WheelHook* up : subject.turn(now, wake_at)) {
          BOOST_REQUIRE(!up->is_linked());
          BOOST_REQUIRE(up->due <= now / ms);
        }
        for (const WheelHook& filed : subject.hooks)
          BOOST_REQUIRE(!filed.is_linked() || filed.due > now / ms);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
