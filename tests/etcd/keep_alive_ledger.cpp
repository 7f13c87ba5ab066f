// SPDX-License-Identifier: BSL-1.0
// Which answer belongs to which beat, and when the stream is given up, decided without gRPC, thread or clock.
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd/keep_alive_ledger.hpp>

BOOST_AUTO_TEST_SUITE(keep_alive_ledger)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatResult;
using heartbeat::BootClock;
using heartbeat::etcd::LeaseId;
using heartbeat::etcd::detail::KeepAliveLedger;

constexpr LeaseId a{1}, b{2}, c{3};
constexpr auto patience = KeepAliveLedger::patience;

struct Fixture {
  // A beat that notes its own name when it is acknowledged.
  void ask(LeaseId id, int name) {
    std::vector<BeatCompletion> displaced;
    ledger.ask(id, BeatCompletion::calling([this, name](const BeatResult& result) {
                 (result.kind() == BeatResult::Kind::acknowledged ? acknowledged : failed).push_back(name);
               }),
               now, displaced);
  }

  // The lease asks and is written; later, the others get an answer.
  void ask_in_vain(LeaseId id, BootClock::duration wait) {
    ask(id, 1);
    write_all();
    now += wait;
    answer_another();
  }

  void answer_another() {
    ask(c, 2);
    write_all();
    answer(c);
  }

  [[nodiscard]] bool is_given_up_by(LeaseId id) const { return ledger.is_given_up_by(id, now); }

  std::vector<LeaseId> write_all() {
    std::vector<LeaseId> written;
    while (const auto id = ledger.next_to_write())
      written.push_back(*id);
    return written;
  }

  void answer(LeaseId id) {
    if (auto completion = ledger.answer(id)) (*completion)(BeatResult::acknowledged());
  }

  std::vector<int> acknowledged;
  std::vector<int> failed;
  BootClock::time_point now{1h};
  KeepAliveLedger ledger;
};

using Names = std::vector<int>;
using Ids = std::vector<LeaseId>;

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_is_asked_is_written_once_and_in_order, Fixture) {
  ask(a, 1);
  ask(c, 2);
  BOOST_TEST(ledger.has_to_write());
  BOOST_TEST(write_all() == (Ids{a, c}), boost::test_tools::per_element());
  ask(b, 3);

  BOOST_TEST(write_all() == Ids{b}, boost::test_tools::per_element());
  BOOST_TEST(!ledger.has_to_write());
}

BOOST_FIXTURE_TEST_CASE(each_lease_gets_its_own_answer_in_whatever_order, Fixture) {
  ask(a, 1);
  ask(b, 2);
  write_all();

  answer(b);
  answer(a);

  BOOST_TEST(acknowledged == (Names{2, 1}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_late_answer_does_not_acknowledge_the_beat_after_it, Fixture) {
  ask(a, 1);
  write_all();
  ask(a, 2);
  ask(a, 3);  // beat 2 was never written
  write_all();

  answer(a);  // to the request of beat 1
  BOOST_TEST(acknowledged.empty());
  answer(a);

  BOOST_TEST(acknowledged == Names{3}, boost::test_tools::per_element());
  BOOST_TEST(failed == (Names{1, 2}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(an_answer_to_nothing_acknowledges_nothing, Fixture) {
  answer(a);  // unknown
  ask(a, 1);
  answer(a);  // not written yet
  BOOST_TEST(acknowledged.empty());

  write_all();
  answer(a);
  answer(a);

  BOOST_TEST(acknowledged == Names{1}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_waits_to_be_written_keeps_its_place, Fixture) {
  ask(a, 1);
  ask(b, 2);
  ask(a, 3);

  BOOST_TEST(write_all() == (Ids{a, b}), boost::test_tools::per_element());
  answer(a);

  BOOST_TEST(acknowledged == Names{3}, boost::test_tools::per_element());
  BOOST_TEST(failed == Names{1}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(silence_is_proved_by_a_lease_that_asks_again_after_a_while, Fixture) {
  BOOST_TEST(!is_given_up_by(a));
  ask(a, 1);
  now += patience - 1ns;
  BOOST_TEST(!is_given_up_by(a));
  now += 1ns;
  BOOST_TEST(is_given_up_by(a));
  BOOST_TEST(!is_given_up_by(b));
  write_all();
  BOOST_TEST(is_given_up_by(a));

  answer_another();  // any answer proves that the stream lives

  BOOST_TEST(!is_given_up_by(a));
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_asks_often_does_not_hide_the_silence, Fixture) {
  for (int i = 0; i != 6; ++i) {
    BOOST_TEST(!is_given_up_by(a));
    ask(a, 1);
    write_all();
    now += patience / 6;
  }

  BOOST_TEST(is_given_up_by(a));
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_waits_in_vain_twice_gives_up_a_stream_that_answers_others, Fixture) {
  ask_in_vain(a, patience);
  BOOST_TEST(!is_given_up_by(a));
  ask_in_vain(a, patience);

  BOOST_TEST(is_given_up_by(a));
  BOOST_TEST(!is_given_up_by(b));
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_always_answered_too_late_gives_the_stream_up, Fixture) {
  ask_in_vain(a, 2 * patience);
  ask(a, 2);
  write_all();
  answer(a);  // to the first
  now += 2 * patience;

  BOOST_TEST(is_given_up_by(a));
}

BOOST_FIXTURE_TEST_CASE(an_answer_in_time_forgives_the_lateness_before, Fixture) {
  ask_in_vain(a, patience);
  ask(a, 2);
  write_all();
  answer(a);
  answer(a);  // in time
  ask_in_vain(a, patience);

  BOOST_TEST(!is_given_up_by(a));
}

BOOST_FIXTURE_TEST_CASE(a_short_timeout_alone_does_not_give_a_slow_stream_up, Fixture) {
  ask(a, 1);
  write_all();
  for (int i = 0; i != 100; ++i) {  // each answer comes after the lease has asked again, none is very late
    now += patience / 3;
    BOOST_TEST_REQUIRE(!is_given_up_by(a));
    ask(a, 1);
    write_all();
    answer(a);
  }
  BOOST_TEST(acknowledged.empty());
}

BOOST_FIXTURE_TEST_CASE(what_is_unanswered_can_be_failed, Fixture) {
  ask(a, 1);
  ask(b, 2);
  write_all();
  answer(a);
  ask(c, 3);

  ledger.for_each_unanswered([](BeatCompletion& completion) { completion(BeatResult::failed({})); });

  BOOST_TEST(failed.size() == 2U);
  BOOST_TEST(acknowledged == Names{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
