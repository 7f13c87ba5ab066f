// SPDX-License-Identifier: BSL-1.0
// G16: no later than valid until, before the server may give the session to somebody else, valid() says no, exactly;
// the owner is told, the heartbeat ends as stalled and its token fires within a tick. A holder whose server alone
// decides may choose to keep beating.
//
//   expected   ack 0 s --- lost --- lost --- 29 s valid() no, stalled, token       30 s the server forgets
//   actual     ack 0 s --- lost --- lost --- 29 s valid() no, stalled, token
#include <chrono>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g16_end_of_validity)

BOOST_AUTO_TEST_CASE(g16_valid_is_exact_to_the_nanosecond) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().never();
  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  world.clock.advance_to(beat.valid_until() - 1ns);
  BOOST_TEST(beat.valid());
  world.clock.advance(1ns);

  BOOST_TEST(!beat.valid());
}

BOOST_AUTO_TEST_CASE(g16_the_end_comes_no_later_than_valid_until_and_before_the_server_forgets) {
  for (const std::chrono::nanoseconds offset : {0ns, 1ns, 499'999ns, 999'999ns}) {
    World world;
    world.clock.advance(offset);
    world.transport.on(7).acknowledge();
    world.transport.otherwise().never();
    const Handle beat = world.registry->start(7, without_close());
    std::optional<std::chrono::nanoseconds> fired;
    const std::stop_callback note{beat.stop_token(), [&] { fired = world.now(); }};
    world.executor.run_for(1s);
    const auto until = valid_until(beat);

    world.executor.run_for(1min);

    BOOST_TEST(why(beat) == "stalled");
    BOOST_TEST_REQUIRE(fired.has_value());
    BOOST_TEST((*fired <= until));
    BOOST_TEST((*fired > until - 1ms));
    BOOST_TEST(world.log.count(heartbeat::EventKind::ended) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(g16_a_first_beat_that_never_succeeds_stalls_too) {
  World world;
  world.transport.otherwise().never();
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(29s);

  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST(!beat.valid());
}

BOOST_AUTO_TEST_CASE(g16_who_chooses_to_keeps_beating_until_the_server_says_gone) {
  World world;
  world.transport.on(7).acknowledge().then().fail().times(200).then().acknowledge().then().gone();
  Options options = at_once();
  options.on_stall = heartbeat::OnStall::keep_beating;
  const Handle beat = world.registry->start(7, options);
  world.executor.run_for(1min);
  BOOST_TEST(!beat.valid());
  BOOST_TEST(why(beat) == "running");
  BOOST_TEST(world.log.count(heartbeat::EventKind::lapsed) == 1U);

  world.executor.run_for(1h);

  BOOST_TEST(why(beat) == "gone");
  BOOST_TEST(world.log.count(heartbeat::EventKind::recovered) == 1U);
}

BOOST_AUTO_TEST_CASE(g16_jeopardy_is_told_once_per_trouble_and_so_is_the_recovery) {
  World world;
  world.transport.on(7).acknowledge().then().fail().times(3).then().acknowledge();
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_for(20s);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.log.count(heartbeat::EventKind::jeopardy) == 1U);
  BOOST_TEST(world.log.count(heartbeat::EventKind::missed) == 3U);
  BOOST_TEST(world.log.count(heartbeat::EventKind::recovered) == 1U);
}

// --- a sink that takes its time

/// Listens to one heartbeat, and sleeps while time goes on: once, for so long, in the first event of that kind.
struct Sleeper {
  ManualExecutor* executor;
  EventLog<int, ManualClock> log;
  heartbeat::EventKind kind;
  std::chrono::nanoseconds span;

  void operator()(const heartbeat::Event<int, ManualClock>& event) {
    log(event);
    if (event.kind == kind) executor->run_for(std::exchange(span, 0s));
  }
};

// What waited meanwhile once cancelled what had been told already: the owner heard of jeopardy, and never that it was
// over.
BOOST_AUTO_TEST_CASE(g16_an_owner_who_was_told_of_jeopardy_is_told_of_its_end_whatever_waited_meanwhile) {
  using enum heartbeat::EventKind;
  World world;
  world.transport.on(7).acknowledge().then().fail().times(200).then().acknowledge();
  Options options = at_once();
  options.on_stall = heartbeat::OnStall::keep_beating;
  Registry registry{world.transport, world.clock, world.executor, Sleeper{&world.executor, world.log, jeopardy, 1h}};
  const Handle beat = registry.start(7, options);

  world.executor.run_for(2h);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.log.count(lapsed) == 0U);  // over before it could be told
  BOOST_TEST(world.log.count(jeopardy) == 1U);
  BOOST_TEST(world.log.count(recovered) == 1U);
}

BOOST_AUTO_TEST_CASE(g16_trouble_that_is_over_before_it_could_be_told_is_not_told) {
  using enum heartbeat::EventKind;
  World world;
  world.transport.on(7).acknowledge().then().fail().times(3).then().acknowledge();
  Registry registry{world.transport, world.clock, world.executor,
                    Sleeper{&world.executor, world.log, acknowledged, 1min}};
  const Handle beat = registry.start(7, at_once());

  world.executor.run_for(2min);

  BOOST_TEST(world.log.count(jeopardy) + world.log.count(recovered) + world.log.count(missed) == 0U);
}

// --- an owner who shows no progress (F40, K25)

BOOST_AUTO_TEST_CASE(g16_without_progress_beats_are_withheld_and_the_session_stalls) {
  World world;
  Options options = at_once();
  options.progress_within = 7s;
  const Handle beat = world.registry->start(7, options);

  world.executor.run_for(1min);

  BOOST_TEST((world.sent(7) == std::vector<std::chrono::nanoseconds>{0s, 5s}));
  BOOST_TEST(why(beat) == "stalled");
  BOOST_TEST((world.log.of_kind(heartbeat::EventKind::ended).front().at.time_since_epoch() == 34s));
  BOOST_TEST(world.log.count(heartbeat::EventKind::withheld) == 1U);
  BOOST_TEST(world.registry->statistics().withheld == 5U);  // 10, 15, 20, 25 and 30 s
}

BOOST_AUTO_TEST_CASE(g16_with_progress_nothing_is_withheld) {
  World world;
  Options options = at_once();
  options.progress_within = 7s;
  Handle beat = world.registry->start(7, options);

  for (int i = 0; i < 40; ++i) {
    world.executor.run_for(3s);
    beat.progress();
  }

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.registry->statistics().withheld == 0U);
}

BOOST_AUTO_TEST_CASE(g16_progress_sends_the_beat_that_was_withheld_and_keeps_the_phase) {
  World world;
  Options options = at_once();
  options.progress_within = 7s;
  Handle beat = world.registry->start(7, options);
  world.executor.run_for(12s);

  beat.progress();
  world.executor.run_for(5s);

  BOOST_TEST((world.sent(7) == std::vector<std::chrono::nanoseconds>{0s, 5s, 12s, 15s}));
}

BOOST_AUTO_TEST_SUITE_END()
