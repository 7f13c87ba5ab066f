// SPDX-License-Identifier: BSL-1.0
// Leases of a real etcd of three members: the members come and go, the leases stay. (etcd-cpp-apiv3#67: the server shut
// down, and an exception on a background thread ended the process.)
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/transports/etcd.hpp>

#include "../servers/etcd_server.hpp"
#include "kept_leases.hpp"
#include "lease_client.hpp"

BOOST_AUTO_TEST_SUITE(real_cluster)

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::testing;  // NOLINT
using heartbeat::etcd::LeaseTransport;

const KeptLeases::Registry::Options quick{.interval = 300ms};

// All members, that one first.
LeaseTransport transport_to(const EtcdCluster& cluster, std::size_t first) {
  auto addresses = cluster.addresses();
  std::swap(addresses.at(0), addresses.at(first));
  return LeaseTransport{patient_channels(addresses, 5s)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cluster_that_loses_its_leader_loses_no_lease) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.leader();
  KeptLeases leases{transport_to(cluster, leader), 20, 60s, quick};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  cluster[leader].kill();
  BOOST_TEST(leases.are_acknowledged_again(3));

  BOOST_TEST(leases.ended() == 0U);
  BOOST_TEST((cluster.leader() != leader));
}

BOOST_AUTO_TEST_CASE(a_member_without_a_leader_is_left) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.leader();
  const std::size_t minority = (leader + 1) % 3;
  const std::size_t other = (leader + 2) % 3;
  KeptLeases leases{transport_to(cluster, minority), 5, 60s, quick};
  BOOST_TEST(leases.all("acknowledged", [](const Story& story) { return story.acknowledged > 0; }));

  cluster[leader].freeze();
  cluster[other].freeze();
  BOOST_TEST(leases.any("told that there is no leader",
                        [](const Story& story) { return story.words.contains("etcdserver: no leader"); }));
  cluster[leader].thaw();
  cluster[other].thaw();

  BOOST_TEST(leases.are_acknowledged_again(3));
  BOOST_TEST(leases.ended() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
