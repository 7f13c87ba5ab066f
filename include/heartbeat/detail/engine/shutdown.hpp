// SPDX-License-Identifier: BSL-1.0
// The end of an engine: everything ended, closes sent as long as there is time, gates closed, ends told, policies
// destroyed by whoever comes last. The drawing is in engine.hpp, which includes this.
#pragma once

#include <array>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

// Ends every running heartbeat on the caller's thread; how many.
template <class Key, class T, class C, class E>
std::size_t Engine<Key, T, C, E>::end_all(EndReason reason) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < shard_count(); ++i) {
    Shard& home = shard(i);
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      std::array<Record*, Shard::slice> some;  // not a vector: a destructor must not need memory
      std::size_t found = 0;
      {
        const MutexLock lock{home.mutex()};
        while (cursor != KeyIndex<Record>::visit_end && found < Shard::slice / 2) {
          const std::uint64_t next = home.index().visit(cursor, [&](Record& record) {
            if (record.life.is_ended() || found == Shard::slice) return;
            record.references.fetch_add(1, std::memory_order_relaxed);  // under the lock the record is alive
            some[found++] = &record;
          });
          cursor = next;
        }
      }
      for (Record* record : std::span{some}.first(found)) {
        const RecordReference mine{record};
        if (end_now(*mine, reason)) ++count;
      }
    }
  }
  return count;
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::shutdown(Duration grace) noexcept {
  add_reference();  // the sink may destroy the registry while we are here
  const bool may_wait = !CallbackFrame::is_inside() && grace > Duration{};
  std::chrono::nanoseconds left{grace};
  if (CallbackGate& gate = shard(0).gate(); gate.enter()) {  // else another shutdown is that far already
    left = end_everything(grace, may_wait);
    if (gate.leave()) gate_emptied();
  }
  for (std::size_t i = 0; i < shard_count(); ++i) {
    if (shard(i).gate().close()) gate_emptied();  // from here on the policies may be gone
  }
  if (may_wait) quieter_.wait_for(left, [this] { return (ending_.load() & is_quiet) != 0; });
  const bool is_done = (ending_.load() & is_quiet) != 0;
  remove_reference();
  return is_done;
}

// Everything of a shutdown that needs the policies; what is left of the grace. REQUIRES: inside a gate, so that the
// policies stay, also when a stop callback that runs here destroys the registry.
template <class Key, class T, class C, class E>
std::chrono::nanoseconds Engine<Key, T, C, E>::end_everything(Duration grace, bool may_wait) noexcept {
  const Instant limit = add(now(), grace.count());
  for (std::size_t i = 0; i < shard_count(); ++i) {
    const MutexLock lock{shard(i).mutex()};
    shard(i).close(may_wait);
  }
  end_all(EndReason::shut_down);
  if (may_wait && has_close) wait_for(grace, [this] { return open_closes() == 0; });
  for (std::size_t i = 0; i < shard_count(); ++i) {
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      Effects effects;
      {
        const Instant at = now();
        const MutexLock lock{shard(i).mutex()};
        shard(i).close(false);
        shard(i).give_up(cursor, at, effects);
        if (cursor == KeyIndex<Record>::visit_end) shard(i).let_go(effects);
      }
      free_dead(effects);
    }
  }
  while (fire_token()) {  // calls that wait for their tokens keep the gates from becoming empty
  }
  return std::chrono::nanoseconds{limit - now()};
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::release() noexcept {
  shutdown({});
  if (!CallbackFrame::is_inside()) quieter_.wait([this] { return (ending_.load() & is_quiet) != 0; });
  if ((ending_.fetch_or(is_orphaned) & is_quiet) != 0) destroy_policies();
}

// All gates are closed and empty: nobody else is inside, and nobody will be.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::become_quiet() noexcept {
  while (fire_token() || tell_event()) {
  }
  int before = 0;
  quieter_.ring([&] { before = ending_.fetch_or(is_quiet); });
  if ((before & is_orphaned) != 0) destroy_policies();
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::destroy_policies() noexcept {
  for (std::size_t i = 0; i < shard_count(); ++i) {
    if (policies_->executor.cancel(drivers_[i]->turn)) shard(i).unpin();
  }
  policies_.reset();
  remove_reference();  // the registry's
}

// Waits in real time, or drives an executor that lives in virtual time.
template <class Key, class T, class C, class E>
template <class Done>
void Engine<Key, T, C, E>::wait_for(Duration grace, Done done) noexcept {
  if constexpr (HelpingExecutor<E>) {
    const Instant limit = add(now(), grace.count());
    policies_->executor.help_until([&] { return done() || now() >= limit; });
  } else {
    quieter_.wait_for(grace, done);
  }
}

template <class Key, class T, class C, class E>
std::size_t Engine<Key, T, C, E>::open_closes() noexcept {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < shard_count(); ++i) {
    const MutexLock lock{shard(i).mutex()};
    sum += shard(i).open_closes();
  }
  return sum;
}

}  // namespace heartbeat::detail
