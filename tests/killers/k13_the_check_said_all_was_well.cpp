// SPDX-License-Identifier: BSL-1.0
// K13: the lease had been revoked, and the check still said that all was well. Here every way to ask says no from the
// moment the server's answer is known, and nobody can hear of the end before that.
#include <optional>
#include <stop_token>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::EventKind;

BOOST_AUTO_TEST_SUITE(k13_the_check_said_all_was_well)

// K13
BOOST_AUTO_TEST_CASE(k13_a_revoked_lease_is_valid_in_no_answer) {
  World world;
  world.transport.on(7).acknowledge().then().gone();
  const Handle lease = world.registry->start(7, at_once());
  const std::stop_token token = lease.stop_token();
  world.executor.run_for(4s);
  BOOST_TEST(lease.valid());

  world.executor.run_for(1s);  // the beat of 5 s hears of it; the ttl would last until 30 s

  BOOST_TEST(!lease.valid());
  BOOST_TEST((lease.valid_until() == ManualClock::time_point::min()));
  BOOST_TEST(why(lease) == "gone");
  BOOST_TEST(token.stop_requested());
  BOOST_TEST(lease.failure().has_value());
  BOOST_TEST(!world.registry->contains(7));
  BOOST_TEST(!world.registry->status(7).has_value());
  BOOST_TEST(world.registry->snapshot().empty());
  BOOST_TEST(world.log.count(EventKind::ended, 7) == 1U);
}

// K13: whoever is told, by token or by event, already finds the lease invalid.
BOOST_AUTO_TEST_CASE(k13_who_is_told_of_the_end_finds_the_lease_invalid) {
  ManualClock clock;
  ManualExecutor executor{clock, 1};
  ScriptedTransport<int> transport{executor};
  transport.on(7).acknowledge().then().gone();
  Handle lease;
  std::optional<bool> valid_at_event;
  std::optional<bool> valid_at_token;
  Registry registry{transport,
                    clock,
                    executor,
                    [&](const Registry::EventType& event) {
                      if (event.kind == EventKind::ended) valid_at_event = lease.valid();
                    },
                    {.seed = 1, .shards = 1}};
  lease = registry.start(7, at_once());
  const std::stop_callback when_it_ends{lease.stop_token(), [&] { valid_at_token = lease.valid(); }};

  executor.run_for(6s);

  BOOST_TEST_REQUIRE(valid_at_event.has_value());
  BOOST_TEST_REQUIRE(valid_at_token.has_value());
  BOOST_TEST(!*valid_at_event);
  BOOST_TEST(!*valid_at_token);
}

BOOST_AUTO_TEST_SUITE_END()
