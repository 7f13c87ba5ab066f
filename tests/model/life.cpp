// SPDX-License-Identifier: BSL-1.0
// The model objects to what must not be, and to nothing else. Here it is told of heartbeats that no engine runs.
#include "life.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/statistics.hpp>

#include "sums.hpp"

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::model;  // NOLINT
using heartbeat::BeatResult;
using heartbeat::EndReason;

// Keeps the guarantees that were objected with.
struct Ear final : Observer {
  void object(std::string_view guarantee, const heartbeat::model::Life*, Time, std::string_view) override {
    heard += std::string{guarantee} + ' ';
  }
  std::string heard;
};

// Of 30 s, less a margin of 2 s, and never sent twice within a second.
struct Fixture {
  Ear ear;
  heartbeat::model::Life life{ear, {.ttl = 30s, .margin = 2s, .floor = 1s, .tick = 1ms, .patience = 28s}, 0s};

  std::size_t sent(Time now) { return life.sends({.claimed = now, .timeout = 5s, .now = now}); }
  void answered(std::size_t beat, Time now, const BeatResult& result) {
    life.answered(beat, now, result, life.answering(beat, now, result));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(life)

BOOST_FIXTURE_TEST_CASE(a_life_as_it_must_be_meets_no_objection, Fixture) {
  answered(sent(1s), 2s, BeatResult::acknowledged());
  life.look({.valid_until = 29s, .is_valid = true}, 3s);
  sent(6s);
  life.look({.valid_until = 29s, .is_valid = true}, 12s);
  life.may_be_stopped = true;
  life.stop_returned(true, true, true, 13s);
  life.look({.ended = EndReason::stopped}, 13s);
  life.told(true, EndReason::stopped, 13s);
  life.judge_rest(true, 14s);

  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(beats_are_one_in_flight_and_a_floor_apart, Fixture) {
  sent(1s);
  sent(1500ms);

  BOOST_TEST(ear.heard == "G1 G17 ");
}

BOOST_FIXTURE_TEST_CASE(no_beat_follows_the_end_or_the_parents_cancel, Fixture) {
  life.may_be_stopped = true;
  life.stop_returned(true, true, true, 1s);
  sent(2s);
  life.is_cancelled = true;
  sent(20s);

  BOOST_TEST(ear.heard == "G2 G2 G11 ");
}

BOOST_FIXTURE_TEST_CASE(a_gate_without_progress_holds_a_beat_back, Fixture) {
  life.terms.progress_within = 3s;
  sent(3s);
  BOOST_TEST(ear.heard == "");
  sent(10s);

  BOOST_TEST(ear.heard == "F40 ");
}

BOOST_FIXTURE_TEST_CASE(validity_counts_from_the_sending_and_is_over_on_time, Fixture) {
  answered(sent(1s), 4s, BeatResult::acknowledged());

  life.look({.valid_until = 32s, .is_valid = true}, 5s);  // from the answer
  BOOST_TEST(ear.heard == "G9 ");
  life.look({.valid_until = 29s, .is_valid = true}, 29s);
  BOOST_TEST(ear.heard == "G9 G16 ");
  life.judge_overdue(29s);
  BOOST_TEST(ear.heard == "G9 G16 G16 ");
}

BOOST_FIXTURE_TEST_CASE(a_short_ttl_leaves_half_of_itself_and_nonsense_nothing, Fixture) {
  BOOST_TEST((valid_until_of(1s, 3s, life.terms) == 2500ms));
  BOOST_TEST((valid_until_of(1s, 60s, life.terms) == 59s));
  BOOST_TEST(!ttl_granted_by(BeatResult::acknowledged(0ns), life.terms).has_value());
  BOOST_TEST(!ttl_granted_by(BeatResult::gone(), life.terms).has_value());
}

BOOST_FIXTURE_TEST_CASE(an_answer_at_the_deadline_may_count_or_not, Fixture) {
  answered(sent(1s), 6s, BeatResult::acknowledged());
  life.look({.valid_until = 29s, .is_valid = true}, 6s);
  BOOST_TEST(ear.heard == "");
  BOOST_TEST(life.acknowledged == 1U);

  const auto late = sent(8s);
  answered(late, 13s, BeatResult::gone());
  life.look({.valid_until = 29s, .is_valid = true}, 13s);
  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(an_end_has_a_cause, Fixture) {
  for (const auto& [reason, guarantee] :
       std::vector<std::pair<EndReason, std::string>>{{EndReason::stopped, "G3 "},
                                                      {EndReason::parent_cancelled, "G11 "},
                                                      {EndReason::gone, "G5 "},
                                                      {EndReason::failed, "F26 "},
                                                      {EndReason::stalled, "G16 "},
                                                      {EndReason::shut_down, "G3 "}}) {
    ear.heard.clear();
    heartbeat::model::Life other{ear, life.terms, 0s};
    other.told(true, reason, 1s);
    BOOST_TEST(ear.heard == guarantee);
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_gone_or_failed_for_good_has_ended, Fixture) {
  answered(sent(1s), 2s, BeatResult::gone());
  life.look({}, 2s);
  BOOST_TEST(ear.heard == "G3 ");
  answered(sent(7s), 8s, BeatResult::failed({}, {}, false));
  life.look({}, 8s);

  BOOST_TEST(ear.heard == "G3 F26 ");
}

BOOST_FIXTURE_TEST_CASE(failures_are_counted_from_the_last_acknowledgement_on_and_only_once_they_are_known, Fixture) {
  answered(sent(1s), 2s, BeatResult::failed({}));
  answered(sent(3s), 4s, BeatResult::acknowledged());
  BOOST_TEST(life.failures() == 0U);
  answered(sent(7s), 8s, BeatResult::failed({}));
  sent(9s);
  BOOST_TEST(life.failures() == 1U);
  sent(14s);
  BOOST_TEST(life.failures() == 2U, "the one before has timed out");

  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(who_has_a_limit_of_failures_may_end_as_failed_and_no_other, Fixture) {
  life.terms.most_failures = 1;
  life.told(true, EndReason::failed, 1s);

  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(an_end_is_told_once_and_last_for_its_reason, Fixture) {
  life.may_be_gone = life.may_be_stopped = true;
  life.look({.ended = EndReason::gone}, 1s);
  life.judge_rest(true, 1s);
  BOOST_TEST(ear.heard == "G3 ");
  life.told(true, EndReason::stopped, 2s);
  BOOST_TEST(ear.heard == "G3 G3 ");
  life.told(false, {}, 3s);
  BOOST_TEST(ear.heard == "G3 G3 G3 ");
  life.begins(4s);
  BOOST_TEST(ear.heard == "G3 G3 G3 G3 ");
}

BOOST_FIXTURE_TEST_CASE(one_call_of_stop_ends_it_and_nothing_begins_after_one_that_waits, Fixture) {
  life.may_be_stopped = true;
  life.stop_returned(true, true, false, 1s);
  life.begins(1s);
  BOOST_TEST(ear.heard == "");
  life.stop_returned(true, true, true, 1s);
  life.begins(1s);
  BOOST_TEST(ear.heard == "G15 G2 ");
}

BOOST_FIXTURE_TEST_CASE(one_sweep_returns_it, Fixture) {
  life.swept(28s);
  life.swept(28s);

  BOOST_TEST(ear.heard == "G12 ");
}

BOOST_FIXTURE_TEST_CASE(its_token_fires_once_and_before_its_end_is_told, Fixture) {
  life.may_be_stopped = true;
  life.asks_for_token();
  life.told(true, EndReason::stopped, 1s);
  life.judge_rest(true, 1s);
  BOOST_TEST(ear.heard == "G16 ");
  life.token_fires(false, 1s);
  life.token_fires(false, 1s);

  BOOST_TEST(ear.heard == "G16 G3 G3 G3 ");
}

BOOST_AUTO_TEST_CASE(sums_that_do_not_add_up_are_named) {
  heartbeat::Statistics sums;
  Counted counted;
  std::vector<std::string> wrong;
  const auto note = [&](const char* text) { wrong.emplace_back(text); };
  judge_sums(sums, counted, note);
  BOOST_TEST(wrong.empty());

  sums.started = 1;
  sums.sent = 2;
  judge_sums(sums, counted, note);

  BOOST_TEST(wrong.size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
