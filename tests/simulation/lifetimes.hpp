// SPDX-License-Identifier: BSL-1.0
// Plans of worlds in which little goes wrong but what a heartbeat's own measures decide about: absences about as long
// as it has to spare, ttls told that are far shorter than the one asked for, or not told any more, and failures up to
// the limit. In others something else ends it before. Included by plan.hpp; read next: absences.hpp.
#pragma once

#include <array>

#include "plan.hpp"

namespace heartbeat::simulation {

inline void lift_limits(Plan& plan) {
  plan.registry.max_in_flight = RegistryOptions{}.max_in_flight;
  plan.registry.max_sends_per_second.reset();
  if (plan.form == BeatForm::blocking) plan.form = BeatForm::async;
}

// One place, which calls that nobody answers keep for as long as they may: who is in his grace waits for it.
inline void leave_one_place(Plan& plan, Dice& dice) {
  lift_limits(plan);
  plan.registry.max_in_flight = 1;
  plan.request_lost = 0.6;
  plan.fails = 0;
  plan.keys = static_cast<int>(3 + dice.below(4));
  plan.has_gates = false;
  plan.pause_of_callers = 500ms;
  plan.is_away_at_ends_every = 1s;
}

// One seed in four. Drawn by dice of its own: what other worlds are does not depend on it.
inline void draw_lifetimes(Plan& plan) {
  Dice dice{plan.seed ^ 0x11FE71E5U};
  if (!dice.chance(0.25)) return;
  plan.throws = plan.throws_late = plan.slow = plan.fails_for_good = plan.bad_ttl = plan.answered_twice = 0;
  plan.reenters = plan.sink_throws = plan.slow_sink = plan.close_fails = plan.close_twice = 0;
  plan.forgets_every = plan.restarts_every = plan.pauses_every = plan.is_away_every = Span{0};
  plan.has_groups = plan.has_parents = plan.has_keepers = plan.ends_early = false;
  plan.has_gates = dice.chance(0.2);
  plan.pause_of_callers = dice.between(1s, 5s);
  plan.given_up = 1;
  const double often = dice.chance(0.5) ? 0.3 : 0.6;
  plan.request_lost = dice.chance(0.5) ? often : 0;
  plan.fails = plan.request_lost == 0 || dice.chance(0.5) ? often : 0;
  if (dice.chance(0.5)) {  // few attempts, and so a floor that is longer than what counts as an absence
    plan.sets_floor = plan.sets_attempts = 0.9;
    plan.most_attempts = 2;
  }
  if (dice.chance(0.6)) lift_limits(plan);
  static constexpr std::array<Span, 3> thresholds{50ms, 1s, 20s};
  plan.registry.gap_threshold = Duration{thresholds[dice.below(thresholds.size())]};
  plan.tells_ttl = dice.chance(0.5);
  plan.changes_ttl = plan.tells_ttl ? 0.1 : 0;
  plan.wavers = 0;
  plan.tells_rest = false;
  if (dice.chance(0.5)) {
    plan.told_least = 20ms;
    plan.told_most = 3s;
  }
  plan.keeps_ttl_back = dice.chance(0.5) && plan.tells_ttl ? 0.2 : 0;
  plan.limits_failures = dice.chance(0.3) ? 0.7 : 0;
  plan.most_failures = 4;
  if (dice.chance(0.7)) plan.is_away_at_ends_every = dice.between(1s, 5s);
  if (plan.is_limited() && dice.chance(0.7)) leave_one_place(plan, dice);
}

}  // namespace heartbeat::simulation
