// SPDX-License-Identifier: BSL-1.0
// The engine's randomness: the same everywhere for a seed, even, and without a number out of bounds.
#include <bit>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/random.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(random)

using heartbeat::detail::Random;

BOOST_AUTO_TEST_CASE(a_seed_gives_the_published_numbers_of_splitmix64) {
  Random random{1234567};

  BOOST_TEST(random.next() == 6457827717110365317ULL);
  BOOST_TEST(random.next() == 3203168211198807973ULL);
  BOOST_TEST(random.next() == 9817491932198370423ULL);
}

BOOST_AUTO_TEST_CASE(seeds_side_by_side_give_different_numbers) {
  std::set<std::uint64_t> numbers;

  for (std::uint64_t seed = 0; seed < 1000; ++seed)
    numbers.insert(Random{seed}.next());

  BOOST_TEST(numbers.size() == 1000u);
}

BOOST_AUTO_TEST_CASE(a_draw_stays_below_its_limit_and_reaches_every_number) {
  Random random{1};
  std::vector<int> hits(10);

  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t drawn = random.below(10);
    BOOST_REQUIRE(drawn >= 0);
    BOOST_REQUIRE(drawn < 10);
    ++hits[static_cast<std::size_t>(drawn)];
  }

  for (const int count : hits) {
    BOOST_TEST(count > 800);
    BOOST_TEST(count < 1200);
  }
}

BOOST_AUTO_TEST_CASE(a_limit_that_is_not_positive_gives_zero_and_draws_nothing) {
  Random random{1};
  Random untouched{1};

  BOOST_TEST(random.below(0) == 0);
  BOOST_TEST(random.below(-5) == 0);
  BOOST_TEST(random.below(std::numeric_limits<std::int64_t>::min()) == 0);

  BOOST_TEST(random.next() == untouched.next());
}

BOOST_AUTO_TEST_CASE(the_longest_limit_is_never_reached) {
  Random random{1};

  for (int i = 0; i < 1000; ++i)
    BOOST_REQUIRE(random.below(std::numeric_limits<std::int64_t>::max()) >= 0);
}

BOOST_AUTO_TEST_CASE(mixing_spreads_a_single_bit_over_about_half_of_all_bits) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const int changed = std::popcount(Random::mix(12345) ^ Random::mix(12345 ^ (std::uint64_t{1} << bit)));

    BOOST_TEST(changed > 12);
    BOOST_TEST(changed < 52);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
