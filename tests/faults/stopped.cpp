// SPDX-License-Identifier: BSL-1.0
// The server's process is stopped (SIGSTOP) and goes on later: its connections stay, its kernel still takes bytes, and
// nobody answers. Time goes on for it too: when it wakes its timers fire before it reads what waits in its sockets, so
// it closes what it has not heard of for the ttl, also where a beat was sent in time. TypeDB does so too: a stop that
// is longer than the ttl without the interval costs sessions.
#include <boost/test/unit_test.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT

BOOST_AUTO_TEST_SUITE(stopped)

BOOST_FIXTURE_TEST_CASE(a_stop_within_the_ttl_costs_no_session, LongDrill<>) {
  put_through(stopping("stopped, continued", all_have_missed_a_beat()));

  nothing_was_lost();
}

BOOST_FIXTURE_TEST_CASE(a_stop_longer_than_the_ttl_is_told_before_the_server_can_say_so, ShortDrill<>) {
  put_through(stopping("stopped for a ttl", all_have_stalled()));

  they_stalled_before_it_was_over();
  only_what_expired_was_reopened();
}

BOOST_AUTO_TEST_SUITE_END()
