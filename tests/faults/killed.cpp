// SPDX-License-Identifier: BSL-1.0
// The server's process is killed, and started again on its port. It has forgotten all sessions then, as TypeDB has:
// what a client can do is to hear of it, at once, once, and to reopen what it was told to reopen.
#include <boost/test/unit_test.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT
using heartbeat::EndReason;

BOOST_AUTO_TEST_SUITE(killed)

BOOST_FIXTURE_TEST_CASE(a_restart_within_the_ttl_is_told_as_gone_or_mended, LongDrill<>) {
  put_through(killing("killed, restarted", all_have_missed_a_beat()));

  the_ending_half_was_lost_as(EndReason::gone);
  the_other_half_was_reopened_spread();
}

BOOST_FIXTURE_TEST_CASE(an_absence_longer_than_the_ttl_is_told_as_stalled_or_mended, ShortDrill<>) {
  put_through(killing("killed, away for a ttl", all_have_stalled()));

  they_stalled_before_it_was_over();
  the_other_half_was_reopened_spread();
}

BOOST_AUTO_TEST_SUITE_END()
