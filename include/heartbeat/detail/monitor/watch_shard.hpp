// SPDX-License-Identifier: BSL-1.0
// One part of a monitor: a lock, the watched keys that map here, a wheel of their deadlines, and what has expired and
// waits to be reported. It takes now and calls nobody but `==` of keys and the detector. Read next: monitor/engine.hpp.
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
// Time gaps (G18): while the process was away, touches waited in socket buffers, so silence means nothing. Therefore
// each silence is looked at twice, and a late look puts the deadline off:
//
//    last touch                                 first look    deadline
//    |------------------------------------------|-------------|          first look: a notice before the deadline
//         away: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx^--|               late: at least half a notice is left from then
//                                        away:     xxxxxxxxxxx^------|   later than the gap threshold: a grace of
//                                                                        min(allowance, lateness) from then, once per
//                                                                        gap; its end has a first look, too
//
// A notice is the gap threshold, at most half the allowance. So nothing expires unless the executor ran half a notice
// before, and an absence of two gap thresholds is never held against a key that is allowed to be silent for that long.
//
// Ground rules: every member below `mutex_` is under it, and so is each record while it is in the index or the list; a
// record that was given out belongs to its taker. No hold of the lock touches more than `slice` records.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <heartbeat/detail/roster/key_index.hpp>
#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/detail/timing/tick.hpp>
#include <heartbeat/detail/timing/timing_wheel.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

/// The one allocation of a watched key: node of the index, entry of the wheel, and its own report.
template <class Key, class D>
struct Watched : WheelHook {
  Watched(Key&& name, std::uint32_t the_hash, std::int64_t the_ttl)
      : hash{the_hash}, ttl{the_ttl}, key(std::move(name)) {}

  Watched* next_in_bucket = nullptr;                   // of the index; of the list of the expired
  const std::uint32_t hash;                            // its top bits choose the bucket
  bool is_noticed = false;                             // looked at since the last touch, and found silent
  bool has_grace = false;                              // its deadline was put off because we were away
  std::uint64_t generation = 0;                        // constant once watched
  Instant touched = 0;                                 // the last touch
  std::int64_t ttl;                                    // constant until it expires; then the time of that
  [[no_unique_address]] typename D::State arrivals{};  // the detector's
  Key key;  // constant until it is reported; compared under the lock, moved and destroyed outside
};

/// What must happen once the lock is free.
struct MonitorEffects {
  Instant wake_at = instant_never;  // the shard must be woken by then
  bool has_news = false;            // something waits to be reported
};

template <class Key, class D>
class MonitorShard {
 public:
  using Record = Watched<Key, D>;
  using RecordPtr = std::unique_ptr<Record>;
  static constexpr std::size_t slice = 256;
  static constexpr std::uint64_t any_generation = 0;

  struct Policy {
    TickScale scale;
    std::int64_t gap_threshold;
    std::size_t capacity;  // of the list of the expired
  };

  MonitorShard(const D& detector, const Policy& policy, Instant now, std::size_t place, std::size_t shards)
      : detector_{detector},
        policy_{policy},
        shards_{shards},
        wheel_{chunks_, policy.scale.down(now)},
        seen_{now},
        last_generation_{place} {}

  MonitorShard(const MonitorShard&) = delete;
  MonitorShard& operator=(const MonitorShard&) = delete;
  ~MonitorShard() {
    const MutexLock lock{mutex_};
    while (take()) {
    }
    std::array<RecordPtr, slice> some;
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;)
      static_cast<void>(forget_some(cursor, some));
  }

  Mutex& mutex() noexcept HEARTBEAT_RETURN_CAPABILITY(mutex_) { return mutex_; }

  /// Takes the record over, unless it is refused; what it replaced comes back in its place, to be freed without the
  /// lock. Throws std::bad_alloc with nothing changed (G13).
  [[nodiscard]] errc watch(RecordPtr& record, bool may_replace, Instant now, MonitorEffects& effects)
      HEARTBEAT_REQUIRES(mutex_) {
    if (is_closed_) return errc::shut_down;
    Record* const found = find(record->hash, record->key, any_generation);
    if (found != nullptr && !may_replace) return errc::already_watched;
    if (untold_ >= policy_.capacity) return errc::event_backlog;
    chunks_.reserve(index_.size() + 1);
    now = saw(now);
    if (found != nullptr) remove(*found);
    Record& added = *record.release();
    record.reset(found);
    added.generation = last_generation_ += shards_;
    added.touched = now;
    ++counters_.watched;
    index_.insert(added);
    file(added, first_look(added));
    arm(effects);
    return errc{};
  }

  /// False if that generation of the key is not watched. Whoever comes first under the lock, touch or expiry, wins.
  [[nodiscard]] bool touch(std::uint32_t hash, const Key& key, std::uint64_t generation, Instant now,
                           MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    Record* const record = find(hash, key, generation);
    if (record == nullptr) return false;
    now = saw(now);
    if (now <= record->touched) return true;  // another thread's later touch came first
    // A key that may not be so silent, and lives: it was us who were away, which says nothing of its arrivals.
    if (const std::int64_t silence = now - record->touched; !record->has_grace && silence <= allowance(*record)) {
      detector_.arrived(record->arrivals, std::chrono::nanoseconds{record->ttl}, std::chrono::nanoseconds{silence});
    }
    record->touched = now;
    record->is_noticed = record->has_grace = false;
    if (const Instant look = first_look(*record); policy_.scale.up(look) < record->due) {
      wheel_.erase(*record);
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

  [[nodiscard]] Record* find(std::uint32_t hash, const Key& key, std::uint64_t generation) const noexcept
      HEARTBEAT_REQUIRES(mutex_) {
    return index_.find(hash, [&](const Record& record) {
      return record.key == key && (generation == any_generation || generation == record.generation);
    });
  }

  /// When the record expires if nobody touches it, and we are not away.
  [[nodiscard]] Instant due(const Record& record) const noexcept HEARTBEAT_REQUIRES(mutex_) {
    if (record.is_noticed) return policy_.scale.instant(record.due);
    const std::int64_t span = allowance(record);
    return record.has_grace ? add(policy_.scale.instant(record.due), notice(span)) : add(record.touched, span);
  }

  /// Looks at up to a slice of what came up; false when nothing is left for this moment (G12).
  [[nodiscard]] bool advance(Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    now = saw(now);
    // A wake-up that comes late means that we were away; and only once, though a sweep may come before it.
    if (armed_ != tick_never && armed_ != gap_of_ && now - policy_.scale.instant(armed_) > policy_.gap_threshold) {
      ++counters_.time_gaps;
      gap_of_ = armed_;
      gap_ += now - policy_.scale.instant(armed_);  // there may be one more between two slices
      gap_over_ = now;
    }
    std::array<WheelHook*, slice> came_up;
    const auto [count, more] = wheel_.expire(policy_.scale.down(now), came_up);
    for (std::size_t i = 0; i < count; ++i)
      look_at(static_cast<Record&>(*came_up[i]), now, effects);
    if (!more) {
      gap_ = 0;
      wanted_ = wheel_.next();
    }
    return more;
  }

  /// The wake-up that was asked for has come. If there is more, the next slice is due now: so an absence before it is
  /// seen, too. REQUIRES: `advance` has looked at how late this one was; if there is more, the caller sees to it.
  void woke(bool is_more) noexcept HEARTBEAT_REQUIRES(mutex_) {
    armed_ = is_more ? policy_.scale.down(seen_) : tick_never;
    gap_of_ = tick_never;
  }

  /// Asks for a wake-up if one is needed earlier than the one asked for.
  void arm(MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    // What is due already is due now: a wheel that was idle may ask for a time long past, which would look like a gap.
    const Tick due = std::max(wanted_, policy_.scale.down(seen_));
    if (due >= armed_) return;
    armed_ = due;
    effects.wake_at = policy_.scale.instant(due);
  }

  /// The oldest expired record, for whoever reports it; null if none waits.
  [[nodiscard]] RecordPtr take() noexcept HEARTBEAT_REQUIRES(mutex_) {
    Record* const record = first_;
    if (record != nullptr) {
      first_ = record->next_in_bucket;
      if (first_ == nullptr) last_ = nullptr;
      --untold_;
    }
    return RecordPtr{record};
  }

  /// What was taken, and could not be reported.
  void put_back(RecordPtr& record) noexcept HEARTBEAT_REQUIRES(mutex_) {
    record->next_in_bucket = first_;
    first_ = record.release();
    if (last_ == nullptr) last_ = first_;
    ++untold_;
  }

  void close() noexcept HEARTBEAT_REQUIRES(mutex_) { is_closed_ = true; }
  /// Forgets up to a slice of those still watched, from the bucket at the cursor on, and looks at no more buckets; how
  /// many, to be freed without the lock.
  [[nodiscard]] std::size_t forget_some(std::uint64_t& cursor, std::array<RecordPtr, slice>& out) noexcept
      HEARTBEAT_REQUIRES(mutex_) {
    std::array<Record*, slice> some;
    std::size_t count = 0;
    for (std::size_t buckets = 0; buckets < slice && cursor != KeyIndex<Record>::visit_end; ++buckets) {
      const std::uint64_t next = index_.visit(cursor, [&](Record& record) {
        if (count != slice) some[count++] = &record;
      });
      if (count == slice) break;  // this bucket may have more
      cursor = next;
    }
    for (std::size_t i = 0; i < count; ++i) {
      remove(*some[i]);
      out[i].reset(some[i]);
    }
    return count;
  }

  [[nodiscard]] const D& detector() const noexcept { return detector_; }
  KeyIndex<Record>& index() noexcept HEARTBEAT_REQUIRES(mutex_) { return index_; }
  MonitorStatistics& counters() noexcept HEARTBEAT_REQUIRES(mutex_) { return counters_; }
  [[nodiscard]] std::size_t untold() const noexcept HEARTBEAT_REQUIRES(mutex_) { return untold_; }

 private:
  [[nodiscard]] std::int64_t allowance(const Record& record) const noexcept {
    return std::max(policy_.scale.nanoseconds(),
                    std::int64_t{detector_.allowance(record.arrivals, std::chrono::nanoseconds{record.ttl}).count()});
  }
  // Whoever waited long for the lock brings an old time along. What he does counts from when it is done.
  [[nodiscard]] Instant saw(Instant now) noexcept HEARTBEAT_REQUIRES(mutex_) { return seen_ = std::max(seen_, now); }
  [[nodiscard]] std::int64_t notice(std::int64_t allowance) const noexcept {
    return std::min(policy_.gap_threshold, allowance / 2);
  }
  [[nodiscard]] Instant first_look(const Record& record) const noexcept {
    const std::int64_t span = allowance(record);
    return add(record.touched, span - notice(span));
  }

  void file(Record& record, Instant look) noexcept HEARTBEAT_REQUIRES(mutex_) {
    wanted_ = std::min(wanted_, wheel_.insert(record, std::min(policy_.scale.up(look), tick_never - 1)));
  }

  void remove(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_) {
    index_.erase(record);
    wheel_.erase(record);
    ++counters_.forgotten;
  }

  void look_at(Record& record, Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    const std::int64_t span = allowance(record);
    Instant deadline = now;
    if (!record.is_noticed) {
      if (const Instant look = first_look(record); now < look) return file(record, look);  // touched since it was filed
      deadline = std::max(due(record), add(now, notice(span) / 2));
      record.is_noticed = true;
    }
    if (const Instant grace = add(gap_over_, std::min(span, gap_)); gap_ != 0 && grace > deadline) {
      record.has_grace = true;
      record.is_noticed = false;  // we may be away in the grace, too: it is looked at again a notice before its end
      ++counters_.graces;
      return file(record, add(grace, -notice(span)));
    }
    if (deadline > now) return file(record, deadline);
    expire(record, now, effects);
  }

  void expire(Record& record, Instant now, MonitorEffects& effects) noexcept HEARTBEAT_REQUIRES(mutex_) {
    index_.erase(record);
    record.ttl = now;
    (last_ == nullptr ? first_ : last_->next_in_bucket) = &record;
    last_ = &record;
    ++untold_;
    ++counters_.expired;
    effects.has_news = true;
  }

  [[no_unique_address]] const D detector_;
  const Policy policy_;
  const std::size_t shards_;  // of the monitor: generations of different shards differ

  Mutex mutex_;
  WheelChunkPool chunks_ HEARTBEAT_GUARDED_BY(mutex_);
  TimingWheel wheel_ HEARTBEAT_GUARDED_BY(mutex_);
  KeyIndex<Record> index_ HEARTBEAT_GUARDED_BY(mutex_);
  Record* first_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;  // expired and not reported yet, through next_in_bucket
  Record* last_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;
  std::size_t untold_ HEARTBEAT_GUARDED_BY(mutex_) = 0;  // how many
  MonitorStatistics counters_ HEARTBEAT_GUARDED_BY(mutex_);
  Tick armed_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;   // the wake-up asked for
  Tick wanted_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;  // the wake-up needed; too early after an erasure
  Tick gap_of_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;  // the wake-up whose gap has been seen
  std::int64_t gap_ HEARTBEAT_GUARDED_BY(mutex_) = 0;      // how late this wake-up is, while its slices are looked at
  Instant gap_over_ HEARTBEAT_GUARDED_BY(mutex_) = 0;      // when that was seen
  Instant seen_ HEARTBEAT_GUARDED_BY(mutex_);              // the latest now
  std::uint64_t last_generation_ HEARTBEAT_GUARDED_BY(mutex_);
  bool is_closed_ HEARTBEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace heartbeat::detail
