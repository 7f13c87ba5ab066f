// SPDX-License-Identifier: BSL-1.0
// Reading how a record stands. What each state looks like from outside is tested in registry.cpp.
#include <chrono>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/engine/look_at.hpp>

#include "../../desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(look_at)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::Desk;

BOOST_AUTO_TEST_CASE(a_running_heartbeat_is_seen_until_it_ends) {
  Desk desk;
  desk.transport.on(1).held();
  auto handle = desk.registry->start(1, Desk::at_once());
  desk.executor.run_ready();

  const auto in_flight = desk.registry->status(1);
  BOOST_REQUIRE(in_flight.has_value());
  BOOST_CHECK(in_flight->state == HeartbeatState::in_flight);
  BOOST_TEST(!in_flight->valid_until.has_value());

  desk.transport.answer(1, BeatResult::acknowledged());
  const auto waiting = desk.registry->status(1);
  BOOST_REQUIRE(waiting.has_value());
  BOOST_CHECK(waiting->state == HeartbeatState::waiting);
  BOOST_REQUIRE(waiting->valid_until.has_value());
  BOOST_TEST((*waiting->valid_until == handle.valid_until()));

  handle.stop();
  BOOST_TEST(!desk.registry->status(1).has_value());
}

BOOST_AUTO_TEST_CASE(the_next_beats_time_and_the_last_error_are_seen_until_an_acknowledgement) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).fail(std::make_error_code(std::errc::connection_refused), "nobody there");
  const auto handle = desk.registry->start(1, Desk::at_once());

  desk.executor.run_for(1s);
  const auto well = desk.registry->status(1);
  desk.executor.run_for(4s);
  const auto refused = desk.registry->status(1);
  desk.executor.run_for(5s);
  const auto again = desk.registry->status(1);

  BOOST_TEST((well->due.time_since_epoch() == 5s));
  BOOST_TEST(!well->error);
  BOOST_CHECK(refused->error == std::errc::connection_refused);
  BOOST_TEST((refused->due > well->due));  // the next attempt
  BOOST_TEST(!again->error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
