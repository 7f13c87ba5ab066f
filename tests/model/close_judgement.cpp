// SPDX-License-Identifier: BSL-1.0
// The model of a close objects to what must not be, and to nothing else. Here it is told of closes that no engine
// sends.
#include "close_judgement.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

namespace {

using namespace std::chrono_literals;
using namespace heartbeat::model;  // NOLINT
using Sure = Close::Sure;

struct Objections final : Observer {
  void object(std::string_view, const heartbeat::model::Life*, Time, std::string_view text) override {
    heard += std::string{text} + '.';
  }
  std::string heard;
};

// Of a session of 30 s, sent to a server that is waited for 5 s, and repeated after 3 s to 6 s.
struct CloseFixture {
  Objections ear;
  Close close{ear, {.ttl = 30s, .beat_timeout = 5s, .floor = 1s, .least_pause = 3s, .longest_pause = 6s, .tick = 1ms}};

  std::size_t sent(Time now, bool is_beat_in_flight = false) {
    return close.sends(nullptr, {.now = now, .timeout = 5s, .is_beat_in_flight = is_beat_in_flight});
  }
  void rests(Time now) { close.judge_rest(nullptr, {}, now); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(close_judgement)

BOOST_FIXTURE_TEST_CASE(a_close_as_it_must_be_meets_no_objection, CloseFixture) {
  close.begins(1s, false);
  close.answered(sent(1s), 2s, false);
  rests(4s);
  const auto repeat = sent(6s);
  rests(7s);
  close.answered(repeat, 8s, true);
  close.waited(nullptr, true, true, 9s);
  rests(20s);
  close.makes_way(false, 21s);

  BOOST_TEST(ear.heard == "");
  BOOST_CHECK(close.is_in_doubt(21s) == Sure::no);
}

BOOST_FIXTURE_TEST_CASE(what_was_not_asked_for_is_not_closed, CloseFixture) {
  sent(1s);

  BOOST_TEST(ear.heard == "closed though it was not asked for.");
}

BOOST_FIXTURE_TEST_CASE(a_close_does_not_overtake_its_beat_but_at_half_the_grace, CloseFixture) {
  close.begins(1s, true);
  close.shutdown_begins(3s, 1s);
  sent(2s, true);
  BOOST_TEST(ear.heard == "closed while a beat of it is in flight.");
  ear.heard.clear();

  Close other{ear, close.terms};
  other.begins(1s, true);
  other.shutdown_begins(3s, 1s);
  other.sends(nullptr, {.now = 3s, .timeout = 5s, .is_beat_in_flight = true});
  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(nothing_is_sent_once_the_ttl_has_passed_or_the_key_has_a_heartbeat, CloseFixture) {
  close.begins(1s, false);
  sent(32s);
  BOOST_TEST(ear.heard == "closed though a ttl has passed since its end.");
  ear.heard.clear();

  Close other{ear, close.terms};
  other.begins(1s, false);
  other.makes_way(false, 2s);
  BOOST_CHECK(other.is_withdrawn() == Sure::yes);
  other.sends(nullptr, {.now = 2s, .timeout = 5s});
  BOOST_TEST(ear.heard == "closed though its key was started anew.");
}

BOOST_FIXTURE_TEST_CASE(a_repeat_comes_slowly_and_comes, CloseFixture) {
  close.begins(1s, false);
  close.answered(sent(1s), 2s, false);
  sent(4s);
  BOOST_TEST(ear.heard == "repeated without a pause.");
  ear.heard.clear();

  rests(9s);
  BOOST_TEST(ear.heard == "");
  rests(16s);
  BOOST_TEST(ear.heard == "a close that failed is not repeated.");
}

BOOST_FIXTURE_TEST_CASE(a_wait_ends_the_repeats_and_tells_the_truth, CloseFixture) {
  close.begins(1s, false);
  close.answered(sent(1s), 2s, false);
  close.waited(nullptr, true, true, 3s);
  BOOST_TEST(ear.heard == "a wait says that it is closed; nobody confirmed that.");
  ear.heard.clear();
  rests(20s);
  BOOST_TEST(ear.heard == "");
  sent(21s);
  BOOST_TEST(ear.heard == "closed once more though nothing was to follow.");
}

BOOST_FIXTURE_TEST_CASE(the_first_close_makes_its_key_taken_and_leaves_a_doubt_if_it_times_out, CloseFixture) {
  close.begins(1s, false);
  sent(1s);
  BOOST_CHECK(close.is_on_its_way(5s) == Sure::yes);
  BOOST_CHECK(close.is_on_its_way(6s) == Sure::unsure);
  rests(6s);
  BOOST_CHECK(close.is_on_its_way(6s) == Sure::no);
  BOOST_CHECK(close.is_in_doubt(6s) == Sure::yes);
  close.makes_way(false, 7s);
  BOOST_CHECK(close.is_in_doubt(30s) == Sure::yes);
  rests(32s);
  BOOST_CHECK(close.is_in_doubt(32s) == Sure::no);
  BOOST_TEST(ear.heard == "");
}

BOOST_FIXTURE_TEST_CASE(a_wanted_close_is_sent_when_nothing_holds_it_back, CloseFixture) {
  close.begins(1s, true);
  close.judge_rest(nullptr, {.is_beat_in_flight = true}, 2s);
  BOOST_TEST(ear.heard == "");
  rests(2s);

  BOOST_TEST(ear.heard == "no close though nothing holds it back.");
}

BOOST_AUTO_TEST_SUITE_END()
