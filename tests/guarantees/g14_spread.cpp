// SPDX-License-Identifier: BSL-1.0
// G14: retries back off with jitter, so that a server that comes back meets spread beats; new heartbeats are spread
// over their first interval unless asked otherwise.
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g14_spread)

BOOST_AUTO_TEST_CASE(g14_first_beats_are_spread_over_the_interval_by_default) {
  World world;
  std::vector<Handle> beats;
  for (int key = 0; key < 500; ++key)
    beats.push_back(world.registry->start(key, {.interval = 5s, .ttl = 30s}));

  world.executor.run_for(5s);

  std::vector<std::size_t> seconds(6);
  for (const auto& call : world.transport.beats()) {
    ++seconds[static_cast<std::size_t>(call.at.time_since_epoch() / 1s)];
  }
  for (std::size_t second = 0; second < 5; ++second)
    BOOST_TEST(seconds[second] >= 60U);  // 100 on average
}

BOOST_AUTO_TEST_CASE(g14_now_means_now) {
  World world;
  const Handle beat = world.registry->start(7, at_once());

  world.executor.run_ready();

  BOOST_TEST(world.sent(7).size() == 1U);
}

BOOST_AUTO_TEST_CASE(g14_pauses_between_retries_grow_and_differ) {
  std::chrono::nanoseconds first_pauses{0};
  std::chrono::nanoseconds fourth_pauses{0};
  std::set<std::chrono::nanoseconds> different;
  World world;
  world.transport.otherwise().fail();
  Options options = at_once();
  options.ttl = 10min;
  options.backoff = {.initial = 400ms, .maximum = 1min};
  std::vector<Handle> beats;
  for (int key = 0; key < 200; ++key)
    beats.push_back(world.registry->start(key, options));

  world.executor.run_for(1min);

  for (int key = 0; key < 200; ++key) {
    const auto sent = world.sent(key);
    BOOST_TEST_REQUIRE(sent.size() >= 5U);
    first_pauses += sent[1] - sent[0];
    fourth_pauses += sent[4] - sent[3];
    different.insert(sent[1]);
  }
  BOOST_TEST((fourth_pauses > 4 * first_pauses));
  BOOST_TEST(different.size() > 50U);
}

BOOST_AUTO_TEST_CASE(g14_two_registries_without_a_seed_do_not_beat_together) {
  ManualClock clock;
  ManualExecutor executor{clock, 1};
  ScriptedTransport<int> one{executor};
  ScriptedTransport<int> other{executor};
  Registry first{one, clock, executor};
  Registry second{other, clock, executor};
  std::vector<Handle> beats;
  for (int key = 0; key < 50; ++key) {
    beats.push_back(first.start(key, {.interval = 1h, .ttl = 10h}));
    beats.push_back(second.start(key, {.interval = 1h, .ttl = 10h}));
  }

  executor.run_for(1h);

  int together = 0;
  for (int key = 0; key < 50; ++key)
    together += one.beats_of(key).front().at == other.beats_of(key).front().at ? 1 : 0;
  BOOST_TEST(together <= 2);
}

BOOST_AUTO_TEST_CASE(g14_a_server_that_comes_back_meets_spread_beats) {
  constexpr int keys = 500;
  World world;
  std::vector<Handle> beats;
  for (int key = 0; key < keys; ++key)
    beats.push_back(world.registry->start(key, at_once()));
  world.executor.run_for(1s);  // all have the same phase
  world.transport.otherwise().fail();
  world.executor.run_for(19s);

  world.transport.otherwise().acknowledge();
  const std::size_t before = world.transport.beats().size();
  world.executor.run_for(4999ms);

  std::vector<int> met(51);
  const auto calls = world.transport.beats();
  for (std::size_t i = before; i < calls.size(); ++i)
    ++met[static_cast<std::size_t>((calls[i].at.time_since_epoch() - 20s) / 100ms)];
  // Spread over 5 s: ten in each tenth of a second. The phase they all have is theirs by choice (first_beat = now).
  for (std::size_t tenth = 0; tenth < 49; ++tenth)
    BOOST_TEST(met[tenth] <= keys / 12);
}

BOOST_AUTO_TEST_CASE(g14_the_pause_before_a_retry_is_drawn_from_the_whole_range) {
  World world;
  world.transport.otherwise().fail();
  Options options = at_once();
  options.ttl = 10min;
  options.interval = 1min;
  options.floor = 1ms;
  options.backoff = {.initial = 10s, .maximum = 10s};
  std::vector<Handle> beats;
  for (int key = 0; key < 200; ++key)
    beats.push_back(world.registry->start(key, options));

  world.executor.run_for(11s);

  int early = 0;
  int late = 0;
  for (int key = 0; key < 200; ++key) {
    const auto pause = world.sent(key)[1];
    early += pause < 2s ? 1 : 0;
    late += pause > 8s ? 1 : 0;
    BOOST_TEST((pause <= 10s + 1ms));
  }
  BOOST_TEST(early >= 15);  // 40 on average
  BOOST_TEST(late >= 15);
}

BOOST_AUTO_TEST_SUITE_END()
