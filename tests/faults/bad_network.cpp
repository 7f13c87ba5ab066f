// SPDX-License-Identifier: BSL-1.0
// The server is well, the way to it is not: a proxy of ours between the two drops everything without a word, accepts
// and keeps silent, delays, and resets connections.
#include <cstddef>
#include <cstdint>

#include <boost/test/unit_test.hpp>

#include "drill.hpp"
#include "proxy.hpp"

using namespace heartbeat::faults;  // NOLINT
using heartbeat::EndReason;

namespace {

// Of `ttl` seconds.
template <int ttl, std::size_t size = fleet_size>
struct Fixture {
  Fixture() { fleet.open(); }

  Fault bad(std::string name, Network network, std::function<bool(const Told&)> until) {
    return {.name = std::move(name),
            .begin = [this, network] { proxy.set(network); },
            .end = [this] { proxy.set(Network::fine); },
            .lasts_until = std::move(until)};
  }

  // Long enough for every session to have beaten more than once.
  std::function<bool(const Told&)> two_beats_each() {
    const std::uint64_t wanted = fleet.statistics().acknowledged + 2 * fleet.size();
    return [this, wanted](const Told&) { return fleet.statistics().acknowledged >= wanted; };
  }

  void check_that_the_fleet_stalled(const Outcome& outcome) const {
    BOOST_TEST(outcome.told.lost_as(EndReason::stalled) == fleet.ending());
    BOOST_TEST(outcome.told.lost.count == fleet.ending());
    BOOST_TEST((outcome.told.lost.last < outcome.back));
    BOOST_TEST(outcome.told.reopened.count <= outcome.server.expired);
  }

  void check_that_nothing_was_lost(const Outcome& outcome) const {
    BOOST_TEST(outcome.told.lost.count == 0U);
    BOOST_TEST(outcome.valid == fleet.size());
    BOOST_TEST(outcome.told.reopened.count == 0U);
    BOOST_TEST(outcome.server.opened == fleet.size());
    BOOST_TEST(outcome.server.expired == 0U);
    BOOST_TEST(outcome.statistics.acknowledged <= outcome.server.alive);
  }

  ServerProcess server;
  Proxy proxy{server.port()};
  Fleet fleet{proxy.port(), std::chrono::seconds{ttl}, size};
};

using Short = Fixture<short_ttl.count()>;
using Long = Fixture<long_ttl.count()>;

// One channel for a tenth of them. gRPC closes a connection that its keepalive has found dead only once it has nothing
// to write to it. With the calls of all on one channel, a thousand of which time out each second, that can take longer
// than the ttl, and now and then minutes: what is called off costs gRPC so much that the next calls wait by then.
using ShortTenth = Fixture<short_ttl.count(), fleet_size / 10>;
using LongTenth = Fixture<long_ttl.count(), fleet_size / 10>;

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_network)

BOOST_FIXTURE_TEST_CASE(a_connection_that_is_half_open_within_the_ttl_costs_no_session, LongTenth) {
  check_that_nothing_was_lost(
      Drill{fleet, server, bad("half open", Network::half_open, all_have_missed_a_beat(fleet))}.run());
}

BOOST_FIXTURE_TEST_CASE(a_network_that_drops_everything_for_a_ttl_is_told_before_the_server_closes, ShortTenth) {
  check_that_the_fleet_stalled(
      Drill{fleet, server, bad("half open for a ttl", Network::half_open, all_have_stalled(fleet))}.run());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_accepts_and_never_answers_is_told_before_the_server_closes, Short) {
  check_that_the_fleet_stalled(
      Drill{fleet, server, bad("accepting, never answering", Network::mute, all_have_stalled(fleet))}.run());
}

BOOST_FIXTURE_TEST_CASE(a_slow_network_costs_no_session, Long) {
  check_that_nothing_was_lost(Drill{fleet, server, bad("slow", Network::slow, two_beats_each())}.run());
}

BOOST_FIXTURE_TEST_CASE(connections_that_are_reset_again_and_again_cost_no_session, Long) {
  check_that_nothing_was_lost(Drill{fleet, server, bad("resetting", Network::resetting, two_beats_each())}.run());
}

BOOST_AUTO_TEST_SUITE_END()
