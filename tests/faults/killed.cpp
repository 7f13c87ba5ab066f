// SPDX-License-Identifier: BSL-1.0
// The server's process is killed, and started again on its port. It has forgotten all sessions then, as TypeDB has:
// what a client can do is to hear of it, at once, once, and to reopen what it was told to reopen.
#include <boost/test/unit_test.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT
using heartbeat::EndReason;

namespace {

Fault killing(ServerProcess& server, std::string name, std::function<bool(const Told&)> until) {
  return {.name = std::move(name),
          .begin = [&server] { server.kill(); },
          .end = [&server] { server.start(); },
          .lasts_until = std::move(until),
          .server_can_be_asked = false,
          .server_forgets = true};
}

using Short = OpenFleet<short_ttl.count()>;
using Long = OpenFleet<long_ttl.count()>;

}  // namespace

BOOST_AUTO_TEST_SUITE(killed)

BOOST_FIXTURE_TEST_CASE(a_restart_within_the_ttl_is_told_as_gone_or_mended, Long) {
  const Outcome outcome =
      Drill{fleet, server, killing(server, "killed, restarted", all_have_missed_a_beat(fleet))}.run();

  BOOST_TEST(outcome.told.lost_as(EndReason::gone) == fleet.ending());
  BOOST_TEST(outcome.told.lost.count == fleet.ending());
  BOOST_TEST(outcome.told.reopened.count == fleet.reopening());
  BOOST_TEST(outcome.server.opened == fleet.reopening());
  BOOST_TEST(densest_share(outcome.told) < 0.5);  // no herd meets the server that is back
}

BOOST_FIXTURE_TEST_CASE(an_absence_longer_than_the_ttl_is_told_as_stalled_or_mended, Short) {
  const Outcome outcome =
      Drill{fleet, server, killing(server, "killed, away for a ttl", all_have_stalled(fleet))}.run();

  BOOST_TEST(outcome.told.lost_as(EndReason::stalled) == fleet.ending());
  BOOST_TEST(outcome.told.lost.count == fleet.ending());
  BOOST_TEST((outcome.told.lost.last < outcome.back));
  BOOST_TEST(outcome.told.reopened.count == fleet.reopening());
  BOOST_TEST(outcome.server.opened == fleet.reopening());
  BOOST_TEST(densest_share(outcome.told) < 0.5);  // no herd meets the server that is back
}

BOOST_AUTO_TEST_SUITE_END()
