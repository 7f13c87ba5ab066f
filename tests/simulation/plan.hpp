// SPDX-License-Identifier: BSL-1.0
// What a seed decides before a run begins: how the registry is set up, and which kinds of fault there are at all. Each
// kind is off in most runs and weighs wildly different in the others: an even mix of everything hides what needs two
// faults to meet undisturbed. Read next: world.hpp.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <heartbeat/options.hpp>
#include <heartbeat/transport.hpp>

#include "dice.hpp"

namespace heartbeat::simulation {

using namespace std::chrono_literals;  // NOLINT

struct Plan {
  std::uint64_t seed = 0;
  RegistryOptions registry;
  BeatForm form = BeatForm::async;
  std::size_t places = 1;   // of the pool that blocking calls have
  int keys = 1;             // callers fight for so many
  Span busy{};              // how long callers and faults go on
  Span pause_of_callers{};  // between two of their operations, about

  // Of a call (chances).
  double throws = 0;         // unanswered
  double throws_late = 0;    // after it answered inside the call
  double drops = 0;          // the completion, inside the call
  double inline_answer = 0;  // answered inside the call
  double request_lost = 0;
  double answer_lost = 0;
  double given_up = 0;  // of what is lost: the completion dies later, instead of never
  double answered_twice = 0;
  double slow = 0;  // takes far longer than usual
  Span delay{};     // one way, about
  // Of one that blocks.
  double ignores_timeout = 0;
  double ignores_token = 0;

  // Of the server.
  double fails = 0;           // answers with an error
  double fails_for_good = 0;  // of these: no use to try again
  double bad_ttl = 0;         // tells one that makes no sense
  bool tells_ttl = false;
  double changes_ttl = 0;   // of those that it tells
  double wavers = 0;        // by how much, at most, what it tells differs from what it means
  bool tells_rest = false;  // of a time that runs out, and begins anew
  Span told_least = 300ms;  // of those that it changes to
  Span told_most = 60s;
  double keeps_ttl_back = 0;  // acknowledges, and tells none
  Span forgets_every{};       // one session, about; zero: never
  Span restarts_every{};      // forgets all
  Span pauses_every{};
  Span patience{};  // keeps sessions for so much longer than it says

  // Of the client.
  Span is_away_every{};          // the process is paused, or the machine sleeps
  Span is_away_at_ends_every{};  // near the end of a heartbeat's validity, not more often than that
  double limits_failures = 0.1;  // how many in a row end a heartbeat
  std::uint32_t most_failures = 8;
  double sets_floor = 0.3;
  double sets_attempts = 0.3;
  std::uint32_t most_attempts = 6;
  double reenters = 0;  // a callback that calls back
  double sink_throws = 0;
  double slow_sink = 0;  // keeps an event while time goes on; callers wait until it returns, and nothing is closed
  bool has_parents = false;
  bool has_groups = false;
  bool has_gates = false;      // progress_within
  bool has_keepers = false;    // OnStall::keep_beating
  bool closes = false;         // the server is told of ends
  double close_fails = 0;      // the server answers with an error, and executes nothing
  double close_twice = 0;      // the network brings it twice
  double follows_recipe = 0;   // of who starts: stop, wait for the close, open, start
  int herd = 0;                // so many are started at once, and alike; zero: not many at once
  int bad_key = -1;            // each batch with it throws, and nothing else goes wrong; -1: none
  bool ends_early = false;     // shut down in the middle of it all
  bool is_never_calm = false;  // the end comes as soon as the callers rest

  /// A limit makes beats late that nothing else makes late.
  [[nodiscard]] bool is_limited() const { return is_limited_without_pool() || form == BeatForm::blocking; }
  [[nodiscard]] bool is_limited_without_pool() const {
    return registry.max_in_flight < 1000 || registry.max_sends_per_second.has_value();
  }
  /// Answers take time; else they come at once, or not at all.
  [[nodiscard]] bool has_round_trips() const { return delay > Span{0} || slow > 0 || pauses_every > Span{0}; }
  /// Calls may have to wait for others to be over.
  [[nodiscard]] bool is_short_of_calls() const { return registry.max_in_flight < 1000 || form == BeatForm::blocking; }
  /// Blocking calls at once: what tokens and events need is left.
  [[nodiscard]] std::size_t most_calling() const { return places > 2 ? places - 2 : 1; }
};

// What callers and the end of the registry do about closes.
inline void draw_closes(Plan& plan, Dice& dice) {
  plan.follows_recipe = dice.chance(0.3) ? 0.7 : 0.1;
  static constexpr std::array<Span, 4> graces{2s, 2s, 20s, Span{0}};
  plan.registry.close_grace = Duration{graces[dice.below(graces.size())]};
}

// A transport whose calls block, on a pool that may be too small for them.
inline void draw_pool(Plan& plan, Dice& dice) {
  const auto some = [&] { return dice.chance(0.4) ? dice.chance(0.5) ? 0.1 : 0.5 : 0.0; };
  plan.form = BeatForm::blocking;
  plan.places = 1 + dice.below(6);
  plan.slow_sink = 0;
  plan.ignores_timeout = some();
  plan.ignores_token = dice.chance(0.3) ? 1.0 : some();
}

// Limits that many shards share, where nothing else goes wrong that could hide what comes of them.
inline void draw_limits(Plan& plan, Dice& dice) {
  if (plan.registry.max_sends_per_second && dice.chance(0.5)) {
    *plan.registry.max_sends_per_second *= static_cast<std::uint32_t>(1 + dice.below(10));
  }
  if (dice.chance(0.1)) {  // more than is asked for, by sessions that share some of many shards
    plan.registry.max_sends_per_second = static_cast<std::uint32_t>(4 + dice.below(20));
    plan.registry.shards = 4U << dice.below(3);
    plan.keys = static_cast<int>(2 + dice.below(5));
    plan.is_never_calm = plan.ends_early = false;
    plan.throws = plan.drops = plan.request_lost = plan.answer_lost = plan.slow = plan.fails = 0;
    plan.delay = plan.pauses_every = plan.is_away_every = Span{0};
  }
  if (dice.chance(0.1)) {  // answers take no time or never come, so that nothing but a place is waited for
    plan.registry.max_in_flight = 1 + dice.below(4);
    plan.registry.max_sends_per_second.reset();
    plan.registry.shards = 1U << dice.below(4);
    plan.delay = plan.pauses_every = Span{0};
    plan.slow = 0;
  }
  if (dice.chance(0.25)) draw_pool(plan, dice);
}

// How the ttls that a server tells vary, and a threshold of gaps that is shorter than most ttls, or longer.
inline void draw_told_ttls(Plan& plan, Dice& dice) {
  static constexpr std::array<Span, 4> thresholds{1s, 1s, 50ms, 20s};
  plan.registry.gap_threshold = Duration{thresholds[dice.below(thresholds.size())]};
  static constexpr std::array<double, 4> waverings{0, 0.003, 0.05, 0.2};
  if (!plan.tells_ttl) return;
  plan.wavers = waverings[dice.below(waverings.size())];
  plan.tells_rest = dice.chance(0.3);
}

// Drawn last.
inline void draw_slowness(Plan& plan, Dice& dice) {
  plan.patience = dice.chance(0.3) ? dice.between(1s, 60s) : Span{0};
  plan.slow_sink = dice.chance(0.2) ? 0.1 : 0;
  if (plan.slow_sink == 0) return;
  plan.closes = false;  // nobody could tell when one was due
  plan.registry.event_capacity = 4 + plan.seed % 8;
}

inline void draw_what_came_later(Plan& plan, Dice& dice) {
  draw_told_ttls(plan, dice);
  draw_slowness(plan, dice);
  draw_limits(plan, dice);
}

void draw_lifetimes(Plan& plan);  // lifetimes.hpp
void draw_herds(Plan& drawn);     // herd_plan.hpp

[[nodiscard]] inline Plan make_plan(std::uint64_t seed) {
  Dice dice{seed};
  // Off in two runs of three, otherwise anything from one in a hundred to one in two.
  const auto some = [&](double most = 0.5) {
    static constexpr std::array<double, 4> weights{0.01, 0.05, 0.2, 0.5};
    const double weight = weights[dice.below(weights.size())];
    return dice.chance(0.3) ? (weight < most ? weight : most) : 0.0;
  };
  const auto every = [&] { return dice.chance(0.25) ? dice.between(2s, 40s) : Span{0}; };
  const auto flag = [&](double probability = 0.3) { return dice.chance(probability); };

  static constexpr std::array<Span, 4> ticks{100us, 1ms, 1ms, 20ms};
  static constexpr std::array<Span, 4> delays{Span{0}, 1ms, 20ms, 400ms};
  Plan plan;
  plan.seed = seed;
  plan.registry.tick = ticks[dice.below(ticks.size())];
  plan.registry.seed = dice.next();
  plan.registry.shards = 1U << dice.below(3);
  if (flag(0.2)) plan.registry.max_in_flight = 1 + dice.below(4);
  if (flag(0.1)) plan.registry.max_sends_per_second = static_cast<std::uint32_t>(1 + dice.below(20));
  plan.form = flag() ? BeatForm::batch : BeatForm::async;
  plan.keys = static_cast<int>(1 + dice.below(6));
  plan.busy = dice.between(10s, 90s);
  plan.pause_of_callers = dice.between(50ms, 3s);
  plan.throws = some();
  plan.throws_late = some();
  plan.drops = some();
  plan.inline_answer = flag() ? 1.0 : some();
  plan.request_lost = some();
  plan.answer_lost = some();
  plan.given_up = flag() ? 1.0 : 0.5;
  plan.answered_twice = some();
  plan.slow = some();
  plan.delay = delays[dice.below(delays.size())];
  plan.fails = some();
  plan.fails_for_good = some(0.2);
  plan.bad_ttl = some(0.2);
  plan.tells_ttl = flag();
  plan.changes_ttl = some();
  plan.forgets_every = every();
  plan.restarts_every = every();
  plan.pauses_every = every();
  plan.is_away_every = every();
  plan.reenters = some(0.2);
  plan.sink_throws = some();
  plan.has_parents = flag();
  plan.has_groups = flag();
  plan.has_gates = flag();
  plan.has_keepers = flag();
  plan.closes = flag(0.5);
  plan.ends_early = flag(0.2);
  plan.is_never_calm = flag();
  plan.close_fails = some();
  plan.close_twice = some();
  draw_closes(plan, dice);
  draw_what_came_later(plan, dice);
  draw_lifetimes(plan);
  draw_herds(plan);
  return plan;
}

}  // namespace heartbeat::simulation

#include "herd_plan.hpp"  // IWYU pragma: export
#include "lifetimes.hpp"  // IWYU pragma: export
