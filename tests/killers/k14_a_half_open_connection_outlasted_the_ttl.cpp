// SPDX-License-Identifier: BSL-1.0
// K14: the connection was half open, and its own timeout was longer than the ttl: the failure came after the lease was
// gone. Here a beat waits only for its share of the validity that is left, whatever timeout was asked for.
//
//   sent   0 s    5 s       13 s       21 s           29 s          30 s
//          ack    given up  given up   given up       stalled       the server forgets
#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::EventKind;

namespace {

// The timeout of a transport that never thought of leases.
Options patient() {
  Options options = without_close();
  options.beat_timeout = options.ttl;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(k14_a_half_open_connection_outlasted_the_ttl)

// K14
BOOST_AUTO_TEST_CASE(k14_the_owner_is_told_before_the_server_forgets) {
  World world;
  world.transport.on(7).acknowledge();
  world.transport.otherwise().never();
  const Handle lease = world.registry->start(7, patient());

  world.executor.run_for(1min);

  const auto jeopardy = world.log.of_kind(EventKind::jeopardy);
  const auto ended = world.log.of_kind(EventKind::ended);
  BOOST_TEST_REQUIRE(jeopardy.size() == 1U);
  BOOST_TEST_REQUIRE(ended.size() == 1U);
  BOOST_TEST((jeopardy.front().at.time_since_epoch() < 15s));
  BOOST_TEST((ended.front().at.time_since_epoch() == 29s));
  BOOST_TEST(why(lease) == "stalled");
  BOOST_TEST(world.sent(7).size() >= 4U);  // the acknowledged one, and three attempts
}

// K14: each attempt is one on which a new connection may save the lease, the last one too.
BOOST_AUTO_TEST_CASE(k14_an_attempt_that_gets_through_saves_the_lease) {
  for (const std::size_t lost : {1U, 2U}) {
    World world;
    world.transport.on(7).acknowledge().then().never().times(lost).then().acknowledge();
    const Handle lease = world.registry->start(7, patient());

    world.executor.run_for(1min);

    BOOST_TEST(lease.valid());
    BOOST_TEST(world.log.count(EventKind::recovered) == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
