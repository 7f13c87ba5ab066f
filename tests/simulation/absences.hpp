// SPDX-License-Identifier: BSL-1.0
// When the process is away, and for how long: at any time, or aimed at the end of a heartbeat's validity, for about as
// long as it takes to count as an absence. Included by world.hpp.
#pragma once

#include <algorithm>

#include "world.hpp"

namespace heartbeat::simulation {

// About as long as it takes to count as one for this heartbeat; or back before the floor after its last beat is over.
inline Span World::absence_of(const Life& life, Time due) {
  const Span gap = model_.gap_of(life);
  if (life.beats.size() > life.acknowledged && dice_.chance(0.5)) {
    const Time floor_over = life.beats.back().sent + life.terms.floor;
    if (floor_over > std::max(due + gap, life.limit())) {
      return dice_.between(std::max(gap, life.limit() - due), floor_over - due);
    }
  }
  return dice_.between(gap / 2, (dice_.chance(0.7) ? 2 : 4) * gap);
}

// Something is due then: it is seen so much later.
inline Span World::absence_at(Time due) {
  if (is_calm_) return Span{0};
  if (next_away_ >= Time{0} && next_away_ <= due) {
    const Span away = dice_.chance(0.5) ? dice_.between(1ms, 1s) : dice_.between(10ms, 20s);
    next_away_ = due + away + dice_.about(2 * plan_.is_away_every);
    return away;
  }
  if (plan_.is_away_at_ends_every == Span{0}) return Span{0};
  const bool is_rested = due >= away_to_ + plan_.is_away_at_ends_every;
  for (const int owner : unfinished_) {
    const Life& life = model_.life({0, owner});
    if (life.ended) continue;
    const Time limit = life.limit();
    const bool is_near = is_rested && due <= limit && limit <= due + std::max(model_.gap_of(life), life.terms.floor);
    const bool is_in_grace = life.gap_end && life.has_beat();
    if ((is_near || is_in_grace) && dice_.chance(0.3))
      return std::max(absence_of(life, due), Span{Duration{plan_.registry.tick}});
  }
  return Span{0};
}

}  // namespace heartbeat::simulation
