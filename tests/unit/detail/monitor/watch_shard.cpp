// SPDX-License-Identifier: BSL-1.0
// One shard of a monitor, without clock, executor and sink: when it wants to be woken, what a touch leaves alone, and
// that no hold of the lock does more than a slice.
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/monitor/watch_shard.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detector.hpp>
#include <heartbeat/phi_accrual.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(watch_shard)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr Instant ms = 1'000'000;
constexpr Instant s = 1'000 * ms;

// Its allowance is what the test says.
struct Told {
  struct State {};
  std::int64_t* allowed;

  void arrived(State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept {}
  std::chrono::nanoseconds allowance(const State&, std::chrono::nanoseconds) const noexcept {
    return std::chrono::nanoseconds{*allowed};
  }
  double suspicion(const State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept { return 0; }
};

// All calls under the lock, which nobody else takes.
template <class D>
struct Subject {
  using Shard = WatchShard<int, D>;
  explicit Subject(D detector = D{}, std::size_t capacity = 1'000'000)
      : room{capacity}, shard{detector, {.scale = TickScale{ms}, .gap_threshold = s}, room, 0, 0, 1} {}

  static std::uint32_t hash(int key) { return static_cast<std::uint32_t>(Random::mix(std::uint64_t(key)) >> 32); }

  MonitorEffects watch(int key, Instant ttl, Instant now) {
    MonitorEffects effects;
    auto record = std::make_unique<typename Shard::Record>(int{key}, hash(key), ttl);
    const MutexLock lock{shard.mutex()};
    BOOST_TEST((shard.watch(record, false, now, effects) == errc{}));
    if (const std::size_t wanted = shard.roster().index().wanted_buckets(); wanted != 0) {
      auto buckets = KeyIndex<typename Shard::Record>::make_buckets(wanted);
      shard.roster().index().grow(buckets);
    }
    return effects;
  }
  MonitorEffects touch(int key, Instant now) {
    MonitorEffects effects;
    const MutexLock lock{shard.mutex()};
    BOOST_TEST(shard.touch(hash(key), key, Shard::any_generation, now, effects));
    return effects;
  }
  Instant due(int key) {
    const MutexLock lock{shard.mutex()};
    return shard.due(*shard.find(hash(key), key, Shard::any_generation));
  }
  Tick filed_for(int key) {
    const MutexLock lock{shard.mutex()};
    return shard.find(hash(key), key, Shard::any_generation)->due;
  }
  // As a turn does: how many slices it took; what it wants then.
  int turn(Instant now, MonitorEffects& effects) {
    const MutexLock lock{shard.mutex()};
    int slices = 0;
    for (bool more = true; more; ++slices) {
      more = shard.advance(now, effects);
      shard.woke(more);
    }
    shard.arm(effects);
    return slices;
  }
  std::vector<int> take_all() {
    const MutexLock lock{shard.mutex()};
    std::vector<int> keys;
    while (auto record = shard.untold().take())
      keys.push_back(record->key);
    return keys;
  }

  EventRoom room;
  Shard shard;
};

BOOST_AUTO_TEST_CASE(a_watch_wants_a_wake_up_and_a_later_one_does_not) {
  Subject<FixedDeadline> subject;

  BOOST_TEST(subject.watch(1, 2 * s, 0).wake_at == 1 * s);  // a notice of 1 s before
  BOOST_TEST(subject.watch(2, 20 * s, 0).wake_at == instant_never);
  BOOST_TEST(subject.watch(3, 1 * s, 0).wake_at == 500 * ms);  // a notice of half the ttl
}

BOOST_AUTO_TEST_CASE(a_touch_leaves_the_wheel_alone) {
  Subject<FixedDeadline> subject;
  subject.watch(1, 2 * s, 0);
  const Tick filed = subject.filed_for(1);

  const MonitorEffects effects = subject.touch(1, 900 * ms);

  BOOST_TEST(subject.filed_for(1) == filed);
  BOOST_TEST(effects.wake_at == instant_never);
}

BOOST_AUTO_TEST_CASE(who_waited_for_the_lock_watches_and_touches_from_when_he_has_got_it) {
  Subject<FixedDeadline> subject;
  subject.watch(1, 20 * s, 0);
  MonitorEffects effects;
  subject.turn(10 * s, effects);

  subject.touch(1, 3 * s);
  subject.watch(2, 20 * s, 3 * s);

  BOOST_TEST(subject.due(1) == 30 * s);
  BOOST_TEST(subject.due(2) == 30 * s);
}

BOOST_AUTO_TEST_CASE(what_was_touched_is_filed_anew_when_it_comes_up) {
  Subject<FixedDeadline> subject;
  subject.watch(1, 2 * s, 0);
  subject.touch(1, 900 * ms);
  MonitorEffects effects;

  subject.turn(1 * s, effects);

  BOOST_TEST(subject.filed_for(1) == 1'900);
  BOOST_TEST(effects.wake_at <= 1'900 * ms);
  BOOST_TEST(!effects.has_news);
}

BOOST_AUTO_TEST_CASE(where_the_detector_became_stricter_the_touch_files_anew_and_wants_an_earlier_wake_up) {
  std::int64_t allowed = 30 * s;
  Subject<Told> subject{Told{&allowed}};
  subject.watch(1, 30 * s, 0);
  allowed = 2 * s;

  const MonitorEffects effects = subject.touch(1, 100 * ms);

  BOOST_TEST(subject.filed_for(1) == 1'100);
  BOOST_TEST(effects.wake_at == 1'100 * ms);
}

BOOST_AUTO_TEST_CASE(an_allowance_of_nothing_counts_as_a_tick) {
  std::int64_t allowed = 0;
  Subject<Told> subject{Told{&allowed}};
  subject.watch(1, 30 * s, 0);
  MonitorEffects effects;

  subject.turn(1 * ms, effects);
  subject.turn(3 * ms, effects);

  BOOST_TEST(subject.take_all() == std::vector{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_hold_of_the_lock_looks_at_a_slice_and_expiries_come_in_the_order_of_their_deadlines) {
  constexpr int count = 2'000;
  Subject<FixedDeadline> subject;
  for (int key = 0; key < count; ++key)
    subject.watch(key, 10 * s + (count - key) * ms, 0);
  MonitorEffects effects;

  BOOST_TEST(subject.turn(9 * s, effects) <= 2 * count / 256 + 2);  // nothing yet; slots that move down
  for (Instant now = 9 * s; now <= 12 * s; now += 100 * ms)
    subject.turn(now, effects);  // the first looks, and the last ones
  const std::vector<int> expired = subject.take_all();

  BOOST_TEST(expired.size() == static_cast<std::size_t>(count));
  BOOST_TEST(effects.has_news);
  bool is_in_order = true;
  for (std::size_t i = 0; i + 1 < expired.size(); ++i)
    is_in_order = is_in_order && expired[i] > expired[i + 1];
  BOOST_TEST(is_in_order);
}

// G12: what is not due costs nothing.
BOOST_AUTO_TEST_CASE(a_turn_takes_as_many_slices_as_what_comes_up_needs_however_many_are_watched) {
  Subject<FixedDeadline> subject;
  for (int key = 0; key < 100'000; ++key)
    subject.watch(key, 3'600 * s, 0);
  for (int key = 100'000; key < 100'100; ++key)
    subject.watch(key, 1 * s, 0);
  MonitorEffects effects;

  BOOST_TEST(subject.turn(500 * ms, effects) == 1);
  BOOST_TEST(subject.turn(1 * s, effects) == 1);

  BOOST_TEST(subject.take_all().size() == 100u);
}

BOOST_AUTO_TEST_CASE(with_nothing_watched_it_wants_no_wake_up) {
  Subject<FixedDeadline> subject;
  MonitorEffects effects;

  subject.turn(100 * s, effects);

  BOOST_TEST(effects.wake_at == instant_never);
}

BOOST_AUTO_TEST_CASE(what_is_still_there_is_freed_with_it) {
  const auto subject = std::make_unique<Subject<FixedDeadline>>();
  for (int key = 0; key < 1'000; ++key)
    subject->watch(key, key < 500 ? 1 * s : 100 * s, 0);
  MonitorEffects effects;

  subject->turn(500 * ms, effects);
  subject->turn(1 * s, effects);

  BOOST_TEST(effects.has_news);  // under the address sanitizer a leak fails the run
}

BOOST_AUTO_TEST_CASE(a_record_takes_56_bytes_and_its_key) {
  static_assert(sizeof(WatchShard<std::uint64_t, FixedDeadline>::Record) == 64 || sizeof(void*) != 8);
}

BOOST_AUTO_TEST_CASE(one_that_is_learnt_of_takes_40_more) {
  static_assert(sizeof(WatchShard<std::uint64_t, PhiAccrual>::Record) == 104 || sizeof(void*) != 8);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
