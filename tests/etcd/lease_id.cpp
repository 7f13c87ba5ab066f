// SPDX-License-Identifier: BSL-1.0
// A lease's id: a value, written as etcdctl writes it.
#include <cstdint>
#include <limits>
#include <sstream>
#include <unordered_set>

#include <boost/test/unit_test.hpp>

#include <heartbeat/key.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>

BOOST_AUTO_TEST_SUITE(lease_id)

using heartbeat::etcd::LeaseId;

static_assert(heartbeat::Key<LeaseId>);

BOOST_AUTO_TEST_CASE(it_is_written_as_etcdctl_writes_it) {
  std::ostringstream stream;
  stream << LeaseId{0x694d'71dd'9a68'b50e};

  BOOST_TEST(stream.str() == "694d71dd9a68b50e");
  BOOST_TEST(to_string(LeaseId{0x1f}) == "000000000000001f");
  BOOST_TEST(to_string(LeaseId{}) == "0000000000000000");
  BOOST_TEST(to_string(LeaseId{std::numeric_limits<std::int64_t>::max()}) == "7fffffffffffffff");
}

BOOST_AUTO_TEST_CASE(equal_ids_are_one_key) {
  const std::unordered_set<LeaseId> ids{LeaseId{1}, LeaseId{2}, LeaseId{1}};

  BOOST_TEST(ids.size() == 2U);
  BOOST_CHECK((LeaseId{1} < LeaseId{2}));
}

BOOST_AUTO_TEST_SUITE_END()
