// SPDX-License-Identifier: BSL-1.0
// The number of shards where nobody chose.
#include <bit>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/threads/default_shards.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(default_shards)

BOOST_AUTO_TEST_CASE(it_is_a_power_of_two_of_4_to_16) {
  const std::size_t shards = heartbeat::detail::default_shards();

  BOOST_TEST(std::has_single_bit(shards));
  BOOST_TEST(shards >= 4u);
  BOOST_TEST(shards <= 16u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
