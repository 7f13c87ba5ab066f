// SPDX-License-Identifier: BSL-1.0
// What waits to be reported: the oldest first, each to one taker, and what nobody took is freed.
#include <memory>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/monitor/untold.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(untold)

struct Record {
  Record(int the_number, int& the_freed) : number{the_number}, freed{the_freed} {}
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  ~Record() { ++freed; }

  Record* next_in_bucket = nullptr;
  const int number;
  int& freed;
};
using Untold = heartbeat::detail::Untold<Record>;
using heartbeat::detail::EventRoom;

void push_three(Untold& untold, int& freed) {
  for (int number = 0; number < 3; ++number)
    untold.push(*std::make_unique<Record>(number, freed).release());
}

BOOST_AUTO_TEST_CASE(the_oldest_is_taken_first_and_belongs_to_the_taker) {
  int freed = 0;
  EventRoom room{1};
  Untold untold{room};
  push_three(untold, freed);
  BOOST_TEST(untold.size() == 3u);

  for (int number = 0; number < 3; ++number) {
    const Untold::RecordPtr record = untold.take();
    BOOST_REQUIRE(record != nullptr);
    BOOST_TEST(record->number == number);
    BOOST_TEST(freed == number);
  }

  BOOST_TEST(freed == 3);
  BOOST_TEST(untold.size() == 0u);
  BOOST_TEST(!untold.has_backlog());
  BOOST_TEST(untold.take() == nullptr);
}

BOOST_AUTO_TEST_CASE(what_was_put_back_is_taken_next) {
  int freed = 0;
  EventRoom room{1};
  Untold untold{room};
  push_three(untold, freed);
  Untold::RecordPtr record = untold.take();

  untold.put_back(record);

  BOOST_TEST(record == nullptr);
  BOOST_TEST(untold.size() == 3u);
  BOOST_TEST(untold.take()->number == 0);
}

BOOST_AUTO_TEST_CASE(what_waits_is_counted_over_all_shards) {
  int freed = 0;
  EventRoom room{6};
  Untold first{room};
  Untold second{room};
  push_three(first, freed);
  BOOST_TEST(!first.has_backlog());
  push_three(second, freed);
  BOOST_TEST(first.has_backlog());

  Untold::RecordPtr record = second.take();
  BOOST_TEST(!first.has_backlog());
  second.put_back(record);

  BOOST_TEST(first.has_backlog());
}

BOOST_AUTO_TEST_CASE(what_nobody_took_is_freed_with_it) {
  int freed = 0;
  {
    EventRoom room{1};
    Untold untold{room};
    push_three(untold, freed);
    BOOST_TEST(freed == 0);
  }

  BOOST_TEST(freed == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
