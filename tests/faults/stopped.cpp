// SPDX-License-Identifier: BSL-1.0
// The server's process is stopped (SIGSTOP) and goes on later: its connections stay, its kernel still takes bytes, and
// nobody answers. Time goes on for it too: what it has not heard of for the ttl it closes when it wakes.
#include <boost/test/unit_test.hpp>

#include "drill.hpp"

using namespace heartbeat::faults;  // NOLINT
using heartbeat::EndReason;

namespace {

Fault stopping(ServerProcess& server, std::string name, std::function<bool(const Told&)> until) {
  return {.name = std::move(name),
          .begin = [&server] { server.stop(); },
          .end = [&server] { server.go_on(); },
          .lasts_until = std::move(until),
          .server_can_be_asked = false};
}

using Short = OpenFleet<short_ttl.count()>;
using Long = OpenFleet<long_ttl.count()>;

}  // namespace

BOOST_AUTO_TEST_SUITE(stopped)

BOOST_FIXTURE_TEST_CASE(a_stop_within_the_ttl_costs_no_session, Long) {
  const Outcome outcome =
      Drill{fleet, server, stopping(server, "stopped, continued", all_have_missed_a_beat(fleet))}.run();

  BOOST_TEST(outcome.told.lost.count == 0U);
  BOOST_TEST(outcome.valid == fleet.size());
  BOOST_TEST(outcome.told.reopened.count == 0U);
  BOOST_TEST(outcome.server.opened == fleet.size());
  BOOST_TEST(outcome.server.expired == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_stop_longer_than_the_ttl_is_told_before_the_server_can_say_so, Short) {
  const Outcome outcome = Drill{fleet, server, stopping(server, "stopped for a ttl", all_have_stalled(fleet))}.run();

  BOOST_TEST(outcome.told.lost_as(EndReason::stalled) == fleet.ending());
  BOOST_TEST(outcome.told.lost.count == fleet.ending());
  BOOST_TEST((outcome.told.lost.last < outcome.back));
  BOOST_TEST(outcome.told.reopened.count <= outcome.server.expired);
}

BOOST_AUTO_TEST_SUITE_END()
