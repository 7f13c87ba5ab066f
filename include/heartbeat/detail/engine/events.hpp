// SPDX-License-Identifier: BSL-1.0
// Telling events: one at a time, by whichever lane has the role, so that a slow sink delays events alone. Included by
// engine.hpp.
#pragma once

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

// False if there is nothing to tell, or another thread has the role; whoever has it looks again before it rests.
template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::tell_event() noexcept {
  if (!policies_->sink || is_telling_.exchange(true, std::memory_order_acquire)) return false;
  bool has_told = false;
  const std::size_t first = next_shard();
  for (std::size_t i = 0; i < shard_count() && !has_told; ++i) {
    Shard& home = shard((first + i) % shard_count());
    Shard::Delivery delivery;
    {
      const MutexLock lock{home.mutex()};
      has_told = home.take_event(delivery);
    }
    if (has_told) tell(home, delivery);
  }
  is_telling_.store(false, std::memory_order_release);
  return has_told;
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::tell(Shard& home, Shard::Delivery& delivery) noexcept {
  std::uint64_t told = 0;
  std::uint64_t threw = 0;
  const Record& record = *delivery.record;
  const auto tell_one = [&](EventKind kind, Instant at) {
    const Event<Key, C> event{.key = key_of<Key>(record),
                              .generation = record.generation,
                              .kind = kind,
                              .at = to_time_point<C>(at),
                              .reason = kind == EventKind::ended ? record.life.reason() : EndReason::stopped,
                              .error = delivery.error,
                              .text = delivery.text,
                              .failures = delivery.failures};
    const CallbackFrame frame;
    ++told;
    try {
      policies_->sink(event);
    } catch (...) {
      ++threw;
    }
  };
  for (auto kind = EventKind::started; kind != EventKind::ended;
       kind = static_cast<EventKind>(static_cast<unsigned>(kind) + 1)) {
    if ((delivery.mask & mask_of(kind)) != 0) tell_one(kind, delivery.at);
  }
  if (delivery.is_end) tell_one(EventKind::ended, record.life.ended_at());
  Effects effects;
  {
    const MutexLock lock{home.mutex()};
    home.delivered(delivery, told, threw, effects);
  }
  if (effects.has_news) wake_lane();
  free_dead(effects);
}

}  // namespace heartbeat::detail
