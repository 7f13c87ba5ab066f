// SPDX-License-Identifier: BSL-1.0
// A parent's cancellation against the start, the beat and the end of its children; a group's failures against those who
// wait for it, start in it and stop it; a group's stop against whoever else ends its members. The promises are G3, G11
// and G15.
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatResult;
using heartbeat::EndReason;
using heartbeat::FirstBeat;

namespace {

World::Options child_of(const std::stop_source& parent) {
  World::Options options = World::at_once();
  options.parent = parent.get_token();
  return options;
}

// Stops the group, of which these are members.
void stop(World& world, World::Group& group, std::initializer_list<std::size_t> members) {
  group.stop();
  for (const std::size_t member : members)
    world.server.watch.stop_returned(member, false);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parent)

// F9: before the child is in the parent's list, or after; also when it has no beat to send, whose claim would notice.
BOOST_AUTO_TEST_CASE(cancelled_during_the_start_it_ends_the_child) {
  for (const FirstBeat first : {FirstBeat::now, FirstBeat::spread}) {
    explore(
        [first](Scheduler& schedule) {
          World world{schedule};
          std::stop_source parent;
          World::Options options = child_of(parent);
          options.first_beat = first;
          std::optional<World::Heartbeat> beat;

          world.together({{"canceller", [&] { parent.request_stop(); }},
                          {"starter", [&] { beat.emplace(world.start(1, options)); }}});

          world.comes_to_rest();
          if (beat->handle.ended() != EndReason::parent_cancelled) schedule.fail("the child was not cancelled");
        },
        3'000);  // few schedules post the link before it counts as cancelled
  }
}

// F32: who may cancel before the start passes a token.
BOOST_AUTO_TEST_CASE(cancelled_before_the_start_it_keeps_the_child_from_beating) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    std::stop_source parent;
    parent.request_stop();
    std::optional<World::Heartbeat> beat;

    world.together({{"starter", [&] { beat.emplace(world.start(1, child_of(parent))); }}});

    world.comes_to_rest();
    if (beat->handle.ended() != EndReason::parent_cancelled) schedule.fail("the child was not cancelled");
    if (world.server.watch.life(0).beats.size() != 0) schedule.fail("the child has beaten");
  });
}

// When the parent's request_stop has returned, no beat of a child is claimed any more; one that was may still be
// called.
BOOST_AUTO_TEST_CASE(cancelled_it_keeps_its_children_from_beating) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1, .timers = 4}};
    std::stop_source parent;
    auto beat = world.start(1, child_of(parent));
    std::size_t beats = 0;  // when the parent had been cancelled

    world.together({{"canceller",
                     [&] {
                       parent.request_stop();
                       beats = world.server.watch.life(0).beats.size();
                     }},
                    {"server", [&] {
                       while (auto call = world.server.next_call())
                         world.server.answer(*call, BeatResult::acknowledged());
                     }}});

    world.comes_to_rest();
    if (!beat.handle.ended()) schedule.fail("the child runs on");
    if (world.server.watch.life(0).beats.size() > beats + 1) schedule.fail("beats after the parent was cancelled");
  });
}

// The last reference to the link goes while the parent's callback runs.
BOOST_AUTO_TEST_CASE(the_last_child_dies_while_the_parent_is_cancelled) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    std::stop_source parent;
    auto beat = world.start(1, child_of(parent));

    world.together({{"canceller", [&] { parent.request_stop(); }}, {"owner", [&] { world.drop(beat); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(children_in_two_shards_are_stopped_and_cancelled) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 2}, {.shards = 2}};
    std::stop_source parent;
    auto a = world.start(1, child_of(parent));
    auto b = world.start(2, child_of(parent));
    const auto callback = world.when_it_ends(a);

    world.together({{"canceller", [&] { parent.request_stop(); }},
                    {"owner of a", [&] { world.stop(a); }},
                    {"owner of b", [&] { world.drop(b); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_group_is_waited_for_while_its_members_fail) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    World::Group group{*world.registry};
    world.start_in(group, 1);
    world.start_in(group, 2);
    std::optional<heartbeat::Failure<Session>> first;

    world.together({{"waiter",
                     [&] {
                       if (auto failure = group.wait()) first.emplace(*std::move(failure));
                     }},
                    {"server", [&] {
                       for (int i = 0; i < 2; ++i)
                         if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::gone());
                     }}});

    if (group.size() != 0) schedule.fail("waited, and some run");
    if (!first || first->reason != EndReason::gone) schedule.fail("no failure was given");
    world.comes_to_rest();
    if (world.server.watch.life(first->key.heartbeat).reason != EndReason::gone) schedule.fail("another had failed");
  });
}

BOOST_AUTO_TEST_CASE(a_group_is_waited_for_by_two_while_another_stops_it) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    World::Group group{*world.registry};
    world.start_in(group, 1);
    world.start_in(group, 2);
    const auto wait = [&] {
      if (group.wait()) schedule.fail("a failure that was none");
      if (group.size() != 0) schedule.fail("waited, and some run");
    };

    world.together({{"waiter", wait}, {"other", wait}, {"stopper", [&] { group.stop(); }}});

    world.comes_to_rest();
  });
}

// What one of them has taken out of the list runs on for the other, who must not return before it is quiet (F33).
BOOST_AUTO_TEST_CASE(of_two_who_stop_a_group_both_wait_for_all_its_members) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    World::Group group{*world.registry};
    const std::size_t a = world.start_in(group, 1);
    const std::size_t b = world.start_in(group, 2);
    const auto stop_it = [&] { stop(world, group, {a, b}); };

    world.together({{"stopper", stop_it}, {"other", stop_it}});

    world.comes_to_rest();
  });
}

// The member's stop by key has taken it out of the list.
BOOST_AUTO_TEST_CASE(a_group_is_stopped_while_a_member_is_stopped_by_key) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    World::Group group{*world.registry};
    const std::size_t member = world.start_in(group, 1);

    world.together({{"stopper", [&] { stop(world, group, {member}); }},
                    {"other", [&] { world.registry->request_stop(world.key(1)); }}});

    if (group.size() != 0) schedule.fail("one runs on");
    world.comes_to_rest();
  });
}

// The engine's own end, by the executor, and the events that are still to be told of it.
BOOST_AUTO_TEST_CASE(a_group_is_stopped_while_its_parent_is_cancelled) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    std::stop_source parent;
    World::Group group{*world.registry, parent.get_token()};
    const std::size_t a = world.start_in(group, 1);
    const std::size_t b = world.start_in(group, 2);

    world.together({{"canceller", [&] { parent.request_stop(); }}, {"stopper", [&] { stop(world, group, {a, b}); }}});

    if (group.size() != 0) schedule.fail("one runs on");
    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_group_is_stopped_while_its_first_member_fails) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    World::Group group{*world.registry};
    const std::size_t a = world.start_in(group, 1);
    const std::size_t b = world.start_in(group, 2);

    world.together({{"server",
                     [&] {
                       if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::gone());
                     }},
                    {"stopper", [&] {
                       stop(world, group, {a, b});
                     }}});

    world.comes_to_rest();
  });
}

// Neither of them has seen the member when its start returns, or both have.
BOOST_AUTO_TEST_CASE(a_group_is_stopped_by_two_while_a_member_is_being_started) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 1}};
    World::Group group{*world.registry};
    bool is_in = false;
    const auto stop_it = [&] {
      const bool was_in = is_in;
      group.stop();
      if (was_in) world.server.watch.stop_returned(0, false);
    };

    world.together({{"starter",
                     [&] {
                       world.start_in(group, 1);
                       is_in = true;
                     }},
                    {"stopper", stop_it},
                    {"other", stop_it}});

    group.stop();
    world.comes_to_rest();
  });
}

// Its records are freed while the other looks for those that are not quiet yet.
BOOST_AUTO_TEST_CASE(a_group_is_stopped_while_its_members_are_forgotten) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 1, .pool = 2}};
    std::optional<World::Group> group;
    group.emplace(*world.registry);
    const std::size_t a = world.start_in(*group, 1);
    const std::size_t b = world.start_in(*group, 2);
    const auto stop_by_key = [&](int name) {
      return [&world, name] { world.registry->request_stop(world.key(name)); };
    };

    world.together({{"owner",
                     [&] {
                       group.reset();
                       for (const std::size_t member : {a, b})
                         world.server.watch.stop_returned(member, false);
                     }},
                    {"stopper of a", stop_by_key(1)},
                    {"stopper of b", stop_by_key(2)}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_member_starts_while_the_first_one_fails) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    World::Group group{*world.registry};
    world.start_in(group, 1);

    world.together({{"starter", [&] { world.start_in(group, 2); }}, {"server", [&] {
                                                                       if (auto call = world.server.next_call())
                                                                         world.server.answer(*call, BeatResult::gone());
                                                                     }}});

    world.comes_to_rest();
    if (group.size() != 0) schedule.fail("one runs on");
    const Life& second = world.server.watch.life(1);
    const bool first_failed = world.server.watch.life(0).reason == EndReason::gone;
    if (!second.is_refused && second.reason != (first_failed ? EndReason::parent_cancelled : EndReason::gone)) {
      schedule.fail("the second one ended for another reason");
    }
    if (group.failures().size() != 1) schedule.fail("not one failure");
  });
}

BOOST_AUTO_TEST_CASE(a_group_dies_while_its_parent_is_cancelled) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    std::stop_source parent;
    std::optional<World::Group> group;
    group.emplace(*world.registry, parent.get_token());
    world.start_in(*group, 1);

    world.together({{"canceller", [&] { parent.request_stop(); }}, {"owner", [&] { group.reset(); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_SUITE_END()
