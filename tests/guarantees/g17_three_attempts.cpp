// SPDX-License-Identifier: BSL-1.0
// G17: between its last acknowledgement and valid until a heartbeat gets at least three attempts (configurable),
// whatever the backoff and the beat timeout; and never two sends closer together than the floor, whatever a server
// answers.
//
//   expected   ack ------- attempt ------- attempt ------- attempt ------| valid until
//   actual     ack ------- attempt -- attempt - attempt attempt ... -----| the pauses are drawn, the shares are kept
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g17_three_attempts)

BOOST_AUTO_TEST_CASE(g17_there_are_enough_attempts_whatever_backoff_and_timeout) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const bool answers : {true, false}) {
      World world{{.seed = seed, .shards = 1}, seed};
      world.transport.on(7).acknowledge();
      if (answers) {
        world.transport.otherwise().fail().after(1ms);
      } else {
        world.transport.otherwise().never();
      }
      Options options = without_close();
      options.beat_timeout = 30s;
      options.backoff = {.initial = 20s, .maximum = 1h};
      options.attempts = 3 + static_cast<std::uint32_t>(seed % 5);
      const Handle beat = world.registry->start(7, options);
      world.executor.run_for(1min);

      const std::size_t after_the_acknowledged = world.sent(7).size() - 1;

      BOOST_TEST(after_the_acknowledged >= options.attempts);
      BOOST_TEST(why(beat) == "stalled");
    }
  }
}

// A ttl of 27.1 s is within a tenth of 30 s, and yet it leaves no room for three attempts behind an interval of 26.5 s.
BOOST_AUTO_TEST_CASE(g17_a_ttl_that_leaves_no_room_for_the_attempts_shortens_the_interval) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    world.transport.on(7).acknowledge(27'100ms).then().acknowledge(27'100ms);
    world.transport.otherwise().never();
    Options options = without_close();
    options.interval = 26'500ms;
    options.safety_margin = 350ms;
    const Handle beat = world.registry->start(7, options);
    world.executor.run_for(2min);

    BOOST_TEST(world.sent(7).size() >= 2 + options.attempts);
    BOOST_TEST((world.sent(7)[2] - world.sent(7)[1] <= 26'750ms / 4 + 1ms));
    BOOST_TEST(why(beat) == "stalled");
  }
}

// A server that refuses quickly has used up the attempts owed long before valid until; when it is back in time, the
// session is saved all the same, though a pause by backoff alone might outlast it.
BOOST_AUTO_TEST_CASE(g17_a_server_that_is_back_in_time_finds_the_session_trying) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    Options options = without_close();
    options.interval = 1s;
    options.ttl = 6s;
    options.safety_margin = 500ms;
    const Handle beat = world.registry->start(7, options);
    world.executor.run_for(900ms);

    world.transport.otherwise().fail();
    world.executor.run_for(3s);
    world.transport.otherwise().acknowledge();
    world.executor.run_for(3s);

    BOOST_TEST(beat.valid(), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(g17_no_two_sends_are_closer_than_the_floor) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    world.transport.on(7).fail().times(5).then().acknowledge(2s).times(3).then().acknowledge(0s).then().drop();
    Options options = at_once();
    options.floor = 150ms;
    options.backoff = {.initial = 1ms, .maximum = 2ms};
    const Handle beat = world.registry->start(7, options);
    world.executor.run_for(2min);

    const auto sent = world.sent(7);

    BOOST_TEST_REQUIRE(sent.size() > 10U);
    for (std::size_t i = 1; i < sent.size(); ++i)
      BOOST_TEST((sent[i] - sent[i - 1] >= 150ms));
  }
}

BOOST_AUTO_TEST_CASE(g17_options_without_room_for_the_attempts_are_refused) {
  World world;
  std::error_code error;

  static_cast<void>(
      world.registry->start(7, {.interval = 5s, .ttl = 8s, .safety_margin = 1s, .attempts = 10, .floor = 1s}, error));

  BOOST_TEST(error == heartbeat::errc::attempts_do_not_fit);
  BOOST_TEST((error == heartbeat::condition::bad_options));
}

// Any options that are accepted, a server that acknowledges for a while, now and then only at the second attempt, and
// then fails, is silent, or answers too late.
BOOST_AUTO_TEST_CASE(g17_the_promise_holds_for_every_accepted_set_of_options) {
  int accepted = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    std::mt19937_64 random{seed};
    const auto between = [&](std::uint64_t low, std::uint64_t high) {
      return std::chrono::milliseconds{low + random() % (high - low + 1)};
    };
    Options options = without_close();
    options.interval = between(200, 10'000);
    options.attempts = 1 + static_cast<std::uint32_t>(random() % 8);
    options.floor = between(20, 1000);
    options.safety_margin = between(10, 500);
    options.ttl = std::chrono::nanoseconds{options.interval} + std::chrono::nanoseconds{*options.safety_margin} +
                  std::chrono::nanoseconds{*options.floor} * options.attempts + between(5, 10'000);
    options.beat_timeout = std::chrono::nanoseconds{options.ttl} / (1 + static_cast<int>(random() % 50));
    options.backoff = {.initial = between(1, 20'000), .maximum = 1h};
    World world{{.seed = seed, .shards = 1}, seed};
    std::size_t scripted = 0;
    for (std::uint64_t i = random() % 4; i > 0; --i) {
      world.transport.on(7).acknowledge().after(between(0, 10));
      ++scripted;
    }
    world.transport.on(7).acknowledge();
    ++scripted;
    switch (random() % 3) {
      case 0: world.transport.otherwise().fail(); break;
      case 1: world.transport.otherwise().never(); break;
      default: world.transport.otherwise().fail().after(between(1, 3000)); break;
    }
    std::error_code error;
    const Handle beat = world.registry->start(7, options, error);
    if (!beat) continue;
    ++accepted;

    world.executor.run_for(5min);

    const auto sent = world.sent(7);
    BOOST_TEST(why(beat) == "stalled");
    BOOST_TEST(sent.size() >= scripted + options.attempts, "seed " << seed << ", " << options.attempts << " attempts:\n"
                                                                   << world.transport.transcript());
    for (std::size_t i = 1; i < sent.size(); ++i)
      BOOST_TEST((sent[i] - sent[i - 1] >= std::chrono::nanoseconds{*options.floor}));
  }
  BOOST_TEST(accepted > 300);
}

// The server says 2 s where 30 s were asked for: the interval follows, so that the attempts fit (F18).
BOOST_AUTO_TEST_CASE(g17_a_ttl_that_the_server_shortens_has_room_for_the_attempts) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world{{.seed = seed, .shards = 1}, seed};
    world.transport.on(7).acknowledge(2s).times(10);
    world.transport.otherwise().never();
    const Handle beat = world.registry->start(7, without_close());

    world.executor.run_for(5min);

    BOOST_TEST(why(beat) == "stalled");
    BOOST_TEST(world.sent(7).size() >= 10U + 3U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
