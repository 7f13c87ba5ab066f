// SPDX-License-Identifier: BSL-1.0
// The server is well, the way to it is not: a proxy of ours between the two drops everything without a word, accepts
// and keeps silent, delays, and resets connections.
#include <boost/test/unit_test.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT

namespace {

using Short = ShortDrill<Way::proxy>;
using Long = LongDrill<Way::proxy>;

// One channel for a tenth of them. gRPC closes a connection that its keepalive has found dead only once it has nothing
// to write to it. With the calls of all on one channel, a thousand of which time out each second, that can take longer
// than the ttl, and now and then minutes: what is called off costs gRPC so much that the next calls wait by then.
using ShortTenth = ShortDrill<Way::proxy, fleet_size / 10>;
using LongTenth = LongDrill<Way::proxy, fleet_size / 10>;

// The server did not miss a beat that the fleet was told to be acknowledged.
void no_acknowledgement_was_made_up(const Outcome& outcome) {
  BOOST_TEST(outcome.statistics.acknowledged <= outcome.server.alive);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_network)

BOOST_FIXTURE_TEST_CASE(a_connection_that_is_half_open_within_the_ttl_costs_no_session, LongTenth) {
  put_through(network("half open", Network::half_open, all_have_missed_a_beat()));

  nothing_was_lost();
  no_acknowledgement_was_made_up(outcome);
}

BOOST_FIXTURE_TEST_CASE(a_network_that_drops_everything_for_a_ttl_is_told_before_the_server_closes, ShortTenth) {
  put_through(network("half open for a ttl", Network::half_open, all_have_stalled()));

  they_stalled_before_it_was_over();
  only_what_expired_was_reopened();
}

BOOST_FIXTURE_TEST_CASE(a_server_that_accepts_and_never_answers_is_told_before_the_server_closes, Short) {
  put_through(network("accepting, never answering", Network::mute, all_have_stalled()));

  they_stalled_before_it_was_over();
  only_what_expired_was_reopened();
}

BOOST_FIXTURE_TEST_CASE(a_slow_network_costs_no_session, Long) {
  put_through(network("slow", Network::slow, two_beats_each()));

  nothing_was_lost();
  no_acknowledgement_was_made_up(outcome);
}

BOOST_FIXTURE_TEST_CASE(connections_that_are_reset_again_and_again_cost_no_session, Long) {
  put_through(network("resetting", Network::resetting, two_beats_each()));

  nothing_was_lost();
  no_acknowledgement_was_made_up(outcome);
}

BOOST_AUTO_TEST_SUITE_END()
