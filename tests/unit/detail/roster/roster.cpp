// SPDX-License-Identifier: BSL-1.0
// Who is registered: generations that are given once, closing that stays, and all records in slices, none twice and
// none forgotten, also where a weak hash puts them all into one bucket.
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/roster/roster.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(roster)

using namespace heartbeat::detail;

struct Record {
  Record* next_in_bucket = nullptr;
  std::uint32_t hash = 0;
  int key = 0;
  bool is_marked = false;
  std::uint64_t generation = 0;
};

constexpr std::uint64_t visit_end = KeyIndex<Record>::visit_end;
constexpr std::uint32_t golden = 0x9e3779b9u;  // spreads numbers over the buckets

// Records whose hashes are i times `spread`: 0 gives all of them the same.
[[nodiscard]] std::vector<Record> make_records(std::size_t count, std::uint32_t spread) {
  std::vector<Record> records(count);
  for (std::size_t i = 0; i < count; ++i) {
    records[i].key = static_cast<int>(i);
    records[i].hash = static_cast<std::uint32_t>(i) * spread;
  }
  return records;
}

void insert_all(Roster<Record>& roster, std::vector<Record>& records) {
  for (Record& record : records) {
    roster.insert(record);
    if (const std::size_t wanted = roster.index().wanted_buckets(); wanted != 0) {
      auto buckets = KeyIndex<Record>::make_buckets(wanted);
      roster.index().grow(buckets);
    }
  }
}

BOOST_AUTO_TEST_CASE(who_is_in_is_found_by_hash_and_match_until_erased) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(3, 0);
  insert_all(roster, records);
  const auto is_second = [](const Record& record) { return record.key == 1; };

  BOOST_TEST(roster.find(0, is_second) == &records[1]);
  BOOST_TEST(roster.find(1, is_second) == nullptr, "another hash");
  BOOST_TEST(roster.size() == 3u);
  roster.erase(records[1]);

  BOOST_TEST(roster.find(0, is_second) == nullptr);
  BOOST_TEST(roster.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_generation_is_never_given_twice_and_never_zero) {
  Roster<Record> roster{0, 1};
  Record record;
  std::set<std::uint64_t> given{0};

  for (int i = 0; i < 100; ++i) {
    roster.insert(record);
    BOOST_TEST(given.insert(record.generation).second);
    roster.erase(record);
  }
}

BOOST_AUTO_TEST_CASE(generations_of_different_shards_differ) {
  constexpr std::size_t shards = 4;
  std::set<std::uint64_t> given{0};

  for (std::size_t place = 0; place < shards; ++place) {
    Roster<Record> roster{place, shards};
    for (int i = 0; i < 100; ++i) {
      Record record;
      roster.insert(record);
      BOOST_TEST(given.insert(record.generation).second);
      roster.erase(record);
    }
  }
}

BOOST_AUTO_TEST_CASE(generations_of_one_shard_grow) {
  Roster<Record> roster{3, 8};
  std::vector<Record> records = make_records(10, golden);

  insert_all(roster, records);

  for (std::size_t i = 0; i + 1 < records.size(); ++i)
    BOOST_TEST(records[i].generation < records[i + 1].generation);
}

BOOST_AUTO_TEST_CASE(it_is_open_until_closed_and_closing_stays) {
  Roster<Record> roster{0, 1};
  BOOST_TEST(!roster.is_closed());

  roster.close();
  roster.close();

  BOOST_TEST(roster.is_closed());
}

// Calls it until it is over; `settle(record)` for each record given out. How often each was given.
template <class Pred, class Settle>
std::vector<int> all_in_slices(Roster<Record>& roster, std::size_t room, std::size_t count, Pred is_meant,
                               Settle settle) {
  std::vector<int> given(count);
  std::vector<Record*> out(room);
  std::size_t calls = 0;
  for (std::uint64_t cursor = 0; cursor != visit_end;) {
    BOOST_REQUIRE(++calls < 100'000);  // it must come to an end
    const std::size_t got = roster.some(cursor, out, is_meant);
    BOOST_REQUIRE(got <= room);
    for (Record* record : std::span{out}.first(got)) {
      ++given[static_cast<std::size_t>(record->key)];
      settle(*record);
    }
  }
  return given;
}

[[nodiscard]] bool is_each_once(const std::vector<int>& given) {
  bool is_once = true;
  for (const int times : given)
    is_once = is_once && times == 1;
  return is_once;
}

constexpr std::size_t many = 600;
constexpr std::size_t slice = 256;

BOOST_AUTO_TEST_CASE(a_bucket_with_more_than_there_is_room_for_gives_all_when_the_caller_erases_them) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(many, 0);
  insert_all(roster, records);

  const std::vector<int> given = all_in_slices(
      roster, slice, many, [](const Record&) { return true; }, [&](Record& record) { roster.erase(record); });

  BOOST_TEST(is_each_once(given));
  BOOST_TEST(roster.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_bucket_with_more_than_there_is_room_for_gives_all_when_the_caller_marks_them) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(many, 0);
  insert_all(roster, records);

  const std::vector<int> given = all_in_slices(
      roster, slice, many, [](const Record& record) { return !record.is_marked; },
      [](Record& record) { record.is_marked = true; });

  BOOST_TEST(is_each_once(given));
  BOOST_TEST(roster.size() == many);
}

BOOST_AUTO_TEST_CASE(a_bucket_that_fits_exactly_is_not_looked_at_again) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(slice, 0);
  insert_all(roster, records);

  const std::vector<int> given = all_in_slices(
      roster, slice, slice, [](const Record&) { return true; }, [](Record&) {});

  BOOST_TEST(is_each_once(given));
}

BOOST_AUTO_TEST_CASE(spread_over_buckets_each_is_given_once_while_they_are_erased_or_stay) {
  for (const bool erases : {false, true}) {
    for (const std::size_t room : {1u, 7u, 256u}) {
      Roster<Record> roster{0, 1};
      std::vector<Record> records = make_records(many, golden);
      insert_all(roster, records);

      const std::vector<int> given = all_in_slices(
          roster, room, many, [](const Record& record) { return !record.is_marked; },
          [&](Record& record) {
            record.is_marked = true;
            if (erases) roster.erase(record);
          });

      BOOST_TEST(is_each_once(given));
    }
  }
}

BOOST_AUTO_TEST_CASE(those_not_meant_are_passed_over) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(many, golden);
  insert_all(roster, records);

  const std::vector<int> given = all_in_slices(
      roster, slice, many, [](const Record& record) { return record.key % 3 == 0 && !record.is_marked; },
      [](Record& record) { record.is_marked = true; });

  for (std::size_t i = 0; i < many; ++i)
    BOOST_TEST(given[i] == (i % 3 == 0 ? 1 : 0));
}

// One call is one hold of the shard's lock: the buckets it looks at are bounded, also where none is meant.
BOOST_AUTO_TEST_CASE(a_call_looks_at_no_more_buckets_than_there_is_room_for) {
  Roster<Record> roster{0, 1};
  std::vector<Record> records = make_records(10'000, golden);
  insert_all(roster, records);
  std::array<Record*, 4> out;
  std::uint64_t cursor = 0;
  std::size_t looked_at = 0;

  BOOST_TEST(roster.some(cursor, out, [&](const Record&) {
    ++looked_at;
    return false;
  }) == 0u);

  BOOST_TEST(cursor != visit_end);
  BOOST_TEST(looked_at < 200u);
}

BOOST_AUTO_TEST_CASE(an_empty_one_has_nobody_to_give) {
  Roster<Record> roster{0, 1};

  const std::vector<int> given = all_in_slices(
      roster, 4, 0, [](const Record&) { return true; }, [](Record&) { BOOST_ERROR("nobody is in"); });

  BOOST_TEST(given.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
