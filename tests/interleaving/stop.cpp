// SPDX-License-Identifier: BSL-1.0
// Stop against what it must keep from running: the claim of a beat, callbacks, another stop, the engine's own end, the
// handle's death. The promises are G2 and G15; watch.hpp checks them.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::EventKind;

namespace {

// Sends the beats of many heartbeats by one call, which returns when nobody can do anything else.
struct HeldBatches {
  Scheduler* schedule;
  std::size_t* inside;  // heartbeats whose call is on a stack
  void async_beat_batch(std::span<heartbeat::BeatRequest<int>> requests) {
    *inside += requests.size();
    schedule->tell(inside);
    schedule->park("is inside a batch", this, Actor::Until::nobody_can_run);
    *inside -= requests.size();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stop)

// The beat was collected before, and the transport is called after (F3).
BOOST_AUTO_TEST_CASE(no_call_begins_once_stop_has_returned) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);

    world.together({{"stopper", [&] { world.stop(beat); }}});

    world.comes_to_rest();
  });
}

// Only one of them is the ender, and both wait for the same callbacks (F33).
BOOST_AUTO_TEST_CASE(of_two_who_stop_one_is_told_so_and_both_wait) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);
    const auto callback = world.when_it_ends(beat);
    int enders = 0;
    const auto stop = [&] { enders += world.stop(beat) ? 1 : 0; };

    world.together({{"stopper", stop}, {"other", stop}});

    if (enders != 1) schedule.fail("enders: " + std::to_string(enders));
    world.comes_to_rest();
  });
}

// Each waiting for the other's callback would wait for ever (F1).
BOOST_AUTO_TEST_CASE(two_callbacks_stop_each_others_heartbeats) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto a = world.start(1);
    auto b = world.start(2);
    const auto stops_b = world.when_it_ends(a, [&] { world.stop(b); });
    const auto stops_a = world.when_it_ends(b, [&] { world.stop(a); });

    world.together({{"stopper of a", [&] { world.stop(a); }}, {"stopper of b", [&] { world.stop(b); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_engine_ends_it_at_the_same_time) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto beat = world.start(1);
    const auto callback = world.when_it_ends(beat);

    world.together({{"server",
                     [&] {
                       if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::gone());
                     }},
                    {"stopper", [&] { world.stop(beat); }}});

    world.comes_to_rest();
  });
}

// One lane looks for the last time while it has the role of telling, another one's callback returns: the end that
// waited for the callback is told by one of them.
BOOST_AUTO_TEST_CASE(an_end_is_told_though_another_lane_was_telling) {
  explore(
      [](Scheduler& schedule) {
        World world{schedule, {.workers = 0, .pool = 2}};
        auto beat = world.start(1, world.nearly_over());
        const auto callback = world.when_it_ends(beat);
        world.threads->advance(10s);

        world.together({{"sweeper", [&] { static_cast<void>(world.registry->sweep()); }}});

        world.comes_to_rest();
      },
      3'000);
}

// It waits for those that it ended.
BOOST_AUTO_TEST_CASE(all_are_stopped_while_another_stops_one_of_them) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    auto a = world.start(1);
    auto b = world.start(2);
    const auto callback = world.when_it_ends(a);

    world.together({{"stopper",
                     [&] {
                       const bool both = world.registry->stop_all() == 2;
                       if (both) world.server.watch.stop_returned(a.number, true);
                       world.server.watch.stop_returned(b.number, false);
                     }},
                    {"other", [&] { world.stop(a); }}});

    world.comes_to_rest();
  });
}

// Whoever stops all keeps those in mind whose callbacks he met, a slice of them: so many are in one call, and one more
// is in another, and either may return first.
BOOST_AUTO_TEST_CASE(all_are_stopped_though_more_are_being_called_than_can_be_kept_in_mind) {
  using Registry = heartbeat::HeartbeatRegistry<int, HeldBatches, VirtualClock, VirtualExecutor>;
  constexpr std::size_t many = heartbeat::detail::slice_size + 1;
  explore(
      [](Scheduler& schedule) {
        std::size_t inside = 0;
        VirtualThreads threads{schedule, {.workers = 4, .pool = 0}};
        Registry registry{
            {&schedule, &inside}, VirtualClock{threads.now()}, VirtualExecutor{threads}, {}, {.seed = 1, .shards = 2}};
        const auto start = [&](int key) { registry.start(key, {.interval = 5s, .ttl = 30s}).detach(); };
        start(name_in(1));
        int name = 0;
        for (std::size_t i = 1; i < many; ++i)
          start(name = name_in(0, name));
        threads.advance(5s);
        while (inside < many)
          schedule.park("waits for the calls", &inside);

        const std::size_t stopped = registry.stop_all();

        if (stopped != many) schedule.fail("stopped: " + std::to_string(stopped));
        if (inside != 0) schedule.fail("stop_all returned while " + std::to_string(inside) + " are being called");
      },
      500);
}

BOOST_AUTO_TEST_CASE(the_handle_dies_while_another_stops_by_key) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);

    world.together({{"owner", [&] { world.drop(beat); }}, {"other", [&] {
                                                             const bool did_end = world.registry->stop(world.key(1));
                                                             if (did_end)
                                                               world.server.watch.stop_returned(beat.number, did_end);
                                                           }}});

    if (world.registry->contains(world.key(1))) schedule.fail("it runs on");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_token_is_first_asked_for_while_another_stops) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);
    std::stop_token token;

    world.together({{"asker", [&] { token = beat.handle.stop_token(); }}, {"stopper", [&] { world.stop(beat); }}});

    if (!token.stop_requested()) schedule.fail("the token did not fire");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(the_token_is_first_asked_for_while_the_engine_ends_it) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);
    std::stop_token token;

    world.together({{"asker", [&] { token = beat.handle.stop_token(); }}, {"server", [&] {
                                                                             if (auto call = world.server.next_call())
                                                                               world.server.answer(*call,
                                                                                                   BeatResult::gone());
                                                                           }}});

    schedule.rest();
    if (beat.handle.ended() && !token.stop_requested()) schedule.fail("the token did not fire");
    world.comes_to_rest();
  });
}

// The transport cancels its call by the beat's token, which is a callback too.
BOOST_AUTO_TEST_CASE(the_beats_token_is_asked_for_during_the_call) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    std::vector<std::shared_ptr<void>> callbacks;
    world.server.on_beat = [&](std::size_t number, const BeatContext& context) {
      callbacks.push_back(world.when(number, Callback::call_token, context.stop_token()));
    };
    auto beat = world.start(1);

    world.together({{"stopper", [&] { world.stop(beat); }}, {"other", [&] { world.stop(beat); }}});

    world.comes_to_rest();
    callbacks.clear();
  });
}

BOOST_AUTO_TEST_CASE(a_blocking_beat_begins_cancelled_or_not_at_all) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 3}};
    auto beat = world.start(1);

    world.together({{"stopper", [&] { world.stop(beat); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_callback_of_the_sink_stops_it_while_its_owner_does) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    world.server.answers_at_once = true;
    std::optional<World::Heartbeat> beat;
    world.server.on_event = [&](std::size_t, EventKind kind) {
      if (kind == EventKind::acknowledged && beat) world.stop(*beat);
    };
    beat.emplace(world.start(1));

    world.together({{"owner", [&] { world.stop(*beat); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(two_replace_the_same_key) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto first = world.start(1);
    auto options = World::at_once();
    options.if_running = heartbeat::IfRunning::replace;
    std::optional<World::Heartbeat> one;
    std::optional<World::Heartbeat> other;

    world.together({{"one", [&] { one.emplace(world.start(1, options)); }},
                    {"other", [&] { other.emplace(world.start(1, options)); }}});

    if (world.registry->size() != 1 || !first.handle.ended()) schedule.fail("not one runs");
    if (one->handle.ended().has_value() == other->handle.ended().has_value()) schedule.fail("not one of the two runs");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_SUITE_END()
