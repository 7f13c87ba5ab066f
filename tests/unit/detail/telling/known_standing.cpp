// SPDX-License-Identifier: BSL-1.0
// How news is joined with what waits: the stories one by one, then every sequence of what can happen to a heartbeat,
// with the sink looking at any time, against a reference that knows nothing of joining.
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/telling/known_standing.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(known_standing)

using namespace heartbeat;
using namespace heartbeat::detail;
using enum EventKind;
using Known = KnownStanding;

constexpr EventMask mask(std::initializer_list<EventKind> kinds) {
  unsigned bits = 0;
  for (const EventKind kind : kinds)
    bits |= mask_of(kind);
  return static_cast<EventMask>(bits);
}

// What a sink hears that had known this, of news that came one after the other before it looked.
EventMask heard(Known known, std::initializer_list<EventMask> news) {
  EventMask waiting = 0;
  for (const EventMask one : news)
    waiting = joined(known, waiting, one);
  return waiting;
}

constexpr EventMask good = mask({acknowledged, recovered});

// --- the stories

BOOST_AUTO_TEST_CASE(the_newest_answer_wins) {
  BOOST_TEST(heard(Known::fine, {mask({acknowledged}), mask({missed})}) == mask({missed}));
  BOOST_TEST(heard(Known::fine, {mask({missed}), mask({acknowledged})}) == mask({acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({started}), mask({acknowledged})}) == mask({started, acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({acknowledged}), mask({lapsed})}) == mask({lapsed}));
}

BOOST_AUTO_TEST_CASE(trouble_that_is_over_before_it_was_heard_of_is_not_told) {
  BOOST_TEST(heard(Known::fine, {mask({missed, jeopardy}), good}) == mask({acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({lapsed}), good}) == mask({acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({missed, jeopardy}), mask({lapsed}), good}) == mask({acknowledged}));
}

BOOST_AUTO_TEST_CASE(a_gap_is_told_and_so_is_the_recovery_from_it) {
  BOOST_TEST(heard(Known::fine, {mask({time_gap}), good}) == mask({time_gap, acknowledged, recovered}));
  BOOST_TEST(heard(Known::jeopardy, {mask({missed, time_gap}), good}) == mask({time_gap, acknowledged, recovered}));
  BOOST_TEST(heard(Known::away, {good, mask({time_gap})}) == mask({time_gap}), "one more, and no end to it yet");
}

BOOST_AUTO_TEST_CASE(a_gap_outdates_other_trouble) {
  BOOST_TEST(heard(Known::fine, {mask({missed, jeopardy}), mask({time_gap})}) == mask({missed, time_gap}));
}

BOOST_AUTO_TEST_CASE(a_recovery_from_trouble_that_was_told_is_told_whatever_waits) {
  BOOST_TEST(heard(Known::jeopardy, {good}) == good);
  BOOST_TEST(heard(Known::jeopardy, {mask({lapsed}), good}) == good, "what waits does not cancel what was told");
  BOOST_TEST(heard(Known::lapsed, {good}) == good);
  BOOST_TEST(heard(Known::away, {good}) == good);
}

BOOST_AUTO_TEST_CASE(a_recovery_from_trouble_that_was_never_told_is_not) {
  BOOST_TEST(heard(Known::fine, {good}) == mask({acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({recovered})}) == mask({}));
}

BOOST_AUTO_TEST_CASE(trouble_after_a_recovery_that_was_not_heard_of_is_no_news_if_it_is_the_same) {
  BOOST_TEST(heard(Known::jeopardy, {good, mask({missed, jeopardy})}) == mask({missed}));
  BOOST_TEST(heard(Known::lapsed, {good, mask({missed, jeopardy})}) == mask({missed, jeopardy}));
  BOOST_TEST(heard(Known::jeopardy, {good, mask({lapsed})}) == mask({lapsed}));
}

BOOST_AUTO_TEST_CASE(trouble_after_a_gap_and_its_recovery_has_the_last_word) {
  const EventMask told = heard(Known::fine, {mask({time_gap}), good, mask({missed, jeopardy})});

  BOOST_TEST(told == mask({missed, time_gap, jeopardy}));
  BOOST_CHECK(known_after(Known::fine, told) == Known::jeopardy);
}

BOOST_AUTO_TEST_CASE(trouble_that_stays_is_told) {
  const auto told = heard(Known::fine, {mask({missed, jeopardy}), mask({missed}), mask({lapsed})});

  BOOST_TEST(told == mask({missed, jeopardy, lapsed}));
}

BOOST_AUTO_TEST_CASE(what_was_dropped_is_made_good) {
  BOOST_TEST(heard(Known::jeopardy, {mask({acknowledged})}) == good, "a recovery");
  BOOST_TEST(heard(Known::fine, {mask({missed, jeopardy})}) == mask({missed, jeopardy}),
             "trouble, by the next failure");
  BOOST_TEST(heard(Known::jeopardy, {mask({missed, jeopardy})}) == mask({missed}), "and otherwise it is no news");
}

BOOST_AUTO_TEST_CASE(a_withheld_beat_is_told_whatever_else_waits) {
  BOOST_TEST(heard(Known::fine, {mask({withheld}), mask({acknowledged})}) == mask({withheld, acknowledged}));
  BOOST_TEST(heard(Known::fine, {mask({withheld, overloaded}), mask({time_gap})}) ==
             mask({time_gap, withheld, overloaded}));
}

// --- every sequence

constexpr EventMask standing_words = mask({time_gap, jeopardy, lapsed, recovered});

// A sink that looks now and then, at a ring that is full now and then.
class Ear {
 public:
  void push(EventMask news) {
    if (waiting_ == 0 && is_full) {
      has_lost_gap = has_lost_gap || (news & mask({time_gap})) != 0;
      return;
    }
    waiting_ = joined(known_, waiting_, news);
  }

  void deliver() {
    for (auto kind = started; kind != ended; kind = static_cast<EventKind>(static_cast<unsigned>(kind) + 1)) {
      if ((waiting_ & mask_of(kind)) == 0) continue;
      if ((mask_of(kind) & standing_words) != 0) hear(kind);
    }
    known_ = known_after(known_, waiting_);
    waiting_ = 0;
  }

  // By the last word that it heard, in whatever order they were told.
  [[nodiscard]] Known believes() const {
    if (!last || *last == recovered) return Known::fine;
    return *last == jeopardy ? Known::jeopardy : *last == lapsed ? Known::lapsed : Known::away;
  }

  bool is_full = false;
  bool has_lost_gap = false;
  std::size_t gaps = 0;
  std::string objection;
  std::optional<EventKind> last;

 private:
  void hear(EventKind kind) {
    if (kind == recovered && (!last || last == recovered)) objection = "recovered, and it was fine";
    if (kind != time_gap && kind == last) objection = "told twice what has not changed";
    if (kind == time_gap) ++gaps;
    last = kind;
  }

  Known known_ = Known::fine;
  EventMask waiting_ = 0;
};

// A heartbeat, as its state machine has it, and its failures told as the shard does (performing.hpp).
struct Heartbeat {
  bool acknowledge(Ear& ear) {
    ear.push(truth == Known::fine ? mask({acknowledged}) : good);
    truth = Known::fine;
    return true;
  }
  bool miss(Ear& ear) {
    if (truth == Known::away) return false;  // it ends
    if (truth == Known::fine) truth = Known::jeopardy;
    ear.push(truth == Known::lapsed ? mask({missed, lapsed}) : mask({missed, jeopardy}));
    return true;
  }
  bool lapse(Ear& ear) {
    if (truth == Known::lapsed || truth == Known::away) return false;
    truth = Known::lapsed;
    ear.push(mask({lapsed}));
    return true;
  }
  bool go_away(Ear& ear, EventMask besides) {
    if (truth == Known::lapsed || truth == Known::away) return false;
    truth = Known::away;
    ear.push(static_cast<EventMask>(mask({time_gap}) | besides));
    return true;
  }

  Known truth = Known::fine;
};

constexpr std::string_view steps =
    "amlgGdf";  // acknowledge, miss, lapse, gap with and without a failure, deliver, full

// Whether the sequence can happen; plays it.
bool play(std::string_view sequence, Heartbeat& heartbeat, Ear& ear) {
  for (const char step : sequence) {
    bool can_be = true;
    if (step == 'a') can_be = heartbeat.acknowledge(ear);
    if (step == 'm') can_be = heartbeat.miss(ear);
    if (step == 'l') can_be = heartbeat.lapse(ear);
    if (step == 'g') can_be = heartbeat.go_away(ear, 0);
    if (step == 'G') can_be = heartbeat.go_away(ear, mask({missed}));
    if (step == 'd') ear.deliver();
    if (step == 'f') ear.is_full = !ear.is_full;
    if (!can_be) return false;
  }
  return true;
}

// Calls `fn` for each sequence of up to so many of the letters.
template <class Fn>
void each_sequence(std::string_view letters, std::size_t longest, Fn fn) {
  std::string sequence;
  const auto extend = [&](auto& self) -> void {
    if (!fn(sequence) || sequence.size() == longest) return;
    for (const char letter : letters) {
      sequence.push_back(letter);
      self(self);
      sequence.pop_back();
    }
  };
  extend(extend);
}

BOOST_AUTO_TEST_CASE(whatever_happens_the_last_word_is_right_and_no_gap_is_lost) {
  std::size_t played = 0;
  std::string wrong;
  each_sequence(steps.substr(0, 6), 7, [&](const std::string& sequence) {
    Heartbeat heartbeat;
    Ear ear;
    if (!play(sequence, heartbeat, ear)) return false;
    ++played;
    const std::size_t before = ear.gaps;
    ear.deliver();
    const bool has_gap_since = sequence.find_first_of("gG", sequence.find_last_of('d') + 1) != std::string::npos;
    if (ear.believes() != heartbeat.truth) wrong += sequence + ": another standing\n";
    if ((ear.gaps != before) != has_gap_since) wrong += sequence + ": a gap is lost\n";
    if (!ear.objection.empty()) wrong += sequence + ": " + ear.objection + '\n';
    return true;
  });

  BOOST_TEST(wrong.substr(0, 200) == "");
  BOOST_TEST(played > 30'000U);
}

BOOST_AUTO_TEST_CASE(what_a_full_ring_has_dropped_is_made_good_by_the_next_answer) {
  std::string wrong;
  each_sequence(steps, 5, [&](const std::string& sequence) {
    for (const char answer : std::string_view{"am"}) {
      Heartbeat heartbeat;
      Ear ear;
      if (!play(sequence, heartbeat, ear)) return false;
      if (ear.has_lost_gap) continue;  // counted as dropped
      ear.is_full = false;
      if (!play(std::string{answer}, heartbeat, ear)) continue;
      ear.deliver();
      if (ear.believes() != heartbeat.truth) wrong += sequence + answer + ": another standing\n";
      if (!ear.objection.empty()) wrong += sequence + answer + ": " + ear.objection + '\n';
    }
    return true;
  });

  BOOST_TEST(wrong.substr(0, 200) == "");
}

// A client's news are told to its keys one kind at a time, good ones not to all of them.
BOOST_AUTO_TEST_CASE(kinds_that_come_one_by_one_in_any_order_leave_the_last_word_right) {
  std::string wrong;
  each_sequence("amgjlrd", 6, [&](const std::string& sequence) {
    Ear ear;
    Known truth = Known::fine;
    for (const char step : sequence) {
      const auto says = [&](EventKind kind, Known standing) {
        ear.push(mask_of(kind));
        truth = standing;
      };
      if (step == 'a') says(acknowledged, Known::fine);
      if (step == 'm') says(missed, truth);
      if (step == 'g') says(time_gap, Known::away);
      if (step == 'j') says(jeopardy, Known::jeopardy);
      if (step == 'l') says(lapsed, Known::lapsed);
      if (step == 'r') says(recovered, Known::fine);
      if (step == 'd') ear.deliver();
    }
    ear.deliver();
    if (ear.believes() != truth) wrong += sequence + ": another standing\n";
    if (!ear.objection.empty()) wrong += sequence + ": " + ear.objection + '\n';
    return true;
  });

  BOOST_TEST(wrong.substr(0, 200) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
