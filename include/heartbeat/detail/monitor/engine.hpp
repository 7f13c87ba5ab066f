// SPDX-License-Identifier: BSL-1.0
// Joins a monitor's shards to clock, executor and sink. Lives on the heap, so that a monitor may be destroyed inside
// its own sink. Read next: monitor/watch_shard.hpp, which decides; monitor/work.hpp, what the executor runs, and the
// end.
//
// Who runs where:
//   turn   a shard's timer, on the executor: time passes; never runs user code, so a slow sink delays no decision (G10)
//   tell   one work, on the executor's pool for blocking work, if it has one: the sink, one expiry at a time
//   touch  on whatever thread a beat arrives; watch, forget and sweep as well
//
// Shutdown and destruction are the registry's, with one gate (G6). Turns and tells count in it while they run; calls of
// users need not, since whoever calls has a monitor that lives:
//
//    open --(shutdown: gate closed)--> closing --(last one out tells the rest)--> quiet --(destructor)--> policies
//                                         |                                                      ^        destroyed
//                                         +--(destructor in a callback)--> orphaned --(quiet)----+
//
// References: the monitor's own, and one for each armed turn and posted tell. The last one frees everything.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/monitor/watch_shard.hpp>
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/default_shards.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/monitor_options.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

template <class Key, class C, class E, class D>
class MonitorEngine {
 public:
  using Shard = MonitorShard<Key, D>;
  using Record = typename Shard::Record;
  using RecordPtr = typename Shard::RecordPtr;
  using Sink = std::function<void(const Expiry<Key, C>&)>;

  MonitorEngine(C clock, E executor, const D& detector, Sink sink, const MonitorOptions& options)
      : policies_{std::in_place, std::move(clock), std::move(executor), std::move(sink)}, tell_{*this} {
    const std::size_t count = options.shards ? *options.shards : default_shards();
    const typename Shard::Policy policy{.scale = TickScale{options.tick.count()},
                                        .gap_threshold = options.gap_threshold.count(),
                                        .capacity = (options.event_capacity + count - 1) / count};
    for (std::size_t i = 0; i < count; ++i)
      turns_.push_back(std::make_unique<Turn>(*this, detector, policy, now(), i, count));
  }

  MonitorEngine(const MonitorEngine&) = delete;
  MonitorEngine& operator=(const MonitorEngine&) = delete;

  /// The generation; 0 and `error` if it was refused.
  std::uint64_t watch(Key&& key, const WatchOptions& options, std::error_code& error);
  bool touch(const Key& key, std::uint64_t generation);
  bool forget(const Key& key, std::uint64_t generation);
  std::vector<Key> sweep();
  /// What is to be known of a watched key; no value if it is not watched.
  struct Seen {
    std::uint64_t generation;
    Instant touched;
    Instant due;
    std::chrono::nanoseconds ttl;
    typename D::State arrivals;
  };
  [[nodiscard]] std::optional<Seen> look(const Key& key) const;
  [[nodiscard]] MonitorStatistics statistics() const;
  [[nodiscard]] const C& clock() const noexcept { return policies_->clock; }
  [[nodiscard]] const D& detector() const noexcept { return turns_.front()->shard.detector(); }
  [[nodiscard]] Instant now() const noexcept { return to_instant<C>(policies_->clock.now()); }

  bool shutdown(Duration grace) noexcept;
  /// The monitor is being destroyed; the engine frees itself.
  void release() noexcept;

 private:
  // A shard, and the timer that is its turn.
  struct Turn final : Timer {
    Turn(MonitorEngine& the_engine, const D& detector, const typename Shard::Policy& policy, Instant at, std::size_t i,
         std::size_t count)
        : engine{the_engine}, shard{detector, policy, at, i, count} {}
    void run() noexcept override { engine.turn(*this); }
    void drop() noexcept override { engine.remove_reference(); }

    MonitorEngine& engine;
    Shard shard;
  };

  struct Tell final : Work {
    explicit Tell(MonitorEngine& the_engine) noexcept : engine{the_engine} {}
    void run() noexcept override { engine.tell(); }
    void drop() noexcept override { engine.remove_reference(); }

    MonitorEngine& engine;
  };

  // The objects of the user's. Destroyed when the monitor is, while the rest may live on.
  struct Policies {
    C clock;
    E executor;
    Sink sink;
  };

  struct Place {
    Turn& turn;
    std::uint32_t hash;
  };

  ~MonitorEngine() = default;
  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one already
  void remove_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  [[nodiscard]] Place place_of(const Key& key) const {
    const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
    return {*turns_[hash & (turns_.size() - 1)], static_cast<std::uint32_t>(hash >> 32)};
  }
  void grow_index(Shard& shard) noexcept;
  [[nodiscard]] static bool sweep_one(Shard& shard, std::vector<Key>& keys);
  void perform(Turn& turn, const MonitorEffects& effects) noexcept;
  void arm(Turn& turn, Instant at) noexcept;
  void turn(Turn& turn) noexcept;
  void wake_teller() noexcept;
  void post_teller() noexcept;
  void tell() noexcept;
  [[nodiscard]] bool tell_one() noexcept;
  void become_quiet() noexcept;
  static void free_untold(Shard& shard) noexcept;
  void destroy_policies() noexcept;

  static constexpr int slices_at_once = 16;
  static constexpr int tells_at_once = 64;
  static constexpr int is_quiet = 1;
  static constexpr int is_orphaned = 2;

  std::optional<Policies> policies_;          // destroyed once quiet and released
  std::vector<std::unique_ptr<Turn>> turns_;  // constant once made
  Tell tell_;
  CallbackGate gate_;
  std::atomic<std::size_t> references_{1};
  Atomic<std::uint64_t> news_{0};  // how often a teller was wanted since the last one rested; 0: none is posted or runs
  std::size_t next_turn_ = 0;      // where the teller looks first: of the one that tells
  Atomic<int> ending_{0};          // is_quiet, is_orphaned: who comes second destroys the policies
  Bell quieter_;                   // rung when the engine has become quiet
};

// --- what users call

template <class Key, class C, class E, class D>
std::uint64_t MonitorEngine<Key, C, E, D>::watch(Key&& key, const WatchOptions& options, std::error_code& error) {
  if (const errc rule = broken_rule(options); rule != errc{}) {
    error = make_error_code(rule);
    return 0;
  }
  const Place place = place_of(key);
  Shard& shard = place.turn.shard;
  RecordPtr record = std::make_unique<Record>(std::move(key), place.hash, options.ttl.count());
  const Record& added = *record;
  const Instant at = now();
  MonitorEffects effects;
  std::uint64_t generation = 0;
  bool has_index_work = false;
  {
    const MutexLock lock{shard.mutex()};
    if (const errc refusal = shard.watch(record, options.if_watched == IfWatched::replace, at, effects);
        refusal != errc{}) {
      error = make_error_code(refusal);
    } else {
      generation = added.generation;
      has_index_work = shard.index().has_work();
    }
  }
  perform(place.turn, effects);
  if (has_index_work) grow_index(shard);
  return generation;
}

// A bigger array of buckets is allocated, and the old one freed, without the lock.
template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::grow_index(Shard& shard) noexcept {
  std::size_t wanted = 0;
  typename KeyIndex<Record>::Buckets buckets;
  {
    const MutexLock lock{shard.mutex()};
    wanted = shard.index().wanted_buckets();
    buckets = shard.index().take_retired();
  }
  if (wanted == 0) return;
  try {
    buckets = KeyIndex<Record>::make_buckets(wanted);
  } catch (const std::bad_alloc&) {
    return;  // longer chains until there is memory again
  }
  const MutexLock lock{shard.mutex()};
  shard.index().grow(buckets);
}

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::touch(const Key& key, std::uint64_t generation) {
  const Place place = place_of(key);
  const Instant at = now();
  MonitorEffects effects;
  bool is_watched = false;
  {
    const MutexLock lock{place.turn.shard.mutex()};
    is_watched = place.turn.shard.touch(place.hash, key, generation, at, effects);
  }
  perform(place.turn, effects);
  return is_watched;
}

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::forget(const Key& key, std::uint64_t generation) {
  const Place place = place_of(key);
  RecordPtr record;  // freed when the lock is free
  const MutexLock lock{place.turn.shard.mutex()};
  record = place.turn.shard.forget(place.hash, key, generation);
  return record != nullptr;
}

// All or nothing: an expiry whose key does not get into `keys`, for want of memory or since its move throws, waits on.
template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::sweep_one(Shard& shard, std::vector<Key>& keys) {
  if (keys.size() == keys.capacity()) keys.reserve(std::max<std::size_t>(16, 2 * keys.size()));
  RecordPtr record;
  {
    const MutexLock lock{shard.mutex()};
    record = shard.take();
    if (record != nullptr) ++shard.counters().swept;
  }
  if (record == nullptr) return false;
  try {
    keys.push_back(std::move_if_noexcept(record->key));
  } catch (...) {
    const MutexLock lock{shard.mutex()};
    shard.put_back(record);
    --shard.counters().swept;
    throw;
  }
  return true;
}

template <class Key, class C, class E, class D>
std::vector<Key> MonitorEngine<Key, C, E, D>::sweep() {
  std::vector<Key> keys;
  for (const std::unique_ptr<Turn>& turn : turns_) {
    MonitorEffects effects;
    for (bool more = true; more;) {
      const Instant at = now();
      const MutexLock lock{turn->shard.mutex()};
      more = turn->shard.advance(at, effects);
      if (!more) turn->shard.arm(effects);
    }
    try {
      while (sweep_one(turn->shard, keys)) {
      }
    } catch (...) {
      effects.has_news = true;  // also what a teller missed while we had it
      perform(*turn, effects);
      if (keys.empty()) throw;
      return keys;  // the rest is told, or found by the next sweep
    }
    effects.has_news = false;  // what it found is in `keys`
    perform(*turn, effects);
  }
  return keys;
}

template <class Key, class C, class E, class D>
auto MonitorEngine<Key, C, E, D>::look(const Key& key) const -> std::optional<Seen> {
  const Place place = place_of(key);
  Shard& shard = place.turn.shard;
  const MutexLock lock{shard.mutex()};
  const Record* const record = shard.find(place.hash, key, Shard::any_generation);
  if (record == nullptr) return std::nullopt;
  return Seen{.generation = record->generation,
              .touched = record->touched,
              .due = shard.due(*record),
              .ttl = std::chrono::nanoseconds{record->ttl},
              .arrivals = record->arrivals};
}

template <class Key, class C, class E, class D>
MonitorStatistics MonitorEngine<Key, C, E, D>::statistics() const {
  MonitorStatistics sum;
  for (const std::unique_ptr<Turn>& turn : turns_) {
    const MutexLock lock{turn->shard.mutex()};
    const MonitorStatistics& some = turn->shard.counters();
    sum.watched += some.watched;
    sum.watching += turn->shard.index().size();
    sum.expired += some.expired;
    sum.forgotten += some.forgotten;
    sum.told += some.told;
    sum.swept += some.swept;
    sum.untold += turn->shard.untold();
    sum.sink_threw += some.sink_threw;
    sum.time_gaps += some.time_gaps;
    sum.graces += some.graces;
  }
  return sum;
}

}  // namespace heartbeat::detail

#include <heartbeat/detail/monitor/work.hpp>  // IWYU pragma: export
