// SPDX-License-Identifier: BSL-1.0
// One shard under the hands of a test: filing, sending, answers in time and late, ends, closes, events, shutdown. What
// it counts must add up at every end of a test.
#include <chrono>
#include <stop_token>
#include <string>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "shard_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(shard)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr Instant start_time = 10 * s;

void check_sums(ShardSubject& subject) {
  const Statistics sum = subject.statistics();
  std::uint64_t ended = 0;
  for (const std::uint64_t count : sum.ended)
    ended += count;
  BOOST_TEST(sum.started == sum.running + ended);
  BOOST_TEST(sum.sent == sum.acknowledged + sum.gone + sum.failed + sum.timed_out + sum.discarded + sum.in_flight);
}

bool has(EventMask mask, EventKind kind) {
  return (mask & mask_of(kind)) != 0;
}

BeatRules closing_rules() {
  BeatRules rules = plain_rules();
  rules.close_when_ended = rules.close_when_stalled = true;
  rules.close_when_gone = false;
  return rules;
}

// --- start

BOOST_AUTO_TEST_CASE(a_start_is_found_by_key_and_asks_to_be_woken_for_its_beat) {
  ShardSubject subject;

  const RecordReference handle = subject.start(7);

  BOOST_TEST(subject.find(7) == handle.get());
  BOOST_TEST(subject.find(8) == nullptr);
  BOOST_TEST(subject.core->wake_at == start_time);
  BOOST_TEST(handle->references.load() >= 2u);
  BOOST_TEST(subject.statistics().running == 1u);
}

BOOST_AUTO_TEST_CASE(each_generation_is_a_new_one_and_none_is_zero) {
  ShardSubject subject;

  const RecordReference first = subject.start(7);
  const RecordReference second = subject.start(8);

  BOOST_TEST(first->generation != 0u);
  BOOST_TEST(second->generation > first->generation);
}

BOOST_AUTO_TEST_CASE(generations_of_different_shards_differ) {
  bool destroyed = false;
  const ShardPolicy policy{
      .same_key = &same_int_key, .has_close = false, .has_sink = false, .scale = TickScale{ms}, .gap_threshold = s};
  auto* const core = new RecordingCore{policy, 4, destroyed, 100, 1};
  std::vector<std::uint64_t> generations;
  for (int key = 0; key < 8; ++key) {
    Shard& shard = core->shard(static_cast<std::size_t>(key) % 4);
    auto* const record = new KeyedRecord<int>{+key};
    Effects effects;
    {
      const MutexLock lock{shard.mutex()};
      const Hold hold = shard.hold(start_time, effects);
      Starting{hold}.insert(*record, plain_rules(), {}, {});
      generations.push_back(record->generation);
      Ending{hold}.end(*record, EndReason::stopped);
      effects.drop(*record);
    }
    core->perform(shard, effects);
  }

  std::sort(generations.begin(), generations.end());
  BOOST_CHECK(std::unique(generations.begin(), generations.end()) == generations.end());
  core->remove_reference();
  BOOST_TEST(destroyed);
}

BOOST_AUTO_TEST_CASE(an_earlier_beat_moves_the_wake_up_and_a_later_one_does_not) {
  ShardSubject subject;
  BeatRules spread = plain_rules();
  spread.first_now = false;
  subject.start(1, spread);
  const Instant first = subject.core->wake_at;
  BOOST_TEST(first >= start_time);

  subject.start(2);
  BOOST_TEST(subject.core->wake_at == start_time);
  subject.core->wake_at = instant_never;
  subject.start(3, spread);

  BOOST_TEST(subject.core->wake_at == instant_never);
}

// --- sending

BOOST_AUTO_TEST_CASE(a_beat_that_is_due_becomes_ready_and_is_claimed_with_its_time) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  subject.turn(start_time);
  BOOST_TEST(subject.core->has_ready);

  const auto claims = subject.claim();

  BOOST_REQUIRE_EQUAL(claims.size(), 1u);
  BOOST_TEST(claims[0].record == handle.get());
  BOOST_TEST(claims[0].timeout == 5 * s);
  BOOST_TEST(!claims[0].is_close);
  BOOST_TEST(handle->busy.load() == 1u);
  subject.ticket(claims[0]);
  subject.initiated(claims[0]);
  BOOST_TEST(handle->busy.load() == 0u);
  BOOST_CHECK(handle->life.state() == State::in_flight);
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_twice) {
  ShardSubject subject;
  subject.start(7);
  BOOST_TEST(subject.send(start_time).size() == 1u);

  BOOST_TEST(subject.claim().empty());
  subject.turn(start_time + s);
  BOOST_TEST(subject.claim().empty());
}

BOOST_AUTO_TEST_CASE(who_is_nearest_to_the_end_of_validity_is_sent_first) {
  ShardSubject subject;
  subject.start(1, plain_rules(), start_time);
  subject.start(2, plain_rules(), start_time - 9 * s);
  subject.start(3, plain_rules(), start_time - 5 * s);
  subject.turn(start_time);

  const auto claims = subject.claim();

  BOOST_REQUIRE_EQUAL(claims.size(), 3u);
  BOOST_TEST(key_of<int>(*claims[0].record) == 2);
  BOOST_TEST(key_of<int>(*claims[1].record) == 3);
  BOOST_TEST(key_of<int>(*claims[2].record) == 1);
  for (const auto& claim : claims) {
    subject.ticket(claim);
    subject.initiated(claim);
  }
}

BOOST_AUTO_TEST_CASE(no_look_at_what_is_due_takes_more_than_a_slice) {
  ShardSubject subject;
  for (int key = 0; key < 600; ++key)
    subject.start(key);

  BOOST_TEST(subject.turn(start_time) == 3, "256, 256, and 88");
}

BOOST_AUTO_TEST_CASE(a_child_of_a_cancelled_parent_is_not_claimed) {
  struct Nobody final : ChildrenEnder {
    void post_cancel(ParentLink&) noexcept override {}
    void run_cancel(ParentLink&) noexcept override {}
    void drop_cancel(ParentLink&) noexcept override {}
  } ender;
  ShardSubject subject;
  auto* const link = new ParentLink{ender, false};
  auto record = std::make_unique<KeyedRecord<int>>(7);
  record->side = std::make_unique<Side>();
  record->side->parent = link;  // takes over the one reference
  const RecordReference handle = subject.insert(std::move(record));
  subject.turn(start_time);

  link->cancel();
  BOOST_TEST(subject.claim().empty());

  BOOST_TEST(handle->life.is_ended());
  BOOST_CHECK(handle->life.reason() == EndReason::parent_cancelled);
  BOOST_TEST(link->living().load() == 0u);
}

// --- answers

BOOST_AUTO_TEST_CASE(an_acknowledgement_makes_it_valid_and_files_the_next_beat) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  const auto sent = subject.send(start_time);

  subject.core->time = start_time + s;
  sent[0]->answer(BeatResult::acknowledged());

  BOOST_CHECK(handle->life.valid_until() == start_time + 29 * s);
  BOOST_CHECK(handle->life.state() == State::waiting);
  BOOST_TEST(subject.send(start_time + 5 * s).size() == 1u);
  BOOST_TEST(subject.statistics().acknowledged == 1u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(an_answer_inside_the_call_counts) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  subject.turn(start_time);
  const auto claims = subject.claim();

  subject.ticket(claims[0]).answer(BeatResult::acknowledged());
  BOOST_CHECK(handle->life.state() == State::waiting);
  subject.initiated(claims[0]);

  BOOST_CHECK(handle->life.state() == State::waiting);
  BOOST_TEST(handle->busy.load() == 0u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(least_slack_is_the_validity_that_was_left) {
  ShardSubject subject;
  subject.start(7, plain_rules(), start_time - 20 * s);
  const auto sent = subject.send(start_time);
  subject.core->time = start_time + 2 * s;

  sent[0]->answer(BeatResult::acknowledged());

  BOOST_CHECK(subject.statistics().least_slack == std::chrono::seconds{7});
}

BOOST_AUTO_TEST_CASE(gone_ends_it_and_frees_the_key) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);

  subject.send(start_time)[0]->answer(BeatResult::gone());

  BOOST_TEST(subject.find(7) == nullptr);
  BOOST_CHECK(handle->life.reason() == EndReason::gone);
  BOOST_TEST(subject.statistics().ended_for(EndReason::gone) == 1u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(a_failure_is_kept_with_its_words_until_an_acknowledgement) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  const auto refused = std::make_error_code(std::errc::connection_refused);
  subject.send(start_time)[0]->answer(BeatResult::failed(refused, "port 1729"));

  BOOST_CHECK(handle->side->error == refused);
  BOOST_TEST(handle->side->text == "port 1729");

  subject.send(start_time + s)[0]->answer(BeatResult::acknowledged());
  BOOST_TEST(!handle->side->error);
  BOOST_TEST(handle->side->text.empty());
}

BOOST_AUTO_TEST_CASE(a_ttl_that_makes_no_sense_is_noted_as_such) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);

  subject.send(start_time)[0]->answer(BeatResult::acknowledged(Duration{}));

  BOOST_CHECK(handle->side->error == errc::bad_ttl);
  BOOST_TEST(subject.statistics().failed == 1u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_timeout_is_late_and_changes_nothing) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  const auto sent = subject.send(start_time);
  subject.turn(start_time + 5 * s);
  BOOST_CHECK(handle->side->error == errc::beat_timed_out);
  BOOST_TEST(subject.statistics().timed_out == 1u);
  BOOST_TEST(handle->abandoned == 1);

  sent[0]->answer(BeatResult::gone());

  BOOST_TEST(!handle->life.is_ended());
  BOOST_TEST(handle->abandoned == 0);
  BOOST_TEST(subject.statistics().late_answers == 1u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(a_late_answer_of_an_old_generation_never_touches_the_new_one) {
  ShardSubject subject;
  RecordReference old = subject.start(7);
  const auto sent = subject.send(start_time);
  subject.stop(*old);
  old = {};
  const RecordReference young = subject.start(7);
  const auto sent_again = subject.send(start_time);
  BOOST_REQUIRE_EQUAL(sent_again.size(), 1u);

  sent[0]->answer(BeatResult::gone());

  BOOST_TEST(!young->life.is_ended());
  BOOST_CHECK(young->life.state() == State::in_flight);
  sent_again[0]->answer(BeatResult::acknowledged());
  BOOST_CHECK(young->life.valid_until().has_value());
}

BOOST_AUTO_TEST_CASE(a_second_answer_is_counted) {
  ShardSubject subject;
  subject.start(7);
  const auto sent = subject.send(start_time);
  sent[0]->answer(BeatResult::acknowledged());

  sent[0]->answer(BeatResult::gone());

  BOOST_TEST(subject.statistics().second_answers == 1u);
  BOOST_TEST(subject.find(7) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_transport_that_never_answers_holds_no_more_than_the_attempts_and_one) {
  ShardSubject subject;
  BeatRules rules = plain_rules();
  rules.keep_beating = true;
  const RecordReference handle = subject.start(7, rules);

  for (Instant now = start_time; now < start_time + 1000 * s; now += 100 * ms)
    subject.send(now);

  BOOST_TEST(handle->abandoned == 4);
  BOOST_TEST(subject.statistics().sent == 4u);
  BOOST_TEST(subject.statistics().not_sent > 10u);
  BOOST_CHECK(handle->side->error == errc::transport_stuck);
  subject.tickets.clear();
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(a_blocking_call_that_has_not_returned_is_not_made_again) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  subject.turn(start_time);
  const auto calls = subject.claim(Calling::blocking);
  BOOST_REQUIRE_EQUAL(calls.size(), 1u);
  subject.ticket(calls[0]);
  BOOST_TEST(handle->busy.load() == 0u, "stop does not wait for it");
  subject.turn(start_time + 5 * s);
  subject.turn(start_time + 6 * s);

  BOOST_TEST(subject.claim(Calling::blocking).empty());
  BOOST_CHECK(handle->side->error == errc::transport_stuck);

  subject.returned(calls[0]);
  subject.tickets.clear();
  subject.turn(start_time + 12 * s);
  const auto again = subject.claim(Calling::blocking);
  BOOST_REQUIRE_EQUAL(again.size(), 1u);
  subject.ticket(again[0]).answer(BeatResult::acknowledged());
  subject.returned(again[0]);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(a_claim_without_a_call_is_withdrawn_as_failed) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  subject.turn(start_time);
  const auto claims = subject.claim();

  subject.withdraw(claims[0]);

  BOOST_CHECK(handle->side->error == std::errc::not_enough_memory);
  BOOST_CHECK(handle->life.state() == State::waiting);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(members_of_a_batch_that_threw_come_again_in_smaller_ones) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  for (const int expected : {1, 2, 2}) {
    subject.turn(subject.core->time + s);
    const auto claims = subject.claim();
    BOOST_REQUIRE_EQUAL(claims.size(), 1u);
    subject.ticket(claims[0]).answer(BeatResult::failed({}));
    subject.initiated(claims[0], true);
    BOOST_TEST(+handle->batch_class == expected);
  }

  subject.send(subject.core->time + 3 * s)[0]->answer(BeatResult::acknowledged());

  BOOST_TEST(+handle->batch_class == 0);
}

// --- the beat's token

BOOST_AUTO_TEST_CASE(a_token_that_was_asked_for_fires_at_the_timeout) {
  ShardSubject subject;
  subject.start(7);
  subject.turn(start_time);
  const auto claims = subject.claim();
  subject.ticket(claims[0]);
  const std::stop_token token = subject.shard.stop_token_of(*claims[0].slot, claims[0].serial);
  subject.initiated(claims[0]);
  BOOST_TEST(!token.stop_requested());

  subject.turn(start_time + 5 * s);
  BOOST_TEST(!token.stop_requested(), "never under the lock");
  BOOST_TEST(subject.fire() == 1);

  BOOST_TEST(token.stop_requested());
}

BOOST_AUTO_TEST_CASE(two_requests_give_the_same_token_and_a_late_one_a_requested_one) {
  ShardSubject subject;
  subject.start(7);
  subject.turn(start_time);
  const auto claims = subject.claim();
  AnswerTicket& ticket = subject.ticket(claims[0]);

  const std::stop_token first = subject.shard.stop_token_of(*claims[0].slot, claims[0].serial);
  const std::stop_token second = subject.shard.stop_token_of(*claims[0].slot, claims[0].serial);
  BOOST_CHECK(first == second);
  ticket.answer(BeatResult::acknowledged());
  const std::stop_token late = subject.shard.stop_token_of(*claims[0].slot, claims[0].serial);

  BOOST_TEST(late.stop_requested());
  BOOST_TEST(!first.stop_requested(), "an answered beat is not cancelled");
  subject.initiated(claims[0]);
}

BOOST_AUTO_TEST_CASE(a_slot_waits_for_both_its_answer_and_its_token) {
  ShardSubject subject;
  subject.start(7);
  subject.turn(start_time);
  const auto claims = subject.claim();
  AnswerTicket& ticket = subject.ticket(claims[0]);
  const std::stop_token token = subject.shard.stop_token_of(*claims[0].slot, claims[0].serial);
  subject.initiated(claims[0]);
  subject.turn(start_time + 5 * s);

  ticket.answer(BeatResult::acknowledged());
  subject.send(start_time + 6 * s);  // would take the slot, were it free already

  BOOST_TEST(subject.fire() == 1);
  BOOST_TEST(token.stop_requested());
  check_sums(subject);
}

// --- the end

BOOST_AUTO_TEST_CASE(a_stop_between_claim_and_call_is_told_only_when_the_frame_is_left) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  (void)subject.events();
  subject.turn(start_time);
  const auto claims = subject.claim();
  subject.ticket(claims[0]);

  subject.stop(*handle);
  BOOST_TEST(subject.events().empty());
  BOOST_TEST(handle->busy.load() == 1u);
  subject.initiated(claims[0]);

  const auto told = subject.events();
  BOOST_REQUIRE_EQUAL(told.size(), 1u);
  BOOST_TEST(told[0].is_end);
  BOOST_TEST(subject.statistics().discarded == 1u);
  check_sums(subject);
}

BOOST_AUTO_TEST_CASE(an_owners_stop_takes_back_the_news_that_waited) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);

  subject.stop(*handle);

  const auto told = subject.events();
  BOOST_REQUIRE_EQUAL(told.size(), 1u);
  BOOST_TEST(told[0].is_end);
  BOOST_TEST(told[0].mask == 0);
}

// Apart, because an owner's stop waits for the first, and not for the second.
BOOST_AUTO_TEST_CASE(the_engines_end_tells_the_news_that_waited_and_then_the_end_once) {
  ShardSubject subject;
  subject.start(7);
  subject.send(start_time)[0]->answer(BeatResult::failed({}, "bad password", false));

  const auto told = subject.events();

  BOOST_REQUIRE_EQUAL(told.size(), 2u);
  BOOST_TEST(!told[0].is_end);
  BOOST_TEST(has(told[0].mask, EventKind::started));
  BOOST_TEST(has(told[0].mask, EventKind::missed));
  BOOST_TEST(told[1].is_end);
  BOOST_TEST(told[1].mask == 0);
  BOOST_TEST(subject.events().empty());
}

BOOST_AUTO_TEST_CASE(a_heartbeats_token_is_fired_before_its_end_is_told) {
  ShardSubject subject;
  auto record = std::make_unique<KeyedRecord<int>>(7);
  record->side = std::make_unique<Side>();
  record->side->stop = std::stop_source{};
  const std::stop_token token = record->side->stop.get_token();
  const RecordReference handle = subject.insert(std::move(record));
  (void)subject.events();

  subject.end(*handle, EndReason::stalled);
  BOOST_TEST(subject.events().empty());
  BOOST_TEST(subject.fire() >= 1);

  BOOST_TEST(token.stop_requested());
  BOOST_TEST(subject.events().size() == 1u);
}

BOOST_AUTO_TEST_CASE(without_a_sink_an_ended_record_is_freed_with_its_last_reference) {
  ShardSubject subject{{.has_sink = false}};
  subject.start(7);
  BOOST_TEST(subject.core->freed == 0);

  subject.send(start_time)[0]->answer(BeatResult::gone());

  BOOST_TEST(subject.core->freed == 1);
}

BOOST_AUTO_TEST_CASE(what_stalls_is_handed_to_the_sweeper_with_a_reference) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7, plain_rules(), start_time - 29 * s + ms);
  subject.start(8);
  const std::uint32_t before = handle->references.load();

  const std::vector<Record*> stalled = subject.sweep(start_time + ms);

  BOOST_REQUIRE_EQUAL(stalled.size(), 1u);
  BOOST_TEST(stalled[0] == handle.get());
  BOOST_TEST(handle->references.load() >= before);
  const RecordReference given{stalled[0]};
}

BOOST_AUTO_TEST_CASE(too_many_untold_ends_are_a_backlog) {
  ShardSubject subject{{.event_capacity = 2}};
  const auto has_backlog = [&] {
    const MutexLock lock{subject.shard.mutex()};
    return subject.shard.parts().news.has_backlog();
  };
  for (int key = 0; key < 2; ++key) {
    BOOST_TEST(!has_backlog());
    subject.stop(*subject.start(key));
  }

  BOOST_TEST(has_backlog());
  (void)subject.events();
  BOOST_TEST(!has_backlog());
}

BOOST_AUTO_TEST_CASE(news_beyond_the_capacity_is_dropped_and_counted_and_ends_are_not) {
  ShardSubject subject{{.event_capacity = 1}};
  subject.start(1);
  const RecordReference second = subject.start(2);
  BOOST_TEST(subject.statistics().events_dropped == 1u);

  subject.end(*second, EndReason::gone);

  BOOST_TEST(subject.events().size() == 2u, "the start of the first and the end of the second");
}

// --- away

BOOST_AUTO_TEST_CASE(a_wake_up_later_than_the_threshold_is_one_time_gap) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7, plain_rules(), start_time);
  subject.send(start_time)[0]->answer(BeatResult::acknowledged());

  subject.turn(start_time + 100 * s);

  BOOST_TEST(subject.statistics().time_gaps == 1u);
  BOOST_TEST(!handle->life.is_ended());
  BOOST_TEST(handle->life.in_grace());
}

BOOST_AUTO_TEST_CASE(an_absence_between_two_slices_of_one_wake_up_is_a_time_gap) {
  ShardSubject subject;
  for (int key = 0; key < 1'000; ++key)
    subject.start(key, plain_rules());

  BOOST_TEST(subject.turn(subject.core->wake_at, 100 * s) > 1);

  BOOST_TEST(subject.statistics().time_gaps == 1u);
}

// Each is valid for 460 ms; no wake-up is as late as the threshold, which is a second.
BOOST_AUTO_TEST_CASE(a_short_ttl_gives_its_fresh_beats_in_all_slices_and_counts_once) {
  ShardSubject subject;
  BeatRules rules = plain_rules();
  rules.interval = 100 * ms;
  rules.ttl = 500 * ms;
  rules.margin = 40 * ms;
  rules.floor = 10 * ms;
  std::vector<RecordReference> handles;
  for (int key = 0; key < 1'000; ++key)
    handles.push_back(subject.start(key, rules, start_time));
  subject.core->wake_at = instant_never;

  BOOST_TEST(subject.turn(start_time + 700 * ms) > 1);

  BOOST_TEST(subject.statistics().time_gaps == 1u);
  for (const RecordReference& handle : handles)
    BOOST_TEST(handle->life.in_grace());
}

BOOST_AUTO_TEST_CASE(a_sweep_gives_a_short_ttl_its_fresh_beat_and_the_wake_up_is_not_counted_again) {
  ShardSubject subject;
  BeatRules rules = plain_rules();
  rules.interval = 100 * ms;
  rules.ttl = 500 * ms;
  rules.margin = 40 * ms;
  rules.floor = 10 * ms;
  const RecordReference handle = subject.start(7, rules, start_time);

  BOOST_TEST(subject.sweep(start_time + 700 * ms).empty());
  BOOST_TEST(handle->life.in_grace());
  subject.turn(start_time + 3 * s);

  BOOST_TEST(subject.statistics().time_gaps == 1u);
}

BOOST_AUTO_TEST_CASE(a_wake_up_that_nobody_minded_is_no_gap) {
  ShardSubject subject;
  subject.start(7, plain_rules(), start_time);

  subject.turn(start_time + 700 * ms);

  BOOST_TEST(subject.statistics().time_gaps == 0u);
}

BOOST_AUTO_TEST_CASE(a_wake_up_in_time_after_a_long_rest_is_no_gap) {
  ShardSubject subject;
  BeatRules rules = plain_rules();
  rules.interval = 1000 * s;
  rules.ttl = 9000 * s;
  subject.start(7, rules);
  subject.send(start_time)[0]->answer(BeatResult::acknowledged());

  subject.turn_when_asked(start_time + 1000 * s);

  BOOST_TEST(subject.statistics().time_gaps == 0u);
}

// --- closes

BOOST_AUTO_TEST_CASE(an_end_that_closes_frees_the_key_and_holds_its_next_generation) {
  ShardSubject subject{{.has_close = true}};
  const RecordReference old = subject.start(7, closing_rules());
  subject.stop(*old);
  BOOST_TEST(subject.find(7) == nullptr);

  const auto closes = subject.claim();
  const RecordReference young = subject.start(7, closing_rules());
  BOOST_CHECK(young->life.state() == State::held);
  BOOST_REQUIRE_EQUAL(closes.size(), 1u);
  BOOST_TEST(closes[0].is_close);
  BOOST_TEST(closes[0].record == old.get());
  subject.ticket(closes[0]).answer(BeatResult::acknowledged());
  subject.initiated(closes[0]);

  BOOST_CHECK(young->life.state() == State::waiting);
  BOOST_TEST(subject.core->has_closed);
  BOOST_TEST(subject.statistics().closes_done == 1u);
  BOOST_TEST(subject.send(start_time).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_close_that_is_not_answered_holds_until_the_beat_timeout_and_is_not_repeated_after_a_start) {
  ShardSubject subject{{.has_close = true}};
  const RecordReference old = subject.start(7, closing_rules());
  subject.stop(*old);
  subject.send(start_time);
  const RecordReference young = subject.start(7, closing_rules());

  subject.turn(start_time + 5 * s);

  BOOST_TEST(subject.statistics().closes_failed == 0u, "it rests");
  BOOST_CHECK(young->life.state() != State::held);
  subject.tickets[0]->answer(BeatResult::acknowledged());
  BOOST_TEST(subject.statistics().late_answers == 1u);
}

BOOST_AUTO_TEST_CASE(closes_come_after_the_beats) {
  ShardSubject subject{{.has_close = true}};
  subject.start(1, closing_rules());
  const RecordReference second = subject.start(2, closing_rules());
  subject.turn(start_time);
  subject.stop(*second);

  const auto claims = subject.claim();

  BOOST_REQUIRE_EQUAL(claims.size(), 2u);
  BOOST_TEST(!claims[0].is_close);
  BOOST_TEST(claims[1].is_close);
  for (const auto& claim : claims) {
    subject.ticket(claim);
    subject.initiated(claim);
  }
}

BOOST_AUTO_TEST_CASE(which_ends_close_is_an_option) {
  for (const EndReason reason : {EndReason::stopped, EndReason::stalled, EndReason::gone}) {
    for (const bool wanted : {false, true}) {
      ShardSubject subject{{.has_close = true}};
      BeatRules rules = plain_rules();
      rules.close_when_ended = wanted && reason == EndReason::stopped;
      rules.close_when_stalled = wanted && reason == EndReason::stalled;
      rules.close_when_gone = wanted && reason == EndReason::gone;
      const RecordReference handle = subject.start(7, rules);

      subject.end(*handle, reason);

      BOOST_TEST(subject.statistics().closes_wanted == (wanted ? 1u : 0u));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_transport_that_cannot_close_is_not_asked_to) {
  ShardSubject subject{{.has_close = false}};
  const RecordReference handle = subject.start(7, closing_rules());

  subject.stop(*handle);

  BOOST_TEST(subject.statistics().closes_wanted == 0u);
  BOOST_TEST(subject.claim().empty());
}

BOOST_AUTO_TEST_CASE(closes_after_a_shutdown_are_skipped_and_counted) {
  ShardSubject subject{{.has_close = true}};
  const RecordReference handle = subject.start(7, closing_rules());
  subject.close();

  subject.stop(*handle, EndReason::shut_down);

  BOOST_TEST(subject.statistics().closes_wanted == 1u);
  BOOST_TEST(subject.statistics().closes_skipped == 1u);
  BOOST_TEST(subject.claim().empty());
}

BOOST_AUTO_TEST_CASE(closes_that_wait_or_fly_are_given_up_at_the_end) {
  ShardSubject subject{{.has_close = true}};
  for (int key = 0; key < 400; ++key)
    subject.stop(*subject.start(key, closing_rules()));
  for (const auto& claim : subject.claim()) {
    subject.ticket(claim);
    subject.initiated(claim);
  }

  subject.finish();
  subject.tickets.clear();

  BOOST_TEST(subject.core_destroyed);
}

BOOST_AUTO_TEST_CASE(an_answer_behind_closed_gates_only_tidies_up) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  const auto sent = subject.send(start_time);
  subject.stop(*handle);
  BOOST_TEST(subject.shard.gate().close());

  sent[0]->answer(BeatResult::acknowledged());

  BOOST_TEST(subject.statistics().late_answers == 1u);
  BOOST_TEST(handle->abandoned == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
