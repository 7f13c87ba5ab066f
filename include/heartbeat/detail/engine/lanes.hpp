// SPDX-License-Identifier: BSL-1.0
// Lanes: what may block runs in them, on the executor's pool for blocking work if it has one. A lane takes one task
// after the other: tokens to request, events to tell, blocking calls; in this order, so that a dead server's calls do
// not hold the news of it up. And the cancelling of parents. Included by engine.hpp.
#pragma once

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

inline constexpr int tasks_at_once = 64;

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::post_lane(Lane& lane) noexcept {
  shard(0).pin();
  if constexpr (BlockingExecutor<E>) {
    policies_->executor.post_blocking(lane);
  } else {
    policies_->executor.post(lane);
  }
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::wake_lane() noexcept {
  Lane* lane = nullptr;
  {
    const MutexLock lock{lanes_mutex_};
    ++signals_;
    lane = idle_lanes_;
    if (lane != nullptr) idle_lanes_ = lane->next_idle;
  }
  if (lane != nullptr) post_lane(*lane);
}

// A lane rests only if nothing was wanted since it began to look: no signal is lost between its look and its rest.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::run_lane(Lane& lane) noexcept {
  Shard& home = shard(0);
  if (home.gate().enter()) {
    bool is_idle = false;
    for (int tasks = 0; !is_idle && tasks < (BlockingExecutor<E> ? tasks_at_once : 1);) {
      std::uint64_t seen = 0;
      {
        const MutexLock lock{lanes_mutex_};
        seen = signals_;
      }
      if (run_one_task()) {
        ++tasks;
        continue;
      }
      const MutexLock lock{lanes_mutex_};
      if (signals_ != seen) continue;
      lane.next_idle = std::exchange(idle_lanes_, &lane);
      is_idle = true;
    }
    if (!is_idle) post_lane(lane);
    if (home.gate().leave()) gate_emptied();
  }
  home.unpin();  // may free us
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::run_one_task() noexcept {
  return fire_token() || tell_event() || call_blocking();
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::fire_token() noexcept {
  const std::size_t first = next_shard();
  for (std::size_t i = 0; i < shard_count(); ++i) {
    Shard& home = shard((first + i) % shard_count());
    Shard::Firing firing;
    bool more = false;
    {
      const MutexLock lock{home.mutex()};
      if (!home.take_token(firing)) continue;
      more = home.has_news();
    }
    if (more && lanes_.size() > 1) wake_lane();  // one that is stuck must not hold the others up
    fire(home, firing);
    return true;
  }
  return false;
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::fire(Shard& home, Shard::Firing& firing) noexcept {
  {
    const CallbackFrame frame;
    firing.source.request_stop();
  }
  Effects effects;
  {
    const MutexLock lock{home.mutex()};
    home.fired(firing, effects);
  }
  if (effects.has_news) wake_lane();  // whoever tells at this moment may have looked here already
  free_dead(effects);
}

// --- parents

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::post_cancel(ParentLink& link) noexcept {
  CallbackGate& gate = shard(0).gate();
  if (!gate.enter()) return;  // shut down: everything has ended
  if (link.post_once()) {
    shard(0).pin();
    policies_->executor.post(link);
  }
  if (gate.leave()) gate_emptied();
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::run_cancel(ParentLink& link) noexcept {
  link.posted_out();
  CallbackGate& gate = shard(0).gate();
  if (gate.enter()) {
    while (Record* child = link.take_child()) {
      const RecordReference mine{child};
      end(*mine, EndReason::parent_cancelled);
    }
    if (gate.leave()) gate_emptied();
  }
  drop_cancel(link);
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::drop_cancel(ParentLink& link) noexcept {
  link.remove_reference();
  shard(0).unpin();  // may free us
}

}  // namespace heartbeat::detail
