// SPDX-License-Identifier: BSL-1.0
// K8: a send that failed left the time of the next beat unset; servers that restarted lost every lease. Here each way
// to fail leads to another attempt well before validity ends, for as long as the session may be saved.
#include <cstddef>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

enum class Way { fails, throws, drops, keeps_silent };

void make_fail(ScriptedTransport<int>& transport, Way way) {
  switch (way) {
    case Way::fails: transport.otherwise().fail(); break;
    case Way::throws: transport.otherwise().throws(); break;
    case Way::drops: transport.otherwise().drop(); break;
    case Way::keeps_silent: transport.otherwise().fail().after(6s); break;  // later than anybody waits
  }
}

constexpr Way all_ways[] = {Way::fails, Way::throws, Way::drops, Way::keeps_silent};

}  // namespace

BOOST_AUTO_TEST_SUITE(k08_a_failed_send_left_the_next_beat_unset)

// K8
BOOST_AUTO_TEST_CASE(k8_however_a_send_fails_the_next_one_follows_in_time) {
  for (const Way way : all_ways) {
    World world;
    const Handle beat = world.registry->start(7, at_once());
    world.executor.run_for(1s);
    const std::size_t before = world.sent(7).size();

    make_fail(world.transport, way);
    world.executor.run_until(beat.valid_until() - 1ms);

    BOOST_TEST(world.sent(7).size() >= before + 3);
    BOOST_TEST(why(beat) == "running");
  }
}

// K8: a server that restarts again and again, each time for half of the ttl.
BOOST_AUTO_TEST_CASE(k8_restarts_of_the_server_lose_no_lease) {
  for (const Way way : all_ways) {
    World world;
    std::vector<Handle> leases;
    for (int key = 0; key < 100; ++key)
      leases.push_back(world.registry->start(key, at_once()));
    world.executor.run_for(10s);

    for (int restart = 0; restart < 20; ++restart) {
      make_fail(world.transport, way);
      world.executor.run_for(15s);
      world.transport.otherwise().acknowledge();
      world.executor.run_for(15s);
      for (const Handle& lease : leases)
        BOOST_REQUIRE(lease.valid());
    }

    BOOST_TEST(world.log.count(heartbeat::EventKind::ended) == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
