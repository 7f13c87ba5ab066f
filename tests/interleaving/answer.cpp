// SPDX-License-Identifier: BSL-1.0
// Answers against what may have happened meanwhile: the heartbeat ended and its key was started again, the beat timed
// out, another thread answered as well, a credit is waited for. The promises are G1, G5, G8 and G10.
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatResult;

namespace {

BeatResult no_answer() {
  return BeatResult::failed(std::make_error_code(std::errc::io_error));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(answer)

// The server forgot the first session; the second one has the same key, and lives (G5).
BOOST_AUTO_TEST_CASE(a_late_one_does_not_touch_the_next_heartbeat_of_the_key) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto first = world.start(1);
    auto call = world.server.next_call();
    std::optional<World::Heartbeat> second;

    world.together({{"server", [&] { world.server.answer(*call, BeatResult::gone()); }}, {"owner", [&] {
                                                                                            world.stop(first);
                                                                                            second.emplace(
                                                                                                world.start(1));
                                                                                          }}});

    world.comes_to_rest();
    if (second->handle.ended()) schedule.fail("the second one has ended");
    if (world.server.calls.size() != 1) schedule.fail("the second one has not beaten once");
  });
}

BOOST_AUTO_TEST_CASE(it_comes_when_the_beat_times_out_and_is_tried_again) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1, .timers = 4}};
    auto beat = world.start(1);

    world.together({{"server",
                     [&] {
                       for (const bool is_good : {false, true, true})
                         if (auto call = world.server.next_call())
                           world.server.answer(*call, is_good ? BeatResult::acknowledged() : no_answer());
                     }},
                    {"owner", [&] { static_cast<void>(beat.handle.valid()); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(of_two_the_first_counts_and_the_other_is_counted) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);
    auto call = world.server.next_call();
    const auto answer = [&](BeatResult result) { call->completion(std::move(result)); };

    world.together(
        {{"one", [&] { answer(BeatResult::acknowledged()); }}, {"other", [&] { answer(BeatResult::gone()); }}});

    world.comes_to_rest();
    const auto sums = world.registry->statistics();
    if (sums.acknowledged + sums.gone != 1 || sums.second_answers != 1) schedule.fail("not one and one");
    if (beat.handle.ended().has_value() != (sums.gone == 1)) schedule.fail("what was counted did not happen");
  });
}

// Nobody waits for it any more: what the call keeps is given up once, by the first one.
BOOST_AUTO_TEST_CASE(of_two_that_are_late_the_first_gives_the_call_up) {
  explore([](Scheduler& schedule) {
    World world{schedule};
    auto beat = world.start(1);
    auto call = world.server.next_call();
    world.stop(beat);
    const auto answer = [&] { call->completion(BeatResult::acknowledged()); };

    world.together({{"one", answer}, {"other", answer}});

    world.comes_to_rest();
    const auto sums = world.registry->statistics();
    if (sums.late_answers != 1 || sums.second_answers != 1) schedule.fail("not one and one");
  });
}

// One call in flight for two shards: the one that waits for it is woken by whoever gives it back.
BOOST_AUTO_TEST_CASE(it_frees_a_credit_that_another_shard_waits_for) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}, {.max_in_flight = 1, .shards = 2}};
    auto a = world.start(name_in(0));
    std::optional<World::Heartbeat> b;

    world.together({{"server",
                     [&] {
                       if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::acknowledged());
                     }},
                    {"starter", [&] { b.emplace(world.start(name_in(1))); }}});

    world.comes_to_rest();
    if (world.server.watch.life(b->number).beats.size() == 0 && world.server.calls.empty())
      schedule.fail("b never beat");
  });
}

BOOST_AUTO_TEST_CASE(a_stop_frees_a_credit_that_another_shard_waits_for) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}, {.max_in_flight = 1, .shards = 2}};
    auto a = world.start(name_in(0));
    std::optional<World::Heartbeat> b;

    world.together({{"stopper", [&] { world.stop(a); }}, {"starter", [&] { b.emplace(world.start(name_in(1))); }}});

    world.comes_to_rest();
    if (world.server.watch.life(b->number).beats.size() == 0) schedule.fail("b never beat");
  });
}

// Of two calls in flight one may be a repeated attempt: the shard that waits with its own is woken by whoever gives
// that permission back.
BOOST_AUTO_TEST_CASE(it_frees_a_permission_that_another_shard_waits_for) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}, {.max_in_flight = 2, .shards = 2}};
    auto a = world.start(name_in(0), World::at_once());
    auto b = world.start(name_in(1), World::at_once());
    for (int i = 0; i < 2; ++i)
      if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::failed({}));
    world.server.answers_at_once = true;

    world.together({{"time", [&] { world.threads->advance(1s); }}});

    world.comes_to_rest();
    if (!a.handle.valid() || !b.handle.valid()) schedule.fail("one was never tried again");
  });
}

// Closing the first session after the second one was opened would close the second one (F15).
BOOST_AUTO_TEST_CASE(who_waits_for_the_answer_to_the_close_can_rely_on_what_is_granted_next) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = world.start(1, world.closing());
    std::optional<World::Heartbeat> second;

    world.together({{"server", [&] { world.server.serve(1); }}, {"owner", [&] {
                                                                   world.stop(first);
                                                                   if (!first.handle.wait_for_close(1s))
                                                                     schedule.fail("it was not confirmed");
                                                                   second.emplace(world.start(1, world.closing()));
                                                                   if (second->error)
                                                                     schedule.fail("the next one was refused");
                                                                   if (!second->handle.valid())
                                                                     schedule.fail("the grant does not count");
                                                                 }}});

    world.comes_to_rest();
    if (world.server.watch.life(0).closes.size() != 1) schedule.fail("not one close");
  });
}

BOOST_AUTO_TEST_CASE(it_comes_inside_the_call_while_the_owner_stops) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    world.server.answers_at_once = true;
    auto beat = world.start(1);

    world.together(
        {{"stopper", [&] { world.stop(beat); }}, {"looker", [&] { static_cast<void>(beat.handle.valid()); }}});

    world.comes_to_rest();
  });
}

BOOST_AUTO_TEST_CASE(a_blocking_call_returns_while_its_key_is_started_again) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 4}};
    auto first = world.start(1);
    std::optional<BlockingWorld::Heartbeat> second;

    world.together({{"owner", [&] {
                       world.stop(first);
                       second.emplace(world.start(1, BlockingWorld::at_once()));
                     }}});

    world.comes_to_rest();
    if (world.server.watch.life(1).beats.size() != 1) schedule.fail("the second one has not beaten");
  });
}

// Whoever came and went meanwhile, the last one beats once the first one's call has returned.
BOOST_AUTO_TEST_CASE(heartbeats_of_one_key_wait_for_a_blocking_call_of_the_first) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 4}};
    auto first = world.start(1);
    std::optional<BlockingWorld::Heartbeat> second;
    std::optional<BlockingWorld::Heartbeat> third;

    world.together({{"owner", [&] {
                       world.stop(first);
                       second.emplace(world.start(1, BlockingWorld::at_once()));
                       world.stop(*second);
                       third.emplace(world.start(1, BlockingWorld::at_once()));
                     }}});

    world.comes_to_rest();
    if (!third->handle.valid()) schedule.fail("the third one has not beaten");
  });
}

BOOST_AUTO_TEST_CASE(blocking_calls_of_many_are_all_made_by_one_lane) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 3}};
    std::optional<BlockingWorld::Heartbeat> beats[3];

    world.together({{"starter",
                     [&] {
                       beats[0].emplace(world.start(1));
                       beats[1].emplace(world.start(2));
                     }},
                    {"other", [&] { beats[2].emplace(world.start(3)); }}});

    world.comes_to_rest();
    for (const auto& beat : beats)
      if (world.server.watch.life(beat->number).beats.size() != 1) schedule.fail("one has not beaten");
  });
}

BOOST_AUTO_TEST_SUITE_END()
