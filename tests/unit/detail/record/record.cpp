// SPDX-License-Identifier: BSL-1.0
// The one allocation of a heartbeat, and what it costs: memory per heartbeat is a promise, so the sizes are asserted.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/handle.hpp>

namespace {

using namespace heartbeat::detail;

struct SessionId {
  std::array<std::byte, 16> bytes{};
  bool operator==(const SessionId&) const = default;
};

// Counts its living objects.
struct Counted {
  explicit Counted(int& the_count) : count{&the_count} { ++*count; }
  Counted(Counted&& other) noexcept : count{other.count} { ++*count; }
  ~Counted() { --*count; }
  int* count;
};

}  // namespace

template <>
struct std::hash<SessionId> {
  std::size_t operator()(const SessionId&) const noexcept { return 0; }
};

namespace {

BOOST_AUTO_TEST_SUITE(record)

BOOST_AUTO_TEST_CASE(a_heartbeat_with_a_key_of_16_bytes_takes_at_most_160_bytes) {
  static_assert(sizeof(KeyedRecord<SessionId>) <= 160);
  static_assert(sizeof(KeyedRecord<std::uint64_t>) <= sizeof(KeyedRecord<SessionId>));
  static_assert(sizeof(Lifecycle) <= 40);
}

BOOST_AUTO_TEST_CASE(what_few_heartbeats_need_costs_the_others_a_pointer) {
  static_assert(sizeof(Record::side) == sizeof(void*));
  static_assert(sizeof(Record::slot) == sizeof(void*));
}

BOOST_AUTO_TEST_CASE(a_handle_is_a_pointer_and_a_word_beside_its_clock) {
  using Handle = heartbeat::HeartbeatHandle<std::uint64_t, heartbeat::BootClock>;
  static_assert(sizeof(Handle) <= 2 * sizeof(void*));
}

BOOST_AUTO_TEST_CASE(the_key_is_moved_in_and_found_again) {
  const KeyedRecord<std::string> keyed{std::string(100, 'k')};
  const Record& plain = keyed;

  BOOST_TEST(key_of<std::string>(plain) == std::string(100, 'k'));
}

BOOST_AUTO_TEST_CASE(the_key_lives_and_dies_with_its_record) {
  int count = 0;
  {
    const KeyedRecord<Counted> keyed{Counted{count}};
    BOOST_TEST(count == 1);
  }

  BOOST_TEST(count == 0);
}

BOOST_AUTO_TEST_CASE(a_new_record_is_in_no_list_and_has_no_frames) {
  const KeyedRecord<int> keyed{7};

  BOOST_TEST(!keyed.is_linked());
  BOOST_TEST(keyed.life.is_ended(), "not yet started is as good as ended");
  BOOST_TEST(keyed.busy.load() == 0u);
  BOOST_TEST(std::uint32_t{keyed.event_place} == Record::no_place);
  BOOST_CHECK(keyed.known == KnownStanding::fine);
  BOOST_TEST(keyed.side.get() == nullptr);
}

BOOST_AUTO_TEST_CASE(no_token_is_made_for_those_who_do_not_ask) {
  const Side side;

  BOOST_TEST(!side.stop.stop_possible());
  BOOST_TEST(side.parent == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
