// SPDX-License-Identifier: BSL-1.0
// Leases of a real etcd: they outlive their ttl, end when they are told to, and survive what a lease can survive.
#include <chrono>
#include <cstddef>
#include <string>

#include <boost/test/unit_test.hpp>

#include <heartbeat/end.hpp>
#include <heartbeat/transports/etcd.hpp>

#include "../servers/etcd_server.hpp"
#include "kept_leases.hpp"
#include "lease_client.hpp"

BOOST_AUTO_TEST_SUITE(real_server)

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::testing;  // NOLINT
using heartbeat::EndReason;
using heartbeat::etcd::LeaseId;
using heartbeat::etcd::LeaseTransport;

// The interval of the registry's heartbeats; the ttl is the server's.
constexpr auto interval = 300ms;
const KeptLeases::Registry::Options quick{.interval = interval};

struct Fixture {
  Fixture() { etcd.start(); }

  [[nodiscard]] bool knows(LeaseId id) const {
    return etcd.ctl({"lease", "list"}).text.find(to_string(id)) != std::string::npos;
  }

  // Over a channel that waits longer for a connection than a busy machine needs to make it.
  [[nodiscard]] LeaseTransport transport() const { return LeaseTransport{patient_channels({etcd.address()}, 5s)}; }

  EtcdServer etcd;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(leases_live_past_their_ttl_and_so_does_what_hangs_on_them, Fixture) {
  constexpr auto ttl = 5s;
  KeptLeases leases{transport(), 5, ttl, quick};
  BOOST_TEST(etcd.ctl({"put", "--lease=" + to_string(leases.ids()[0]), "name", "owner"}).status == 0);

  BOOST_TEST(leases.all("acknowledged for two ttls",
                        [&](const Story& story) { return story.acknowledged * interval > 2 * ttl; }));

  BOOST_TEST(leases.ended() == 0U);
  for (std::size_t i = 0; i != 5; ++i) {
    BOOST_TEST(knows(leases.ids()[i]));
    BOOST_TEST(leases.handle(i).valid());
  }
  BOOST_TEST(etcd.ctl({"get", "name"}).text == "name\nowner\n");
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_stopped_is_revoked, Fixture) {
  KeptLeases leases{transport(), 2, 60s, quick};
  BOOST_TEST(etcd.ctl({"put", "--lease=" + to_string(leases.ids()[0]), "name", "owner"}).status == 0);
  BOOST_TEST(knows(leases.ids()[0]));

  leases.handle(0).stop();

  BOOST_TEST(eventually(
      "the stopped lease to be unknown", [&] { return !knows(leases.ids()[0]); },
      [&] {
        return "leases " + etcd.ctl({"lease", "list"}).text;
      }));
  BOOST_TEST(etcd.ctl({"get", "name"}).text.empty());
  BOOST_TEST(knows(leases.ids()[1]));
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_somebody_revokes_is_gone_and_the_others_are_untouched, Fixture) {
  KeptLeases leases{transport(), 3, 60s, quick};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  BOOST_TEST(etcd.ctl({"lease", "revoke", to_string(leases.ids()[1])}).status == 0);

  BOOST_TEST(leases.one(1, "gone", [](const Story& story) { return story.reason == EndReason::gone; }));
  BOOST_TEST(!leases.handle(1).valid());
  BOOST_TEST(leases.are_acknowledged_again(3));
  BOOST_TEST(leases.ended() == 1U);
  BOOST_TEST(leases.handle(0).valid());
  BOOST_TEST(leases.handle(2).valid());
}

BOOST_FIXTURE_TEST_CASE(no_lease_is_lost_when_the_server_is_back_within_the_ttl, Fixture) {
  KeptLeases leases{transport(), 20, 60s, quick};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  etcd.kill();
  BOOST_TEST(leases.all("in jeopardy", [](const Story& story) { return story.is_in_jeopardy; }));
  etcd.start();

  BOOST_TEST(leases.are_acknowledged_again(3));
  BOOST_TEST(leases.ended() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_hangs_for_a_while_costs_no_lease, Fixture) {
  KeptLeases leases{transport(), 20, 60s, quick};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  etcd.freeze();
  BOOST_TEST(leases.all("in jeopardy", [](const Story& story) { return story.is_in_jeopardy; }));
  etcd.thaw();

  BOOST_TEST(leases.are_acknowledged_again(3));
  BOOST_TEST(leases.ended() == 0U);
}

BOOST_FIXTURE_TEST_CASE(when_the_server_stays_away_all_are_stalled_before_it_could_give_them_away, Fixture) {
  constexpr auto ttl = 5s;
  auto options = quick;
  options.safety_margin = 2s;
  KeptLeases leases{transport(), 5, ttl, options};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  etcd.kill();

  BOOST_TEST(leases.all("ended", [](const Story& story) { return story.reason.has_value(); }));
  for (std::size_t i = 0; i != 5; ++i) {
    const Story story = leases.story(i);
    BOOST_CHECK(story.reason == EndReason::stalled);
    BOOST_CHECK((story.ended < story.last_acknowledged + ttl));
    BOOST_TEST(!story.words.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
