// SPDX-License-Identifier: BSL-1.0
// Shutdown and the destructor against everything that may be under way: starts, answers, callbacks, closes, parents,
// other shutdowns, and themselves inside a callback. The promises are G3 and G6; that a shutdown with a limit is done
// before nothing happens any more shows that it is woken by the last one who leaves.
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::EndReason;
using heartbeat::errc;
using heartbeat::EventKind;
using heartbeat::OnEnd;

namespace {

template <class W>
void shut_down(W& world) {
  if (!world.shut_down(1s)) world.schedule.fail("shutdown gave up, and nothing else happened");
}

void answer_once(World& world, BeatResult result) {
  if (auto call = world.server.next_call()) world.server.answer(*call, std::move(result));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shutdown)

// F34: refused, or ended.
BOOST_AUTO_TEST_CASE(what_is_started_meanwhile_is_refused_or_ended) {
  explore([](Scheduler& schedule) {
    World world{schedule, {}, {.shards = 2}};
    std::vector<World::Heartbeat> beats;

    world.together({{"starter",
                     [&] {
                       beats.push_back(world.start(1));
                       beats.push_back(world.start(2));
                     }},
                    {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
    for (const World::Heartbeat& beat : beats) {
      if (beat.error && beat.error != errc::shut_down) schedule.fail("refused for another reason");
      if (!beat.error && beat.handle.ended() != EndReason::shut_down) schedule.fail("not ended");
    }
  });
}

BOOST_AUTO_TEST_CASE(answers_and_callbacks_are_over_when_it_returns) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 2}};
    auto a = world.start(1);
    auto b = world.start(2);
    const auto callback = world.when_it_ends(a);

    world.together({{"server",
                     [&] {
                       answer_once(world, BeatResult::gone());
                       answer_once(world, BeatResult::acknowledged());
                     }},
                    {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(two_at_once_both_wait) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto beat = world.start(1);
    const auto callback = world.when_it_ends(beat);
    const auto shut = [&] { shut_down(world); };

    world.together({{"one", shut}, {"other", shut}, {"server", [&] { answer_once(world, BeatResult::gone()); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(those_who_stop_are_not_left_waiting) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto beat = world.start(1);
    const auto callback = world.when_it_ends(beat);

    world.together({{"stopper", [&] { world.stop(beat); }},
                    {"sweeper", [&] { static_cast<void>(world.registry->sweep()); }},
                    {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(progress_is_shown_meanwhile) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    World::Options options = World::at_once();
    options.progress_within = 10s;
    auto beat = world.start(1, options);

    world.together({{"progress", [&] { beat.handle.progress(); }}, {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_parent_is_cancelled_meanwhile) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    std::stop_source parent;
    World::Options options = World::at_once();
    options.parent = parent.get_token();
    auto beat = world.start(1, options);

    world.together({{"canceller", [&] { parent.request_stop(); }}, {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_group_goes_on) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    World::Group group{*world.registry};
    world.start_in(group, 1);
    world.start_in(group, 2);

    world.together({{"waiter",
                     [&] {
                       if (group.wait()) schedule.fail("a failure that was none");
                     }},
                    {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(closes_are_answered_before_it_is_done) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    World::Options options = World::at_once();
    options.when_ended = OnEnd::close;
    auto a = world.start(1, options);
    auto b = world.start(2, options);

    world.together({{"server", [&] { world.server.serve(2); }}, {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
    if (world.registry->statistics().closes_done != 2) schedule.fail("not all closes were answered");
  });
}

BOOST_AUTO_TEST_CASE(blocking_beats_are_over_when_it_returns) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 3}};
    auto a = world.start(1);
    std::optional<BlockingWorld::Heartbeat> b;

    world.together({{"starter", [&] { b.emplace(world.start(2)); }}, {"owner", [&] { shut_down(world); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_waits_for_callbacks_and_not_for_answers) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 2}};
    auto a = world.start(1);
    auto b = world.start(2);
    const auto callback = world.when_it_ends(a);

    world.together({{"server",
                     [&] {
                       answer_once(world, BeatResult::gone());
                       answer_once(world, BeatResult::acknowledged());
                     }},
                    {"owner", [&] { world.destroy_registry(); }},
                    {"holder", [&] { world.stop(b); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_runs_inside_the_sink) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    world.server.on_event = [&](std::size_t number, EventKind kind) {
      if (number == 0 && kind == EventKind::ended) world.destroy_registry();
    };
    auto a = world.start(1);
    auto b = world.start(2);

    world.together({{"stopper of a", [&] { world.stop(a); }},
                    {"stopper of b", [&] { world.stop(b); }},
                    {"server", [&] { answer_once(world, BeatResult::acknowledged()); }}});

    world.comes_to_rest();
    if (world.registry) schedule.fail("the registry was not destroyed");
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_runs_inside_a_stop_callback) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto a = world.start(1);
    auto b = world.start(2);
    const auto destroys = world.when_it_ends(a, [&] { world.destroy_registry(); });
    const auto callback = world.when_it_ends(b);

    world.together({{"stopper of a", [&] { world.stop(a); }},
                    {"stopper of b", [&] { world.stop(b); }},
                    {"server", [&] { answer_once(world, BeatResult::gone()); }}});

    world.comes_to_rest();
    if (world.registry) schedule.fail("the registry was not destroyed");
  });
}

BOOST_AUTO_TEST_CASE(the_destructor_runs_inside_a_call_of_the_transport) {
  int destroyed = 0;  // the stopper may come before the beat
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    world.server.on_beat = [&](std::size_t number, const BeatContext&) {
      if (number == 0) world.destroy_registry();
    };
    auto a = world.start(1);

    world.together({{"stopper", [&] { world.stop(a); }}});

    world.comes_to_rest();
    destroyed += world.registry ? 0 : 1;
  });
  BOOST_TEST(destroyed > 0);
}

BOOST_AUTO_TEST_SUITE_END()
