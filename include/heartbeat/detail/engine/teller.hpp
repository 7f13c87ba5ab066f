// SPDX-License-Identifier: BSL-1.0
// What lanes tell: stop tokens, each by any of them; events, one at a time, by whichever has the role, so that a slow
// sink delays events alone. Included by engine.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, inside a gate or as the last one out; no lock held.
template <class Engine>
class Teller {
 public:
  explicit Teller(Engine& engine) noexcept : engine_{engine} {}

  /// Requests one token that the engine's ends and timeouts have left; false if there is none.
  [[nodiscard]] bool fire_token() noexcept {
    return engine_.any_shard([this](Shard& home) {
      Firing firing;
      bool more = false;
      {
        Effects effects;
        const MutexLock lock{home.mutex()};
        const Hold hold = home.hold(effects);
        if (!Telling{hold}.take_token(firing)) return false;
        more = Telling{hold}.has_news();
      }
      auto& lanes = engine_.parts().lanes;
      if (more && lanes.size() > 1) lanes.wake();  // one that is stuck must not hold the others up
      fire(home, firing);
      return true;
    });
  }

  /// Requests the tokens of its calls that timed out, and that nobody has come to request yet.
  void fire_calls_of(Record& record) noexcept {
    Shard& home = record.shard();
    for (Firing firing;; firing = {}) {
      {
        Effects effects;
        const MutexLock lock{home.mutex()};
        if (!Telling{home.hold(effects)}.take_token_of(record, firing)) return;
      }
      fire(home, firing);
    }
  }

  /// False if there is nothing to tell, or another thread has the role; whoever has it looks again before it rests.
  [[nodiscard]] bool tell_event() noexcept {
    if (!engine_.parts().policies->sink || is_telling_.exchange(true, std::memory_order_acquire)) return false;
    const bool has_told = engine_.any_shard([this](Shard& home) {
      Delivery delivery;
      {
        Effects effects;
        const MutexLock lock{home.mutex()};
        if (!Telling{home.hold(effects)}.take_event(delivery)) return false;
      }
      tell(home, delivery);
      return true;
    });
    is_telling_.store(false, std::memory_order_release);
    return has_told;
  }

 private:
  void fire(Shard& home, Firing& firing) noexcept {
    {
      const CallbackFrame frame{engine_.owner()};
      firing.source.request_stop();
    }
    Effects effects;
    {
      const MutexLock lock{home.mutex()};
      Telling{home.hold(effects)}.fired(firing);
    }
    finish(effects);
  }

  void tell(Shard& home, const Delivery& delivery) noexcept {
    std::uint64_t told = 0;
    std::uint64_t threw = 0;
    const auto tell_one = [&](EventKind kind, Instant at) {
      ++told;
      if (!tell_sink(delivery, kind, at)) ++threw;
    };
    for (auto kind = EventKind::started; kind != EventKind::ended;
         kind = static_cast<EventKind>(static_cast<unsigned>(kind) + 1)) {
      if ((delivery.mask & mask_of(kind)) != 0) tell_one(kind, delivery.at);
    }
    if (delivery.is_end) tell_one(EventKind::ended, delivery.record->life.ended_at());
    Effects effects;
    {
      const MutexLock lock{home.mutex()};
      Telling{home.hold(effects)}.delivered(delivery, told, threw);
    }
    finish(effects);
  }

  // False if the sink threw.
  [[nodiscard]] bool tell_sink(const Delivery& delivery, EventKind kind, Instant at) noexcept {
    using Clock = typename Engine::Clock;
    const Record& record = *delivery.record;
    std::string words;
    const Event<typename Engine::KeyType, Clock> event{
        .key = key_of<typename Engine::KeyType>(record),
        .generation = record.generation,
        .kind = kind,
        .at = to_time_point<Clock>(at),
        .reason = kind == EventKind::ended ? record.life.reason() : EndReason::stopped,
        .error = delivery.error_of(kind),
        .text = delivery.text_of(kind, words),
        .failures = delivery.failures,
        .close_follows = delivery.close_follows};
    const CallbackFrame frame{engine_.owner()};
    try {
      engine_.parts().policies->sink(event);
      return true;
    } catch (...) {
      return false;
    }
  }

  void finish(Effects& effects) noexcept {
    if (effects.has_news) engine_.parts().lanes.wake();  // whoever tells at this moment may have looked here already
    engine_.free_dead(effects);
  }

  Engine& engine_;
  Atomic<bool> is_telling_{false};  // the one who has set it tells events
};

}  // namespace heartbeat::detail
