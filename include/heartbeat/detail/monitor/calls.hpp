// SPDX-License-Identifier: BSL-1.0
// What users call of a monitor, each with one hold of one shard's lock at a time. Included by monitor/engine.hpp, which
// draws it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/monitor/engine.hpp>
#include <heartbeat/detail/roster/growth.hpp>

namespace heartbeat::detail {

template <class Key, class C, class E, class D>
std::uint64_t MonitorEngine<Key, C, E, D>::watch(Key&& key, const WatchOptions& options, std::error_code& error) {
  if (const errc rule = is_here() ? broken_rule(options) : errc::made_before_fork; rule != errc{}) {
    error = make_error_code(rule);
    return 0;
  }
  const Place place = place_of(key);
  Shard& shard = place.shard;
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
      has_index_work = shard.roster().index().has_work();
    }
  }
  perform(*turns_[place.number], effects);
  if (has_index_work) grow_index(shard);
  return generation;
}

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::touch(const Key& key, std::uint64_t generation) {
  if (!is_here()) return false;
  const Place place = place_of(key);
  const Instant at = now();
  MonitorEffects effects;
  bool is_watched = false;
  {
    const MutexLock lock{place.shard.mutex()};
    is_watched = place.shard.touch(place.hash, key, generation, at, effects);
  }
  perform(*turns_[place.number], effects);
  return is_watched;
}

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::forget(const Key& key, std::uint64_t generation) {
  if (!is_here()) return false;
  const Place place = place_of(key);
  RecordPtr record;  // freed when the lock is free
  const MutexLock lock{place.shard.mutex()};
  record = place.shard.forget(place.hash, key, generation);
  return record != nullptr;
}

// All or nothing: an expiry whose key does not get into `keys`, for want of memory or since its move throws, waits on.
template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::sweep_one(Shard& shard, std::vector<Key>& keys) {
  if (keys.size() == keys.capacity()) keys.reserve(std::max<std::size_t>(16, 2 * keys.size()));
  RecordPtr record;
  {
    const MutexLock lock{shard.mutex()};
    record = shard.untold().take();
    if (record != nullptr) ++shard.counters().swept;
  }
  if (record == nullptr) return false;
  try {
    keys.push_back(std::move_if_noexcept(record->key));
  } catch (...) {
    const MutexLock lock{shard.mutex()};
    shard.untold().put_back(record);
    --shard.counters().swept;
    throw;
  }
  return true;
}

template <class Key, class C, class E, class D>
std::vector<Key> MonitorEngine<Key, C, E, D>::sweep() {
  std::vector<Key> keys;
  if (!is_here()) return keys;
  for (std::size_t number = 0; number < shards_.size(); ++number) {
    Shard& shard = *shards_[number];
    Turn& turn = *turns_[number];
    MonitorEffects effects;
    for (bool more = true; more;) {
      const Instant at = now();
      const MutexLock lock{shard.mutex()};
      more = shard.advance(at, effects);
      if (!more) shard.arm(effects);
    }
    try {
      while (sweep_one(shard, keys)) {
      }
    } catch (...) {
      effects.has_news = true;  // also what the teller missed while we had it
      perform(turn, effects);
      if (keys.empty()) throw;
      return keys;  // the rest is told, or found by the next sweep
    }
    effects.has_news = false;  // what it found is in `keys`
    perform(turn, effects);
  }
  return keys;
}

template <class Key, class C, class E, class D>
auto MonitorEngine<Key, C, E, D>::look(const Key& key) const -> std::optional<Seen> {
  if (!is_here()) return std::nullopt;
  const Place place = place_of(key);
  const MutexLock lock{place.shard.mutex()};
  const Record* const record = place.shard.find(place.hash, key, Shard::any_generation);
  if (record == nullptr) return std::nullopt;
  return Seen{.generation = record->generation,
              .touched = record->touched,
              .due = place.shard.due(*record),
              .ttl = std::chrono::nanoseconds{record->ttl},
              .arrivals = record->arrivals};
}

template <class Key, class C, class E, class D>
MonitorStatistics MonitorEngine<Key, C, E, D>::statistics() const {
  MonitorStatistics sum;
  if (!is_here()) return sum;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    const MutexLock lock{shard->mutex()};
    const MonitorStatistics& some = shard->counters();
    sum.watched += some.watched;
    sum.watching += shard->roster().size();
    sum.expired += some.expired;
    sum.forgotten += some.forgotten;
    sum.told += some.told;
    sum.swept += some.swept;
    sum.untold += shard->untold().size();
    sum.sink_threw += some.sink_threw;
    sum.time_gaps += some.time_gaps;
    sum.graces += some.graces;
  }
  return sum;
}

}  // namespace heartbeat::detail
