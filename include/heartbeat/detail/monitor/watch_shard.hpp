// SPDX-License-Identifier: BSL-1.0
// One part of a monitor: a lock, the watched keys that map here, a timetable of their looks, and what has expired and
// waits to be reported. It takes now and calls nobody but `==` of keys and the detector. Read next: silence.hpp, which
// judges; monitor/engine.hpp, who calls.
//
//    watch --> watched --(looked at, silent)--> noticed --(looked at, still silent)--> expired --(take)--> reported
//                 ^                                |
//                 +-------------(touch)------------+      watched or noticed --(forget, replaced, shut down)--> gone
//
// A touch writes one time point, and the wheel is not told. That is right, because a record's hook is never filed later
// than the moment at which the record must be looked at: where a touch moves that moment later (always, with a fixed
// deadline), the hook comes up too early, and is filed anew then: once per allowance, however many touches there were.
// Where a detector has become stricter, so that it moves earlier, the touch files the hook anew itself.
//
// Ground rules: every member below `mutex_` is under it. No hold of the lock touches more than `slice` records.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <heartbeat/detail/monitor/silence.hpp>
#include <heartbeat/detail/monitor/untold.hpp>
#include <heartbeat/detail/monitor/watched.hpp>
#include <heartbeat/detail/roster/roster.hpp>
#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/detail/timing/timetable.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

/// What must happen once the lock is free.
struct MonitorEffects {
  Instant wake_at = instant_never;  // the shard must be woken by then
  bool has_news = false;            // something waits to be reported
};

template <class Key, class D>
class WatchShard {
 public:
  using Record = Watched<Key, D>;
  using RecordPtr = std::unique_ptr<Record>;
  static constexpr std::size_t slice = 256;
  static constexpr std::uint64_t any_generation = 0;

  struct Policy {
    TickScale scale;
    std::int64_t gap_threshold;
  };

  WatchShard(const D& detector, const Policy& policy, EventRoom& room, Instant now, std::size_t place,
             std::size_t shards)
      : rules_{detector, policy.scale, policy.gap_threshold},
        gap_threshold_{policy.gap_threshold},
        timetable_{policy.scale, now},
        roster_{place, shards},
        untold_{room},
        absence_{policy.gap_threshold} {}

  WatchShard(const WatchShard&) = delete;
  WatchShard& operator=(const WatchShard&) = delete;
  ~WatchShard() {
    const MutexLock lock{mutex_};
    std::array<RecordPtr, slice> some;
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;)
      static_cast<void>(forget_some(cursor, some));
  }

  Mutex& mutex() noexcept HEARTBEAT_RETURN_CAPABILITY(mutex_) { return mutex_; }

  /// Takes the record over, unless it is refused; what it replaced comes back in its place, to be freed without the
  /// lock. Throws std::bad_alloc with nothing changed (G13).
  [[nodiscard]] errc watch(RecordPtr& record, bool may_replace, Instant now, MonitorEffects& effects)
      HEARTBEAT_REQUIRES(mutex_) {
    if (roster_.is_closed()) return errc::shut_down;
    Record* const found = find(record->hash, record->key, any_generation);
    if (found != nullptr && !may_replace) return errc::already_watched;
    if (untold_.has_backlog()) return errc::event_backlog;
    timetable_.reserve(roster_.size() + 1);
    now = timetable_.alarm().saw(now);
    if (found != nullptr) remove(*found);
    Record& added = *record.release();
    record.reset(found);
    added.touched = now;
    ++counters_.watched;
    roster_.insert(added);
    file(added, rules_.first_look(added));
    arm(effects);
    return errc{};
  }

  /// False if that generation of the key is not watched. Whoever comes first under the lock, touch or expiry, wins.
  [[nodiscard]] bool touch(std::uint32_t hash, const Key& key, std::uint64_t generation, Instant now,
                           MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    Record* const record = find(hash, key, generation);
    if (record == nullptr) return false;
    now = timetable_.alarm().saw(now);
    if (now <= record->touched) return true;  // another thread's later touch came first
    // Noticed by a turn since its last touch, or not yet, for the wake-up that would is late itself.
    const bool was_away = absence_.was_after(record->touched) || timetable_.alarm().late(now) > gap_threshold_;
    rules_.touch(*record, now, was_away);
    if (const Instant look = rules_.first_look(*record); timetable_.scale().up(look) < record->due) {
      timetable_.erase(*record);
      file(*record, look);
      arm(effects);
    }
    return true;
  }

  /// Takes the key out of the watch, to be freed without the lock; null if that generation of it is not watched.
  [[nodiscard]] RecordPtr forget(std::uint32_t hash, const Key& key, std::uint64_t generation) noexcept
      HEARTBEAT_REQUIRES(mutex_) {
    Record* const record = find(hash, key, generation);
    if (record != nullptr) remove(*record);
    return RecordPtr{record};
  }

  /// Forgets up to a slice of those still watched, from the bucket at the cursor on, and looks at no more buckets; how
  /// many, to be freed without the lock.
  [[nodiscard]] std::size_t forget_some(std::uint64_t& cursor, std::array<RecordPtr, slice>& out) noexcept
      HEARTBEAT_REQUIRES(mutex_) {
    std::array<Record*, slice> some;
    const std::size_t count = roster_.some(cursor, some, [](const Record&) { return true; });
    for (std::size_t i = 0; i < count; ++i) {
      remove(*some[i]);
      out[i].reset(some[i]);
    }
    return count;
  }

  [[nodiscard]] Record* find(std::uint32_t hash, const Key& key, std::uint64_t generation) const noexcept
      HEARTBEAT_REQUIRES(mutex_) {
    return roster_.find(hash, [&](const Record& record) {
      return record.key == key && (generation == any_generation || generation == record.generation);
    });
  }

  /// When the record expires if nobody touches it, and we are not away.
  [[nodiscard]] Instant due(const Record& record) const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return rules_.due(record);
  }

  /// Looks at up to a slice of what came up; false when nothing is left for this moment (G12).
  [[nodiscard]] bool advance(Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    Alarm& alarm = timetable_.alarm();
    now = alarm.saw(now);
    // A wake-up that comes late means that we were away; and only once, though a sweep may come before it.
    const Lateness lateness = alarm.looks(now);
    absence_.note(lateness, now);
    if (lateness.late > gap_threshold_) count_gap();
    std::array<WheelHook*, slice> came_up;
    const auto [count, more] = timetable_.expire(timetable_.scale().down(now), came_up);
    for (std::size_t i = 0; i < count; ++i)
      look_at(static_cast<Record&>(*came_up[i]), now, effects);
    if (!more) {
      absence_.forget();
      is_gap_counted_ = false;
      alarm.want_only(timetable_.next());
    }
    return more;
  }

  /// The wake-up that was asked for has come. REQUIRES: `advance` has looked at how late it was; if there is more, the
  /// caller sees to it.
  void woke(bool is_more) noexcept HEARTBEAT_REQUIRES(mutex_) { timetable_.alarm().woke(is_more); }

  /// Asks for a wake-up if one is needed earlier than the one asked for.
  void arm(MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    if (const Instant at = timetable_.alarm().arm(); at != instant_never) effects.wake_at = at;
  }

  [[nodiscard]] const D& detector() const noexcept { return rules_.detector(); }
  Roster<Record>& roster() noexcept HEARTBEAT_REQUIRES(mutex_) { return roster_; }
  Untold<Record>& untold() noexcept HEARTBEAT_REQUIRES(mutex_) { return untold_; }
  MonitorStatistics& counters() noexcept HEARTBEAT_REQUIRES(mutex_) { return counters_; }

 private:
  void file(Record& record, Instant look) noexcept HEARTBEAT_REQUIRES(mutex_) {
    timetable_.file(record, std::min(timetable_.scale().up(look), tick_never - 1));
  }

  void count_gap() noexcept HEARTBEAT_REQUIRES(mutex_) {
    if (timetable_.alarm().is_new_gap()) ++counters_.time_gaps;
    is_gap_counted_ = true;
  }

  void remove(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_) {
    roster_.erase(record);
    timetable_.erase(record);
    ++counters_.forgotten;
  }

  void look_at(Record& record, Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    const Look look = rules_.look_at(record, now, absence_);
    if (look.verdict == Verdict::expired) return expire(record, now, effects);
    if (look.verdict == Verdict::grace) {
      ++counters_.graces;
      if (!is_gap_counted_) count_gap();  // one that is none for the monitor
    }
    file(record, look.next);
  }

  void expire(Record& record, Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    roster_.erase(record);
    record.ttl = now;
    untold_.push(record);
    ++counters_.expired;
    effects.has_news = true;
  }

  const SilenceRules<Key, D> rules_;
  const std::int64_t gap_threshold_;

  Mutex mutex_;
  Timetable timetable_ HEARTBEAT_GUARDED_BY(mutex_);
  Roster<Record> roster_ HEARTBEAT_GUARDED_BY(mutex_);
  Untold<Record> untold_ HEARTBEAT_GUARDED_BY(mutex_);
  MonitorStatistics counters_ HEARTBEAT_GUARDED_BY(mutex_);
  Absence absence_ HEARTBEAT_GUARDED_BY(mutex_);
  bool is_gap_counted_ HEARTBEAT_GUARDED_BY(mutex_) = false;  // the one that is being looked at
};

}  // namespace heartbeat::detail
