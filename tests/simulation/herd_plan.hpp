// SPDX-License-Identifier: BSL-1.0
// Plans of worlds in which many heartbeats are alike and due at one moment: only there a batch is more than a few, and
// a burst longer than what shards may have put by. Little else goes wrong, so that nothing but batches, or the rate,
// decides. Included by plan.hpp; read next: batch_rules.hpp, rate_rules.hpp.
#pragma once

#include <array>

#include "plan.hpp"

namespace heartbeat::simulation {

// A transport that takes many keys in one call and throws the call back: always for one of them, or now and then.
inline void draw_batches(Plan& plan, Dice& dice) {
  plan.form = BeatForm::batch;
  if (dice.chance(0.4)) {
    plan.bad_key = static_cast<int>(dice.below(static_cast<std::uint64_t>(plan.herd)));
    return;
  }
  plan.throws = dice.chance(0.5) ? 0.2 : 0.5;
  plan.throws_late = dice.chance(0.2) ? 0.1 : 0;
  plan.fails = dice.chance(0.5) ? 0.1 : 0;
}

// A rate that gives all of them enough, but not at one moment; or less. Then a server that fails, or a process that was
// away, makes many of them due besides.
inline void draw_rate(Plan& plan, Dice& dice) {
  static constexpr std::array<std::uint32_t, 6> rates{4, 9, 40, 100, 200, 400};
  plan.form = dice.chance(0.3) ? BeatForm::batch : BeatForm::async;
  plan.registry.max_sends_per_second = rates[dice.below(rates.size())];
  if (*plan.registry.max_sends_per_second < 10) plan.herd = plan.keys = static_cast<int>(1 + dice.below(2));
  plan.closes = dice.chance(0.5);
  if (dice.chance(0.5)) return;
  plan.fails = dice.chance(0.6) ? 0.9 : 0;
  plan.close_fails = dice.chance(0.3) ? 0.9 : 0;
  plan.is_away_every = dice.chance(0.4) ? 3s : 0s;
}

// One seed in twelve, a world of its own: drawn by dice of its own, so that the others stay what they are.
inline void draw_herds(Plan& drawn) {
  Dice dice{drawn.seed ^ 0x4E7D5EEDU};
  if (!dice.chance(1.0 / 12)) return;
  Plan plan;
  plan.seed = drawn.seed;
  plan.registry.seed = drawn.registry.seed;
  plan.registry.tick = drawn.registry.tick;
  plan.registry.shards = dice.chance(0.6) ? 1 : drawn.registry.shards;
  plan.herd = plan.keys = static_cast<int>(6 + dice.below(35));
  plan.busy = dice.between(4s, 12s);
  plan.pause_of_callers = dice.between(500ms, 2s);
  plan.is_never_calm = true;  // with so many, calm is long
  plan.inline_answer = dice.chance(0.3) ? 1 : 0;
  plan.delay = dice.chance(0.5) ? Span{0} : Span{5ms};
  plan.closes = dice.chance(0.5);
  if (dice.chance(0.5)) {
    draw_batches(plan, dice);
  } else {
    draw_rate(plan, dice);
  }
  drawn = plan;
}

}  // namespace heartbeat::simulation
