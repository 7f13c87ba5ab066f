// SPDX-License-Identifier: BSL-1.0
// When a silence is too long, without lock, wheel and clock: a first look, a last one, and what an absence puts off.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/monitor/silence.hpp>
#include <heartbeat/detector.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(silence)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr Instant ms = 1'000'000;
constexpr Instant s = 1'000 * ms;

// Remembers the silences that it was told of; allows the ttl.
struct Remembering {
  struct State {};
  std::vector<std::int64_t>* silences;

  void arrived(State&, std::chrono::nanoseconds, std::chrono::nanoseconds silence) const noexcept {
    silences->push_back(silence.count());
  }
  std::chrono::nanoseconds allowance(const State&, std::chrono::nanoseconds ttl) const noexcept { return ttl; }
  double suspicion(const State&, std::chrono::nanoseconds, std::chrono::nanoseconds) const noexcept { return 0; }
};

// A key of `ttl`, touched at 100 s; ticks of a millisecond, a gap threshold of a second.
struct Subject {
  explicit Subject(std::int64_t ttl) : record{int{1}, 0, ttl} { record.touched = 100 * s; }

  Look look_at(Instant now) { return rules.look_at(record, now, absence); }
  // What the shard does with a record that it must look at again.
  void file(Instant next) { record.due = TickScale{ms}.up(next); }

  std::vector<std::int64_t> silences;
  SilenceRules<int, Remembering> rules{Remembering{&silences}, TickScale{ms}, s};
  Watched<int, Remembering> record;
  Absence absence{s};
};

BOOST_AUTO_TEST_CASE(the_first_look_is_a_notice_before_the_deadline) {
  const Subject subject{10 * s};

  BOOST_TEST(subject.rules.first_look(subject.record) == 109 * s);
  BOOST_TEST(subject.rules.due(subject.record) == 110 * s);
}

BOOST_AUTO_TEST_CASE(a_notice_is_at_most_half_the_allowance) {
  const Subject subject{200 * ms};

  BOOST_TEST(subject.rules.first_look(subject.record) == 100 * s + 100 * ms);
}

BOOST_AUTO_TEST_CASE(what_was_touched_since_it_was_filed_is_looked_at_a_notice_before_its_new_deadline) {
  Subject subject{10 * s};
  subject.rules.touch(subject.record, 105 * s, false);

  const Look look = subject.look_at(109 * s);

  BOOST_TEST((look.verdict == Verdict::not_silent));
  BOOST_TEST(look.next == 114 * s);
}

BOOST_AUTO_TEST_CASE(looked_at_twice_it_expires_at_its_deadline) {
  Subject subject{10 * s};

  const Look first = subject.look_at(109 * s);
  subject.file(first.next);
  const Look last = subject.look_at(110 * s);

  BOOST_TEST((first.verdict == Verdict::noticed));
  BOOST_TEST(first.next == 110 * s);
  BOOST_TEST(subject.rules.due(subject.record) == 110 * s);
  BOOST_TEST((last.verdict == Verdict::expired));
  BOOST_TEST(subject.record.graces == 0);
}

BOOST_AUTO_TEST_CASE(a_late_first_look_leaves_half_a_notice_at_least) {
  Subject subject{10 * s};

  const Look look = subject.look_at(109 * s + 900 * ms);

  BOOST_TEST((look.verdict == Verdict::noticed));
  BOOST_TEST(look.next == 110 * s + 400 * ms);
}

BOOST_AUTO_TEST_CASE(a_touch_after_the_first_look_begins_anew) {
  Subject subject{10 * s};
  subject.file(subject.look_at(109 * s).next);

  subject.rules.touch(subject.record, 109 * s + 500 * ms, false);

  BOOST_TEST(!subject.record.is_noticed);
  BOOST_TEST((subject.look_at(110 * s).verdict == Verdict::not_silent));
  BOOST_TEST(subject.rules.due(subject.record) == 119 * s + 500 * ms);
}

BOOST_AUTO_TEST_CASE(an_absence_puts_the_deadline_off_by_as_long_as_it_was) {
  Subject subject{10 * s};
  subject.absence.note({.late = 4 * s}, 113 * s);

  const Look look = subject.look_at(113 * s);
  subject.file(look.next);

  BOOST_TEST((look.verdict == Verdict::grace));
  BOOST_TEST(look.next == 116 * s, "a notice before the end of the grace");
  BOOST_TEST(subject.rules.due(subject.record) == 117 * s);
  BOOST_TEST(subject.record.graces == 1);
}

BOOST_AUTO_TEST_CASE(a_grace_is_at_most_the_allowance) {
  Subject subject{10 * s};
  subject.absence.note({.late = 3'600 * s}, 3'709 * s);

  subject.file(subject.look_at(3'709 * s).next);

  BOOST_TEST(subject.rules.due(subject.record) == 3'719 * s);
}

BOOST_AUTO_TEST_CASE(half_of_a_short_allowance_is_an_absence) {
  Subject here{500 * ms};
  here.absence.note({.late = 250 * ms}, 101 * s);
  Subject away{500 * ms};
  away.absence.note({.late = 251 * ms}, 101 * s);

  BOOST_TEST((here.look_at(101 * s).verdict == Verdict::noticed));
  BOOST_TEST((away.look_at(101 * s).verdict == Verdict::grace));
}

BOOST_AUTO_TEST_CASE(two_ticks_are_no_absence_however_short_the_allowance_is) {
  Subject here{2 * ms};
  here.absence.note({.late = 2 * ms}, 101 * s);
  Subject away{2 * ms};
  away.absence.note({.late = 2 * ms + 1}, 101 * s);

  BOOST_TEST((here.look_at(101 * s).verdict == Verdict::noticed));
  BOOST_TEST((away.look_at(101 * s).verdict == Verdict::grace));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_look_has_seen_gives_no_grace_again) {
  Subject subject{500 * ms};
  subject.absence.note({.late = 700 * ms, .before = 300 * ms}, 101 * s);

  BOOST_TEST((subject.look_at(101 * s).verdict == Verdict::noticed));
}

BOOST_AUTO_TEST_CASE(an_absence_that_an_earlier_look_knows_of_is_not_added_again) {
  Absence absence{s};
  absence.note({.late = 2 * s}, 112 * s);
  absence.note({.late = 3 * s, .before = 2 * s}, 113 * s);
  BOOST_TEST(absence.grace(10 * s, s) == 114 * s);
  BOOST_TEST(!absence.was_after(112 * s));

  Absence at_the_threshold{s};
  at_the_threshold.note({.late = 2 * s, .before = s}, 112 * s);
  BOOST_TEST(at_the_threshold.grace(10 * s, s) == 114 * s, "what is not later than the threshold is no absence");
}

BOOST_AUTO_TEST_CASE(a_lateness_that_was_no_absence_is_not_added_to_one) {
  Absence absence{s};
  absence.note({.late = 600 * ms}, 101 * s);

  absence.note({.late = 2 * s}, 103 * s);

  BOOST_TEST(absence.grace(10 * s, s) == 105 * s);
}

BOOST_AUTO_TEST_CASE(what_was_known_of_an_absence_says_nothing_of_the_next) {
  Absence absence{s};
  absence.note({.late = 600 * ms}, 101 * s);
  absence.forget();

  absence.note({.late = 700 * ms, .before = 300 * ms}, 102 * s);

  BOOST_TEST(absence.grace(500 * ms, 250 * ms) == 0);
}

BOOST_AUTO_TEST_CASE(a_slice_that_follows_at_once_leaves_the_absence_as_it_was) {
  Absence absence{s};
  absence.note({.late = 600 * ms}, 101 * s);
  absence.note({.late = 601 * ms, .before = 600 * ms}, 101 * s + ms);
  absence.note({.late = ms}, 101 * s + ms);
  absence.note({.late = 601 * ms, .before = 300 * ms}, 101 * s + 2 * ms);

  BOOST_TEST(absence.grace(500 * ms, 250 * ms) == 101 * s + 501 * ms);
  BOOST_TEST(absence.grace(10 * s, s) == 0);
}

BOOST_AUTO_TEST_CASE(an_absence_whose_grace_ends_before_the_deadline_puts_nothing_off) {
  Subject subject{10 * s};
  subject.absence.note({.late = 1'200 * ms}, 108 * s + 500 * ms);

  const Look look = subject.look_at(109 * s);

  BOOST_TEST((look.verdict == Verdict::noticed));
  BOOST_TEST(look.next == 110 * s);
}

BOOST_AUTO_TEST_CASE(an_absence_whose_grace_ends_at_the_deadline_puts_nothing_off) {
  Subject subject{10 * s};
  subject.absence.note({.late = 1'200 * ms}, 108 * s + 800 * ms);

  BOOST_TEST((subject.look_at(109 * s).verdict == Verdict::noticed));
  BOOST_TEST(subject.record.graces == 0);
}

BOOST_AUTO_TEST_CASE(later_than_the_gap_threshold_is_an_absence_for_all_however_long_a_tick_is) {
  Subject subject{10 * s};
  const SilenceRules<int, Remembering> rules{Remembering{&subject.silences}, TickScale{s}, s};
  subject.absence.note({.late = s + 1}, 111 * s);

  BOOST_TEST((rules.look_at(subject.record, 111 * s, subject.absence).verdict == Verdict::grace));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_grace_is_looked_at_twice_as_well) {
  Subject subject{10 * s};
  subject.absence.note({.late = 4 * s}, 113 * s);
  subject.file(subject.look_at(113 * s).next);
  subject.absence.forget();

  const Look first = subject.look_at(116 * s);
  subject.file(first.next);
  const Look last = subject.look_at(117 * s);

  BOOST_TEST((first.verdict == Verdict::noticed));
  BOOST_TEST(first.next == 117 * s);
  BOOST_TEST((last.verdict == Verdict::expired));
  BOOST_TEST(subject.record.graces == 1, "which is told as the reason");
}

BOOST_AUTO_TEST_CASE(one_silence_is_put_off_eight_times_and_no_more) {
  Subject subject{10 * s};
  Instant now = 113 * s;
  for (int grace = 0; grace < 8; ++grace, now += 20 * s) {
    subject.absence.note({.late = 4 * s}, now);
    const Look look = subject.look_at(now);
    BOOST_TEST((look.verdict == Verdict::grace));
    subject.file(look.next);
    subject.absence.forget();
  }
  subject.absence.note({.late = 4 * s}, now);

  const Look first = subject.look_at(now);

  BOOST_TEST((first.verdict == Verdict::noticed));
  BOOST_TEST(first.next == now + 500 * ms, "it has half a notice all the same");
  BOOST_TEST((subject.look_at(first.next).verdict == Verdict::expired));
}

BOOST_AUTO_TEST_CASE(each_touch_gives_all_graces_anew) {
  Subject subject{10 * s};
  subject.record.graces = 8;

  subject.rules.touch(subject.record, 110 * s, true);
  subject.absence.note({.late = 4 * s}, 123 * s);

  BOOST_TEST((subject.look_at(123 * s).verdict == Verdict::grace));
}

BOOST_AUTO_TEST_CASE(absences_between_the_slices_of_one_turn_add_up) {
  Absence absence{s};
  BOOST_TEST(absence.grace(10 * s, s) == 0);

  absence.note({.late = 2 * s}, 112 * s);
  absence.note({.late = 3 * s}, 115 * s);

  BOOST_TEST(absence.grace(10 * s, s) == 120 * s);
  absence.forget();
  BOOST_TEST(absence.grace(10 * s, s) == 0);
}

BOOST_AUTO_TEST_CASE(the_detector_is_told_of_silences_also_if_they_are_longer_than_it_allows) {
  Subject subject{10 * s};

  subject.rules.touch(subject.record, 103 * s, false);
  subject.rules.touch(subject.record, 113 * s, false);
  subject.rules.touch(subject.record, 123 * s + 1, false);  // it lives, and may be as silent again

  BOOST_TEST(subject.silences == (std::vector<std::int64_t>{3 * s, 10 * s, 10 * s + 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_detector_is_not_told_of_a_silence_in_which_we_were_away) {
  Subject subject{10 * s};
  subject.record.graces = 1;

  subject.rules.touch(subject.record, 103 * s, true);

  BOOST_TEST(subject.silences.empty());
  BOOST_TEST(subject.record.graces == 0);
}

BOOST_AUTO_TEST_CASE(an_absence_is_known_of_after_what_came_up_has_been_looked_at) {
  Absence absence{s};
  BOOST_TEST(!absence.was_after(-1'000 * s), "there was none");

  absence.note({.late = 2 * s}, 112 * s);
  absence.forget();
  absence.note({.late = s}, 113 * s);  // none

  BOOST_TEST(absence.was_after(111 * s));
  BOOST_TEST(!absence.was_after(112 * s));
}

BOOST_AUTO_TEST_CASE(an_allowance_of_nothing_counts_as_a_tick) {
  const Subject subject{0};

  BOOST_TEST(subject.rules.due(subject.record) == 100 * s + 1 * ms);
}

// Whoever looks when he is told to, and is never away, finds it expired at the deadline, whatever the ttl.
BOOST_AUTO_TEST_CASE(whatever_the_ttl_it_expires_at_its_deadline) {
  for (const std::int64_t ttl : {Instant{1}, 1 * ms, 3 * ms, 999 * ms, 2 * s, 3'600 * s}) {
    Subject subject{ttl};
    Instant now = subject.rules.first_look(subject.record);
    int looks = 0;

    Look look = subject.look_at(now);
    for (; look.verdict != Verdict::expired && looks < 10; ++looks) {
      now = look.next;
      subject.file(now);
      look = subject.look_at(now);
    }

    BOOST_TEST(looks == 1);
    BOOST_TEST(now == 100 * s + std::max(ttl, ms));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
