// SPDX-License-Identifier: BSL-1.0
// Sweeps against each other, against stop, the timer and an answer that comes too late: each stalled key is returned by
// exactly one of them, and each heartbeat ends once (G3, G12).
#include <map>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatResult;
using heartbeat::EndReason;

namespace {

// Nobody but a caller's sweep ends what has stalled: there is nobody to run the timer.
constexpr Crew without_timer{.workers = 0, .pool = 1};
constexpr Crew with_timer{.workers = 1, .pool = 2};

World::Heartbeat granted(World& world, int name) {
  return world.start(name, world.nearly_over());
}

struct Swept {
  explicit Swept(World& its_world) : world{its_world} {}

  void sweep() {
    for (const Session& session : world.registry->sweep())
      if (++times[session.name] > 1) world.schedule.fail("returned twice");
  }

  World& world;
  std::map<int, int> times;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sweep)

BOOST_AUTO_TEST_CASE(two_sweeps_return_each_stalled_key_once) {
  explore([](Scheduler& schedule) {
    World world{schedule, without_timer, {.shards = 2}};
    const World::Heartbeat beats[] = {granted(world, 1), granted(world, 2), granted(world, 3)};
    Swept swept{world};
    world.threads->advance(10s);
    const auto sweep = [&] { swept.sweep(); };

    world.together({{"one", sweep}, {"other", sweep}});

    if (swept.times.size() != 3) schedule.fail("not all were returned");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_timer_ends_them_at_the_same_time) {
  explore([](Scheduler& schedule) {
    World world{schedule, with_timer};
    const World::Heartbeat beats[] = {granted(world, 1), granted(world, 2)};
    const auto callback = world.when_it_ends(beats[0]);
    Swept swept{world};
    world.threads->advance(10s);
    const auto sweep = [&] { swept.sweep(); };

    world.together({{"one", sweep}, {"other", sweep}});

    world.comes_to_rest();
    if (world.registry->statistics().ended_for(EndReason::stalled) != 2) schedule.fail("not both have stalled");
  });
}

BOOST_AUTO_TEST_CASE(stop_and_sweep_agree_on_who_ended_it) {
  explore([](Scheduler& schedule) {
    World world{schedule, without_timer};
    World::Heartbeat beat = granted(world, 1);
    const auto callback = world.when_it_ends(beat);
    Swept swept{world};
    world.threads->advance(10s);
    bool did_stop = false;

    world.together({{"sweeper", [&] { swept.sweep(); }}, {"stopper", [&] { did_stop = world.stop(beat); }}});

    if (did_stop == (swept.times.size() == 1)) schedule.fail("both ended it, or neither");
    world.comes_to_rest();
  });
}

// The acknowledgement brings a validity that is over already: it may come before or after, and saves nobody.
BOOST_AUTO_TEST_CASE(a_late_acknowledgement_a_sweep_and_a_stop_make_one_end) {
  explore([](Scheduler& schedule) {
    World world{schedule, with_timer};
    World::Heartbeat beat = granted(world, 1);
    auto call = world.server.next_call();
    Swept swept{world};
    bool did_stop = false;
    world.threads->advance(10s);

    world.together({{"sweeper", [&] { swept.sweep(); }},
                    {"server", [&] { world.server.answer(*call, BeatResult::acknowledged(10s)); }},
                    {"stopper", [&] { did_stop = world.stop(beat); }}});

    const auto reason = beat.handle.ended();
    if (reason != (did_stop ? EndReason::stopped : EndReason::stalled)) schedule.fail("another one ended it");
    if (did_stop && !swept.times.empty()) schedule.fail("both ended it");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_SUITE_END()
