// SPDX-License-Identifier: BSL-1.0
// One copy of the rules for all who have equal ones, and none that stays for ever.
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/shared_rules.hpp>
#include <heartbeat/detail/shard/shard.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(shared_rules)

using namespace heartbeat::detail;

// Only its address is kept.
Shard& some_shard() {
  alignas(Shard) static std::byte memory[sizeof(Shard)];
  return *reinterpret_cast<Shard*>(memory);
}

BeatRules rules_of(std::int64_t interval) {
  return {.interval = interval};
}

BOOST_AUTO_TEST_CASE(equal_rules_share_one_copy) {
  RulesTable table;

  SharedRules& first = table.acquire(rules_of(5), some_shard());
  SharedRules& second = table.acquire(rules_of(5), some_shard());

  BOOST_TEST(&first == &second);
  BOOST_TEST(first.users == 2u);
  BOOST_TEST(first.shard == &some_shard());
  BOOST_CHECK(first.rules == rules_of(5));
}

BOOST_AUTO_TEST_CASE(different_rules_do_not) {
  RulesTable table;

  SharedRules& first = table.acquire(rules_of(5), some_shard());
  SharedRules& second = table.acquire(rules_of(6), some_shard());

  BOOST_TEST(&first != &second);
  BOOST_TEST(first.users == 1u);
}

BOOST_AUTO_TEST_CASE(a_copy_stays_where_it_is_while_others_come_and_go) {
  RulesTable table;
  SharedRules& mine = table.acquire(rules_of(1), some_shard());

  for (std::int64_t i = 2; i < 1000; ++i)
    table.acquire(rules_of(i), some_shard()).release();

  BOOST_CHECK(mine.rules == rules_of(1));
  BOOST_TEST(mine.users == 1u);
}

BOOST_AUTO_TEST_CASE(what_nobody_uses_is_freed_though_others_are_used_for_ever) {
  RulesTable table;
  for (std::int64_t i = 0; i < 100; ++i)
    (void)table.acquire(rules_of(-i), some_shard());

  for (std::int64_t i = 1; i < 10'000; ++i)
    table.acquire(rules_of(i), some_shard()).release();

  BOOST_TEST(table.size() < 250u);
}

BOOST_AUTO_TEST_CASE(what_few_use_together_is_found_again_after_nobody_used_it) {
  RulesTable table;
  SharedRules* const before = &table.acquire(rules_of(5), some_shard());
  before->release();

  SharedRules& after = table.acquire(rules_of(5), some_shard());

  BOOST_TEST(&after == before);
  BOOST_TEST(after.users == 1u);
}

BOOST_AUTO_TEST_CASE(rules_that_were_used_lately_are_found_behind_many_others) {
  RulesTable table;
  std::vector<SharedRules*> made;
  for (std::int64_t i = 0; i < 8; ++i)
    made.push_back(&table.acquire(rules_of(i), some_shard()));

  for (std::int64_t i = 0; i < 8; ++i)
    BOOST_TEST(&table.acquire(rules_of(i), some_shard()) == made[static_cast<std::size_t>(i)]);
}

BOOST_AUTO_TEST_CASE(rules_that_are_used_again_and_again_are_found_among_endless_others) {
  RulesTable table;
  SharedRules& mine = table.acquire(rules_of(0), some_shard());

  for (std::int64_t i = 1; i < 100; ++i) {
    (void)table.acquire(rules_of(i), some_shard());
    BOOST_REQUIRE(&table.acquire(rules_of(0), some_shard()) == &mine);
  }
}

BOOST_AUTO_TEST_CASE(the_few_used_last_are_kept_though_nobody_uses_them) {
  RulesTable table;
  for (std::int64_t i = 0; i < 8; ++i)
    table.acquire(rules_of(i), some_shard()).release();

  BOOST_TEST(table.size() == 8u);
}

BOOST_AUTO_TEST_CASE(a_program_with_endless_different_rules_pays_for_no_search) {
  RulesTable table;
  SharedRules& oldest = table.acquire(rules_of(0), some_shard());
  for (std::int64_t i = 1; i <= 8; ++i)
    (void)table.acquire(rules_of(i), some_shard());

  SharedRules& again = table.acquire(rules_of(0), some_shard());

  BOOST_TEST(&again != &oldest, "it is too far back to be looked at, and a second copy does no harm");
  BOOST_TEST(oldest.users == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
