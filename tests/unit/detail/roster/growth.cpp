// SPDX-License-Identifier: BSL-1.0
// An index grows while its shard works on: allocated and freed without the lock, by as many threads as come, and
// without memory not at all, which loses nobody.
#include <cstddef>
#include <cstdint>
#include <latch>
#include <new>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/roster/growth.hpp>
#include <heartbeat/detail/roster/roster.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(growth)

using namespace heartbeat::detail;

struct Record {
  Record* next_in_bucket = nullptr;
  std::uint32_t hash = 0;
  std::uint64_t generation = 0;
};

// The least that a shard is.
class Home {
 public:
  Mutex& mutex() noexcept HEARTBEAT_RETURN_CAPABILITY(mutex_) { return mutex_; }
  Roster<Record>& roster() noexcept HEARTBEAT_REQUIRES(mutex_) { return roster_; }

  void insert(Record& record) {
    const MutexLock lock{mutex_};
    roster_.insert(record);
  }
  void erase(Record& record) {
    const MutexLock lock{mutex_};
    roster_.erase(record);
  }
  bool has_work() {
    const MutexLock lock{mutex_};
    return roster_.index().has_work();
  }
  bool wants_more() {
    const MutexLock lock{mutex_};
    return roster_.index().wanted_buckets() != 0;
  }
  std::size_t buckets() {
    const MutexLock lock{mutex_};
    return roster_.index().buckets();
  }
  std::size_t buckets_to_migrate() {
    const MutexLock lock{mutex_};
    return roster_.index().buckets_to_migrate();
  }
  bool has(const Record& wanted) {
    const MutexLock lock{mutex_};
    return roster_.find(wanted.hash, [&](const Record& record) { return &record == &wanted; }) != nullptr;
  }

 private:
  Mutex mutex_;
  Roster<Record> roster_ HEARTBEAT_GUARDED_BY(mutex_){0, 1};
};

[[nodiscard]] std::vector<Record> make_records(std::size_t count) {
  std::vector<Record> records(count);
  for (std::size_t i = 0; i < count; ++i)
    records[i].hash = static_cast<std::uint32_t>(i) * 0x9e3779b9u;
  return records;
}

constexpr std::size_t first_buckets = KeyIndex<Record>::first_buckets;

BOOST_AUTO_TEST_CASE(an_index_that_wants_nothing_is_left_alone) {
  Home home;
  std::vector<Record> records = make_records(2 * first_buckets);
  for (Record& record : records)
    home.insert(record);

  grow_index(home);

  BOOST_TEST(home.buckets() == first_buckets);
}

BOOST_AUTO_TEST_CASE(an_index_gets_the_array_it_wants) {
  Home home;
  std::vector<Record> records = make_records(2 * first_buckets + 1);
  for (Record& record : records)
    home.insert(record);
  BOOST_TEST(home.has_work());

  grow_index(home);

  BOOST_TEST(home.buckets() == 2 * first_buckets);
  BOOST_TEST(home.buckets_to_migrate() == first_buckets);
  BOOST_TEST(!home.has_work(), "what is left to do is migrating, and every change does some of it");
  for (const Record& record : records)
    BOOST_TEST(home.has(record));
}

BOOST_AUTO_TEST_CASE(the_old_array_is_freed_once_all_have_migrated) {
  Home home;
  std::vector<Record> records = make_records(2 * first_buckets + 1);
  for (Record& record : records)
    home.insert(record);
  grow_index(home);
  while (home.buckets_to_migrate() != 0) {
    home.erase(records[0]);
    home.insert(records[0]);
  }
  BOOST_TEST(home.has_work(), "the old array is to be freed");

  grow_index(home);

  BOOST_TEST(!home.has_work());
  BOOST_TEST(home.buckets() == 2 * first_buckets);
}

// An index for whose array there is no memory.
struct Poor {
  struct Buckets {};
  struct Index {
    using Buckets = Poor::Buckets;
    [[nodiscard]] std::size_t wanted_buckets() const { return 64; }
    [[nodiscard]] Buckets take_retired() const { return {}; }
    [[nodiscard]] static Buckets make_buckets(std::size_t) { throw std::bad_alloc{}; }
    void grow(Buckets&) { has_grown = true; }
    bool has_grown = false;
  };
  struct Roster {
    Index& index() { return its_index; }
    Index its_index;
  };
  Mutex& mutex() { return its_mutex; }
  Roster& roster() { return its_roster; }

  Mutex its_mutex;
  Roster its_roster;
};

BOOST_AUTO_TEST_CASE(without_memory_the_index_stays_as_it_is_and_the_lock_is_free) {
  Poor home;

  grow_index(home);

  const MutexLock lock{home.mutex()};
  BOOST_TEST(!home.roster().index().has_grown);
}

BOOST_AUTO_TEST_CASE(two_threads_that_insert_and_grow_lose_nobody) {
  constexpr std::size_t each = 20'000;
  Home home;
  std::vector<Record> records = make_records(2 * each);
  std::latch both{2};
  const auto insert = [&](std::size_t first) {
    both.arrive_and_wait();
    for (std::size_t i = first; i < 2 * each; i += 2) {
      home.insert(records[i]);
      if (home.has_work()) grow_index(home);
    }
  };

  {
    const std::jthread odd{insert, 1};
    const std::jthread even{insert, 0};
  }

  BOOST_TEST(!home.wants_more());
  BOOST_TEST(home.buckets() >= each);
  std::size_t lost = 0;
  for (const Record& record : records)
    lost += home.has(record) ? 0 : 1;
  BOOST_TEST(lost == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
