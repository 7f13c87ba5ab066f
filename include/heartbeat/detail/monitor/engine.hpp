// SPDX-License-Identifier: BSL-1.0
// Joins a monitor's shards to clock, executor and sink. Read next: monitor/watch_shard.hpp, which decides;
// monitor/calls.hpp, what users call; monitor/work.hpp, what the executor runs; monitor/teller.hpp, who tells the sink;
// monitor/lifetime.hpp, the end.
//
// Who runs where:
//   turn   a shard's timer, on the executor: time passes; never runs user code, so a slow sink delays no decision (G10)
//   tell   one work, on the executor's pool for blocking work, if it has one: the sink, one expiry at a time
//   touch  on whatever thread a beat arrives; watch, forget and sweep as well
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/monitor/lifetime.hpp>
#include <heartbeat/detail/monitor/policies.hpp>
#include <heartbeat/detail/monitor/teller.hpp>
#include <heartbeat/detail/monitor/watch_shard.hpp>
#include <heartbeat/detail/threads/default_shards.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/monitor_options.hpp>
#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

template <class Key, class C, class E, class D>
class MonitorEngine final : public MonitorLifetime {
 public:
  using Shard = WatchShard<Key, D>;
  using Record = typename Shard::Record;
  using RecordPtr = typename Shard::RecordPtr;
  using Sink = std::function<void(const Expiry<Key, C>&)>;

  MonitorEngine(C clock, E executor, const D& detector, Sink sink, const MonitorOptions& options)
      : policies_{std::in_place, std::move(clock), std::move(executor), std::move(sink)},
        room_{options.event_capacity},
        teller_{*this, *policies_, shards_} {
    const std::size_t count = options.shards ? *options.shards : default_shards();
    const typename Shard::Policy policy{.scale = TickScale{options.tick.count()},
                                        .gap_threshold = options.gap_threshold.count()};
    for (std::size_t i = 0; i < count; ++i) {
      shards_.push_back(std::make_unique<Shard>(detector, policy, room_, now(), i, count));
      turns_.push_back(std::make_unique<Turn>(*this, *shards_.back()));
    }
  }

  // --- what users call (monitor/calls.hpp); the monitor is alive
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
  [[nodiscard]] const D& detector() const noexcept { return shards_.front()->detector(); }
  [[nodiscard]] Instant now() const noexcept { return to_instant<C>(policies_->clock.now()); }

  // --- the end (monitor/work.hpp)
  bool shutdown(Duration grace) noexcept;
  /// The monitor is being destroyed; the engine frees itself.
  void release() noexcept;

 private:
  // The timer of a shard's turns.
  class Turn final : public Timer {
   public:
    Turn(MonitorEngine& engine, Shard& shard) noexcept : engine_{engine}, shard_{shard} {}
    void run() noexcept override { engine_.turn(*this, shard_); }
    void drop() noexcept override { engine_.remove_reference(); }

   private:
    MonitorEngine& engine_;
    Shard& shard_;
  };

  // Where a key lives.
  struct Place {
    Shard& shard;
    std::size_t number;  // of the shard
    std::uint32_t hash;
  };

  ~MonitorEngine() override = default;

  // --- monitor/calls.hpp
  [[nodiscard]] Place place_of(const Key& key) const {
    const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
    const std::size_t number = hash & (shards_.size() - 1);
    return {*shards_[number], number, static_cast<std::uint32_t>(hash >> 32)};
  }
  [[nodiscard]] static bool sweep_one(Shard& shard, std::vector<Key>& keys);

  // --- monitor/work.hpp
  void perform(Turn& turn, const MonitorEffects& effects) noexcept;
  void arm(Turn& turn, Instant at) noexcept;
  void turn(Turn& turn, Shard& shard) noexcept;
  void tell_rest() noexcept override { teller_.tell_all(); }
  void destroy_policies() noexcept override;

  std::optional<MonitorPolicies<Key, C, E>> policies_;  // destroyed once quiet and released
  EventRoom room_;                                      // for what waits to be reported
  std::vector<std::unique_ptr<Shard>> shards_;          // constant once made
  std::vector<std::unique_ptr<Turn>> turns_;            // constant once made, one per shard
  ExpiryTeller<Key, C, E, Shard> teller_;
};

}  // namespace heartbeat::detail

#include <heartbeat/detail/monitor/calls.hpp>  // IWYU pragma: export
#include <heartbeat/detail/monitor/work.hpp>   // IWYU pragma: export
