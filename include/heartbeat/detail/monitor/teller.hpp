// SPDX-License-Identifier: BSL-1.0
// Who tells a monitor's sink: one work, on the executor's pool for blocking work, if it has one. So the sink is called
// for one expiry at a time, and a slow one delays no decision (G10). Read next: untold.hpp, from which it takes.
//
//    resting --(wake)--> posted --(run)--> tells up to 64 --(nobody woke it meanwhile, and nothing is left)--> resting
//                           ^                   |
//                           +----(otherwise)----+
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <heartbeat/detail/monitor/lifetime.hpp>
#include <heartbeat/detail/monitor/policies.hpp>
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

/// Threading: `wake` from any thread; the rest by the executor, or by whoever is the last one out.
template <class Key, class C, class E, class Shard>
class ExpiryTeller final : public Work {
 public:
  using Shards = std::vector<std::unique_ptr<Shard>>;

  ExpiryTeller(MonitorLifetime& life, MonitorPolicies<Key, C, E>& policies, const Shards& shards) noexcept
      : life_{life}, policies_{policies}, shards_{shards} {}

  /// Something waits to be reported.
  void wake() noexcept {
    if (policies_.sink && news_.fetch_add(1) == 0) post();
  }

  /// Tells all that waits. REQUIRES: nobody else tells.
  void tell_all() noexcept {
    while (policies_.sink && tell_one()) {
    }
  }

  // Rests only if nobody woke it since this one began to look: no expiry is forgotten between look and rest.
  void run() noexcept override {
    if (life_.enter()) {
      const std::uint64_t seen = news_.load();
      int told = 0;
      while (told < tells_at_once && tell_one())
        ++told;
      if (told == tells_at_once || news_.fetch_sub(seen) != seen) post();
      life_.leave();
    }
    life_.remove_reference();
  }

  void drop() noexcept override { life_.remove_reference(); }

 private:
  void post() noexcept {
    life_.add_reference();
    if constexpr (BlockingExecutor<E>) {
      policies_.executor.post_blocking(*this);
    } else {
      policies_.executor.post(*this);
    }
  }

  // One of the shards' oldest; false if there is none. Each time another shard is asked first.
  [[nodiscard]] bool tell_one() noexcept {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      Shard& shard = *shards_[next_shard_++ % shards_.size()];
      typename Shard::RecordPtr record;
      {
        const MutexLock lock{shard.mutex()};
        record = shard.untold().take();
        if (record != nullptr) ++shard.counters().told;
      }
      if (record == nullptr) continue;
      const CallbackFrame frame{&life_};
      try {
        policies_.sink(
            Expiry<Key, C>{.key = record->key,
                           .generation = record->generation,
                           .touched_at = to_time_point<C>(record->touched),
                           .expired_at = to_time_point<C>(record->ttl),
                           .reason = record->graces > 0 ? ExpiryReason::silent_in_grace : ExpiryReason::silent});
      } catch (...) {
        const MutexLock lock{shard.mutex()};
        ++shard.counters().sink_threw;
      }
      return true;
    }
    return false;
  }

  static constexpr int tells_at_once = 64;

  MonitorLifetime& life_;
  MonitorPolicies<Key, C, E>& policies_;
  const Shards& shards_;
  Atomic<std::uint64_t> news_{0};  // how often it was woken since it rested last; 0: it is neither posted nor running
  std::size_t next_shard_ = 0;     // where it looks first: of the one that tells
};

}  // namespace heartbeat::detail
