// SPDX-License-Identifier: BSL-1.0
// What a monitor's executor runs, turns and tells, and the monitor's end. Included by monitor/engine.hpp, which draws
// it.
#pragma once

#include <array>

#include <heartbeat/detail/monitor/engine.hpp>

namespace heartbeat::detail {

// --- time

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::perform(Turn& turn, const MonitorEffects& effects) noexcept {
  if (effects.wake_at != instant_never) arm(turn, effects.wake_at);
  if (effects.has_news) wake_teller();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::arm(Turn& turn, Instant at) noexcept {
  add_reference();
  if (!policies_->executor.wake_by(turn, to_time_point<C>(at))) remove_reference();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::turn(Turn& turn) noexcept {
  if (gate_.enter()) {
    bool more = true;
    for (int slices = 0; more && slices < slices_at_once; ++slices) {
      const Instant at = now();
      MonitorEffects effects;
      {
        const MutexLock lock{turn.shard.mutex()};
        more = turn.shard.advance(at, effects);
        turn.shard.woke(more);
        if (!more) turn.shard.arm(effects);
      }
      perform(turn, effects);
    }
    if (more) arm(turn, now());
    if (gate_.leave()) become_quiet();
  }
  remove_reference();
}

// --- telling

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::wake_teller() noexcept {
  if (policies_->sink && news_.fetch_add(1) == 0) post_teller();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::post_teller() noexcept {
  add_reference();
  if constexpr (BlockingExecutor<E>) {
    policies_->executor.post_blocking(tell_);
  } else {
    policies_->executor.post(tell_);
  }
}

// Rests only if nobody wanted a teller since this one began to look: no expiry is forgotten between look and rest.
template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::tell() noexcept {
  if (gate_.enter()) {
    const std::uint64_t seen = news_.load();
    int told = 0;
    while (told < tells_at_once && tell_one())
      ++told;
    if (told == tells_at_once || news_.fetch_sub(seen) != seen) post_teller();
    if (gate_.leave()) become_quiet();
  }
  remove_reference();
}

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::tell_one() noexcept {
  for (std::size_t i = 0; i < turns_.size(); ++i) {
    Shard& shard = turns_[next_turn_++ % turns_.size()]->shard;
    RecordPtr record;
    {
      const MutexLock lock{shard.mutex()};
      record = shard.take();
      if (record != nullptr) ++shard.counters().told;
    }
    if (record == nullptr) continue;
    const CallbackFrame frame;
    try {
      policies_->sink(
          Expiry<Key, C>{.key = record->key,
                         .generation = record->generation,
                         .touched_at = to_time_point<C>(record->touched),
                         .expired_at = to_time_point<C>(record->ttl),
                         .reason = record->has_grace ? ExpiryReason::silent_in_grace : ExpiryReason::silent});
    } catch (...) {
      const MutexLock lock{shard.mutex()};
      ++shard.counters().sink_threw;
    }
    return true;
  }
  return false;
}

// --- shutdown

template <class Key, class C, class E, class D>
bool MonitorEngine<Key, C, E, D>::shutdown(Duration grace) noexcept {
  add_reference();  // the sink may destroy the monitor while we are here
  for (const std::unique_ptr<Turn>& turn : turns_) {
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      std::array<RecordPtr, Shard::slice> some;  // freed when the lock is free
      const MutexLock lock{turn->shard.mutex()};
      turn->shard.close();
      static_cast<void>(turn->shard.forget_some(cursor, some));
    }
  }
  if (gate_.close()) become_quiet();
  const auto done = [this] { return (ending_.load() & is_quiet) != 0; };
  const bool is_done = !CallbackFrame::is_inside() && grace > Duration{} ? quieter_.wait_for(grace, done) : done();
  remove_reference();
  return is_done;
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::release() noexcept {
  shutdown({});
  if (!CallbackFrame::is_inside()) quieter_.wait([this] { return (ending_.load() & is_quiet) != 0; });
  if ((ending_.fetch_or(is_orphaned) & is_quiet) != 0) destroy_policies();
}

// Keys are the user's: none outlives the policies, though a turn that the executor holds may keep us.
template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::free_untold(Shard& shard) noexcept {
  for (RecordPtr record;;) {
    {
      const MutexLock lock{shard.mutex()};
      record = shard.take();
    }
    if (record == nullptr) return;
    record.reset();
  }
}

// The gate is closed and empty: nobody else is inside, and nobody will be.
template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::become_quiet() noexcept {
  while (policies_->sink && tell_one()) {
  }
  int before = 0;
  quieter_.ring([&] { before = ending_.fetch_or(is_quiet); });
  if ((before & is_orphaned) != 0) destroy_policies();
}

template <class Key, class C, class E, class D>
void MonitorEngine<Key, C, E, D>::destroy_policies() noexcept {
  for (const std::unique_ptr<Turn>& turn : turns_) {
    if (policies_->executor.cancel(*turn)) remove_reference();
  }
  for (const std::unique_ptr<Turn>& turn : turns_)
    free_untold(turn->shard);
  policies_.reset();
  remove_reference();  // the monitor's
}

}  // namespace heartbeat::detail
