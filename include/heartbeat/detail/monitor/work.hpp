// SPDX-License-Identifier: BSL-1.0
// A monitor's turns, which its executor runs, and the monitor's end. Included by monitor/engine.hpp, which draws it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <heartbeat/detail/monitor/engine.hpp>
#include <heartbeat/detail/timing/turn.hpp>

namespace heartbeat::detail {

// --- time

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::perform(Turn& turn, const MonitorEffects& effects) noexcept {
  if (effects.wake_at != instant_never) arm(turn, effects.wake_at);
  if (effects.has_news) teller_.wake();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::arm(Turn& turn, Instant at) noexcept {
  add_reference();
  if (!policies_->executor.wake_by(turn, to_time_point<C>(at))) remove_reference();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::turn(Turn& turn, Shard& shard) noexcept {
  if (enter()) {
    const bool has_more = take_turn([&] {
      const Instant at = now();
      MonitorEffects effects;
      bool more = false;
      {
        const MutexLock lock{shard.mutex()};
        more = shard.advance(at, effects);
        shard.woke(more);
        if (!more) shard.arm(effects);
      }
      perform(turn, effects);
      return more;
    });
    if (has_more) arm(turn, now());
    leave();
  }
  remove_reference();
}

// --- shutdown

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::shutdown(Duration grace) noexcept {
  if (!is_here()) return true;
  add_reference();  // the sink may destroy the monitor while we are here
  for (const std::unique_ptr<Shard>& shard : shards_) {
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      std::array<RecordPtr, Shard::slice> some;  // freed when the lock is free
      const MutexLock lock{shard->mutex()};
      shard->roster().close();
      static_cast<void>(shard->forget_some(cursor, some));
    }
  }
  const bool is_done = close(grace);
  remove_reference();
  return is_done;
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::release() noexcept {
  if (!is_here()) return;
  shutdown({});
  let_go();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::destroy_policies() noexcept {
  for (const std::unique_ptr<Turn>& turn : turns_) {
    if (policies_->executor.cancel(*turn)) remove_reference();
  }
  // Keys are the user's: none outlives the policies, though a turn that the executor holds may keep us.
  for (const std::unique_ptr<Shard>& shard : shards_) {
    for (bool has_taken = true; has_taken;) {
      RecordPtr record;  // freed when the lock is free
      const MutexLock lock{shard->mutex()};
      record = shard->untold().take();
      has_taken = record != nullptr;
    }
  }
  policies_.reset();
  remove_reference();  // the monitor's
}

}  // namespace heartbeat::detail
