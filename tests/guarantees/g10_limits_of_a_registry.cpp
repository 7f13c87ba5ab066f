// SPDX-License-Identifier: BSL-1.0
// G10, K10: the limits of a registry are the registry's, into however many shards it is cut; what waits for one of them
// is counted, one of many says so and names it, and whoever ends waiting says so, too.
//
//   10 a second, 16 shards    0 s: 1   1 s: 10   2 s: 10   ...   not 16 times a sixteenth, some of which nobody needs
// Read next: g10_blocking_pool.cpp, the threads for blocking calls.
#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

BOOST_AUTO_TEST_SUITE(g10_limits_of_a_registry)

BOOST_AUTO_TEST_CASE(a_rate_is_used_up_and_kept_whatever_the_shards) {
  for (const std::uint32_t shards : {1U, 4U, 16U, 256U}) {
    World world{{.max_sends_per_second = 10, .seed = 1, .shards = shards}};
    std::vector<Handle> handles;
    for (int key = 0; key < 60; ++key)
      handles.push_back(world.registry->start(key, at_once()));

    for (std::size_t second = 1; second <= 5; ++second) {
      world.executor.run_for(1s);
      const std::size_t sent = world.transport.beats().size();
      BOOST_TEST(sent >= 10 * second - 1, shards << " shards, second " << second);
      BOOST_TEST(sent <= 10 * second + 1, shards << " shards, second " << second);
    }
  }
}

// Whatever leaves counts: first attempts, retries, closes and their repeats. Tokens may be used late, and none is made.
template <class Prepare>
void check_rate(Prepare prepare) {
  for (const std::uint32_t shards : {1U, 4U}) {
    World world{{.max_sends_per_second = 10, .seed = 1, .shards = shards}};
    std::vector<Handle> handles;
    prepare(world, handles);

    for (std::size_t second = 1; second <= 30; ++second) {
      world.executor.run_for(1s);
      const std::size_t sent = world.transport.beats().size() + world.transport.closes().size();
      BOOST_TEST(sent >= 9 * second, shards << " shards, second " << second << ": they were not held back");
      BOOST_TEST(sent <= 10 * second + 1, shards << " shards, second " << second);
    }
  }
}

// So short that retries alone would fill the rate.
[[nodiscard]] Options impatient() {
  Options options = at_once();
  options.when_stalled = options.when_ended = OnEnd::leave;
  options.on_stall = OnStall::keep_beating;
  options.backoff = {.initial = 100ms, .maximum = 100ms};
  options.floor = 10ms;
  return options;
}

BOOST_AUTO_TEST_CASE(retries_keep_the_rate_together_with_first_attempts) {
  check_rate([](World& world, std::vector<Handle>& handles) {
    for (int key = 0; key < 20; ++key) {  // enough of both kinds to use the whole rate up
      world.transport.on(key).fail().always();
      handles.push_back(world.registry->start(key, impatient()));
    }
    for (int key = 20; key < 60; ++key)
      handles.push_back(world.registry->start(key, impatient()));
  });
}

// A server that is dead for some leaves the living at least half of the rate.
BOOST_AUTO_TEST_CASE(retries_get_half_of_the_rate) {
  World world{{.max_sends_per_second = 10, .seed = 1, .shards = 1}};
  std::vector<Handle> handles;
  world.transport.otherwise().fail();
  for (int key = 0; key < 20; ++key)
    handles.push_back(world.registry->start(key, impatient()));

  world.executor.run_for(40s);

  BOOST_TEST(world.transport.beats().size() <= 20U + 5 * 40 + 1);
  BOOST_TEST(world.transport.beats().size() >= 20U + 5 * 36 - 2, "the first attempts took 4 s at the most");
}

BOOST_AUTO_TEST_CASE(closes_and_their_repeats_keep_the_rate_together_with_beats) {
  check_rate([](World& world, std::vector<Handle>& handles) {
    for (int key = 0; key < 60; ++key)
      handles.push_back(world.registry->start(key, impatient()));
    world.transport.otherwise_on_close().fail().always();
    Options closing = at_once();
    closing.interval = 1s;
    closing.first_beat = FirstBeat::spread;
    for (int key = 60; key < 100; ++key)
      world.registry->start(key, closing).stop();
  });
}

BOOST_AUTO_TEST_CASE(what_a_rate_makes_wait_is_counted_and_told_with_its_name) {
  World world{{.max_sends_per_second = 1, .seed = 1, .shards = 1}};
  const Handle first = world.registry->start(1, at_once());
  const Handle second = world.registry->start(2, at_once());

  world.executor.run_for(2s);

  BOOST_TEST(world.registry->statistics().starved == 1U);
  const auto told = world.log.of_kind(EventKind::overloaded);
  BOOST_REQUIRE_EQUAL(told.size(), 1U);
  BOOST_CHECK(told[0].error == errc::send_rate_reached);
  BOOST_TEST(told[0].text.find("max_sends_per_second") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_says_for_what) {
  World world{{.max_in_flight = 1, .seed = 1, .shards = 1}};
  world.transport.on(1).held();
  Options patient = at_once();
  patient.on_stall = OnStall::keep_beating;
  patient.beat_timeout = 30s;
  const Handle first = world.registry->start(1, patient);
  world.executor.run_for(1s);
  Options short_lived = at_once();
  short_lived.interval = 1s;
  short_lived.ttl = 3s;
  const Handle second = world.registry->start(2, short_lived);

  world.executor.run_for(4s);

  BOOST_CHECK(second.ended() == EndReason::stalled);
  const auto told = world.log.of_kind(EventKind::overloaded);
  BOOST_REQUIRE_EQUAL(told.size(), 1U);
  BOOST_CHECK(told[0].error == errc::in_flight_limit_reached);
  BOOST_CHECK(world.log.of_kind(EventKind::ended).back().error == errc::in_flight_limit_reached);
}

// Repeated attempts share one permission and every second token; whoever gets the one and not the other gives it back,
// and to somebody who is woken by it.
BOOST_AUTO_TEST_CASE(a_session_whose_server_answers_everything_does_not_stall) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world{{.max_in_flight = 2, .max_sends_per_second = 2, .seed = seed, .shards = 16}, seed};
    Options options = at_once();
    options.interval = 20s;
    options.beat_timeout = 20s;
    options.ttl = 120s;
    std::vector<Handle> handles;
    for (int key = 0; key < 4; ++key) {
      world.transport.on(key).fail().after(3s).times(4);
      world.transport.on(key).acknowledge().after(3s).always();
      handles.push_back(world.registry->start(key, options));
    }

    world.executor.run_for(300s);

    for (const Handle& handle : handles)
      BOOST_TEST(handle.valid(), "seed " << seed << ", key " << handle.key());
  }
}

BOOST_AUTO_TEST_SUITE_END()
