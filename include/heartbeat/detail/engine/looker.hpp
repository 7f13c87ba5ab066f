// SPDX-License-Identifier: BSL-1.0
// How owners look: by key, at all of them a slice at a time, at what has stalled, at the sums. Included by engine.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <vector>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any; the registry is alive, no lock held.
template <class Engine>
class Looker {
 public:
  using Key = typename Engine::KeyType;

  explicit Looker(Engine& engine) noexcept : engine_{engine} {}

  /// The running heartbeat of a key, or of what hashes and compares as one; empty if there is none of that generation.
  template <class Name>
  [[nodiscard]] RecordReference find(const Name& key, std::uint64_t generation) const {
    return found(key, [&](const Starting& starting, std::uint32_t hash) {
      return starting.find_running(hash, [&](const Record& record) {
        return key_of<Key>(record) == key && (generation == Engine::any_generation || generation == record.generation);
      });
    });
  }

  /// The heartbeat of a key that has ended, and whose close is not over or in doubt; empty if there is none.
  [[nodiscard]] RecordReference find_closing(const Key& key) const {
    return found(key, [&](const Starting& starting, std::uint32_t hash) {
      return starting.find_closing(hash, [&](const Record& record) { return key_of<Key>(record) == key; });
    });
  }

  /// Calls `fn(Record&)` for each running one, outside the lock.
  template <class Fn>
  void visit(Fn fn) const {
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
        for (const RecordReference& record : some_of(engine_.shard(i), cursor))
          fn(*record);
      }
    }
  }

  /// Ends what has stalled, and gives the keys of it (G12). Throws std::bad_alloc with nothing ended.
  [[nodiscard]] std::vector<Key> sweep() const {
    std::vector<RecordReference> ended;
    std::vector<Record*> stalled;
    std::vector<Key> keys;
    stalled.reserve(slice_size);
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      for (bool more = true; more;) {
        try {  // before anything ends: an answer is never lost for want of memory
          ended.reserve(ended.size() + slice_size);
          keys.reserve(ended.size() + slice_size);
        } catch (const std::bad_alloc&) {
          if (ended.empty()) throw;
          i = engine_.shard_count();  // what has not ended yet is found by the next sweep
          break;
        }
        more = sweep_slice(engine_.shard(i), stalled);
        for (Record* const record : stalled)
          ended.emplace_back(record);
        stalled.clear();
      }
    }
    for (const RecordReference& record : ended)
      keys.push_back(key_of<Key>(*record));
    return keys;
  }

  [[nodiscard]] std::size_t size() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      sum += engine_.shard(i).running();
    }
    return static_cast<std::size_t>(sum);
  }

  [[nodiscard]] Statistics statistics() const {
    Statistics sum;
    for (std::size_t i = 0; i < engine_.shard_count(); ++i) {
      const MutexLock lock{engine_.shard(i).mutex()};
      engine_.shard(i).add_statistics(sum);
    }
    sum.in_flight_limit = engine_.limits().credits.limit();
    return sum;
  }

 private:
  // What `find(const Starting&, hash)` finds where the key lives, under the lock.
  template <class Name, class Find>
  [[nodiscard]] RecordReference found(const Name& key, Find find) const {
    const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
    Shard& home = engine_.shard_of(hash);
    Effects effects;
    const MutexLock lock{home.mutex()};
    const Hold hold = home.hold(effects);
    Record* const record = find(Starting{hold}, static_cast<std::uint32_t>(hash >> 32));
    return record == nullptr ? RecordReference{} : RecordReference::to(*record);
  }

  // Up to a slice of what is due; true if there is more.
  [[nodiscard]] bool sweep_slice(Shard& home, std::vector<Record*>& stalled) const {
    const Instant at = engine_.now();
    Effects effects;
    bool more = false;
    {
      const MutexLock lock{home.mutex()};
      const Hold hold = home.hold(at, effects);
      more = Turning{hold}.advance(&stalled);
      if (!more) Filing{hold}.arm();
    }
    engine_.perform(home, effects);
    return more;
  }

  // References to the running records of the next buckets.
  [[nodiscard]] static std::vector<RecordReference> some_of(Shard& home, std::uint64_t& cursor) {
    std::vector<RecordReference> some;
    some.reserve(slice_size);
    const MutexLock lock{home.mutex()};
    while (cursor != KeyIndex<Record>::visit_end && some.size() < slice_size / 2) {
      cursor = home.roster().index().visit(cursor, [&](Record& record) {
        if (!record.life.is_ended()) some.push_back(RecordReference::to(record));
      });
    }
    return some;
  }

  Engine& engine_;
};

}  // namespace heartbeat::detail
