// SPDX-License-Identifier: BSL-1.0
// The calls of a shard, without one: who points at whom, what holds a reference, and when a slot is free again.
#include <cstdint>
#include <deque>
#include <set>
#include <stop_token>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/answering/calls.hpp>
#include <heartbeat/detail/record/parent_link.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(calls)

using namespace heartbeat::detail;

// A record that the test has the one reference of.
struct Subject {
  Subject() { record.references.store(1); }

  std::uint32_t references() const { return record.references.load(); }
  // The next call of the record, with a token that somebody has asked for.
  BeatSlot& call_with_token() {
    BeatSlot& slot = *calls.take(record, 7);
    slot.stop = std::stop_source{};
    return slot;
  }

  KeyedRecord<int> record{1};
  Calls calls;
};

BOOST_AUTO_TEST_CASE(a_call_and_its_record_point_at_each_other_until_it_is_answered) {
  Subject subject;
  BeatSlot* const slot = subject.calls.take(subject.record, 7);
  BOOST_REQUIRE(slot != nullptr);

  BOOST_TEST(subject.record.slot == slot);
  BOOST_TEST(slot->record == &subject.record);
  BOOST_TEST(slot->send_time == 7);
  BOOST_TEST(!slot->is_close);

  const std::uint64_t serial = slot->serial;
  subject.calls.answered(*slot);

  BOOST_TEST(subject.record.slot == nullptr);
  BOOST_TEST(subject.references() == 1u);
  BOOST_TEST(subject.calls.take(subject.record, 8) == slot, "it was free");
  BOOST_TEST(slot->serial != serial);
}

BOOST_AUTO_TEST_CASE(a_closing_records_call_is_a_close) {
  Subject subject;
  subject.record.close.begin(false);

  BOOST_TEST(subject.calls.take(subject.record, 7)->is_close);
}

BOOST_AUTO_TEST_CASE(an_abandoned_call_keeps_its_record_until_its_late_answer) {
  Subject subject;
  BeatSlot& slot = subject.call_with_token();
  const std::uint64_t serial = slot.serial;

  const std::stop_source token = subject.calls.abandon(subject.record);

  BOOST_TEST(token.stop_possible());
  BOOST_TEST(slot.serial != serial, "a late answer is known by it");
  BOOST_TEST(subject.record.slot == nullptr);
  BOOST_TEST(subject.record.abandoned == 1u);
  BOOST_TEST(subject.references() == 2u);
  BOOST_TEST(subject.calls.take(subject.record, 8) != &slot, "its ticket has not answered");

  BOOST_TEST(subject.calls.answered_late(slot) == &subject.record);
  BOOST_TEST(subject.record.abandoned == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_without_a_token_has_nothing_to_be_requested) {
  Subject subject;
  (void)subject.calls.take(subject.record, 7);

  BOOST_TEST(!subject.calls.abandon_and_cancel(subject.record));

  BOOST_TEST(!subject.calls.has_cancelled());
  BOOST_TEST(!subject.record.is_busy());
}

BOOST_AUTO_TEST_CASE(a_cancelled_calls_token_is_given_out_once_with_a_busy_record) {
  Subject subject;
  BeatSlot& slot = subject.call_with_token();
  BOOST_TEST(subject.calls.abandon_and_cancel(subject.record));
  BOOST_TEST(subject.record.is_busy());
  BOOST_TEST(subject.references() == 3u, "the test's, the slot's, the token's");

  BOOST_REQUIRE(subject.calls.has_cancelled());
  const Firing firing = subject.calls.pop_cancelled();

  BOOST_TEST(firing.record == &subject.record);
  BOOST_TEST(firing.source.stop_possible());
  BOOST_TEST(!subject.calls.has_cancelled());
  BOOST_TEST(subject.calls.answered_late(slot) == &subject.record);
}

BOOST_AUTO_TEST_CASE(a_slot_that_has_answered_is_not_free_before_its_token_was_taken) {
  Subject subject;
  BeatSlot& slot = subject.call_with_token();
  (void)subject.calls.abandon_and_cancel(subject.record);
  BOOST_TEST(subject.calls.answered_late(slot) == &subject.record);

  BOOST_TEST(subject.calls.take(subject.record, 8) != &slot);
  subject.calls.answered(*subject.record.slot);
  (void)subject.calls.pop_cancelled();

  BOOST_TEST(subject.calls.take(subject.record, 9) == &slot);
}

BOOST_AUTO_TEST_CASE(all_of_one_records_tokens_are_found_among_however_many_others) {
  Subject subject;
  std::deque<KeyedRecord<int>> others;
  const auto time_out = [&](Record& record) {
    subject.calls.take(record, 8)->stop = std::stop_source{};
    (void)subject.calls.abandon_and_cancel(record);
  };
  const auto count_of = [&](Record& record) {
    int count = 0;
    for (Firing firing; subject.calls.pop_cancelled_of(record, firing); ++count)
      BOOST_TEST(firing.record == &record);
    return count;
  };
  for (int i = 0; i < 1000; ++i) {
    KeyedRecord<int>& other = others.emplace_back(int{i});
    other.references.store(1);
    other.generation = static_cast<std::uint64_t>(i % 300);  // some share the record's bucket, whatever the buckets
    if (i % 400 == 0) time_out(subject.record);
    time_out(other);
  }

  BOOST_TEST(count_of(subject.record) == 3);

  for (KeyedRecord<int>& other : others)
    BOOST_TEST(count_of(other) == 1);
  BOOST_TEST(!subject.calls.has_cancelled());
}

BOOST_AUTO_TEST_CASE(what_is_let_go_keeps_no_record_and_its_late_answer_finds_none) {
  Subject subject;
  BeatSlot& slot = *subject.calls.take(subject.record, 7);
  (void)subject.calls.abandon(subject.record);
  std::vector<Record*> dropped;

  subject.calls.let_go([&](Record& record) { dropped.push_back(&record); });

  BOOST_TEST((dropped == std::vector<Record*>{&subject.record}));
  BOOST_TEST(subject.record.abandoned == 0u);
  BOOST_TEST(subject.calls.answered_late(slot) == nullptr);
}

// Whoever stopped it may be waiting on the only thread that would request the token.
BOOST_AUTO_TEST_CASE(a_call_that_is_cancelled_after_the_end_keeps_nobody_waiting) {
  Subject subject;
  (void)subject.call_with_token();
  subject.record.close.begin(true);

  BOOST_TEST(subject.calls.abandon_and_cancel(subject.record));

  BOOST_TEST(!subject.record.is_busy());
  BOOST_TEST(!subject.calls.pop_cancelled().is_waited_for);
}

BOOST_AUTO_TEST_CASE(closes_are_counted_while_they_are_under_way) {
  Calls calls;
  BOOST_TEST(calls.takes_closes());
  calls.close_begun();
  calls.close_begun();
  calls.close_over();

  BOOST_TEST(calls.open_closes() == 1u);
  calls.take_closes(false);
  BOOST_TEST(!calls.takes_closes());
  BOOST_TEST(calls.repeats_closes());
  calls.end_repeats();
  BOOST_TEST(!calls.repeats_closes());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
