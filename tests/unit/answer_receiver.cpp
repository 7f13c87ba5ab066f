// SPDX-License-Identifier: BSL-1.0
// The ticket between a completion and who waits for it: one answer gets through, whoever else calls, and the receiver
// is held until the ticket is gone.
#include <atomic>
#include <barrier>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "recording_receiver.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(answer_receiver)

using heartbeat::BeatResult;
using heartbeat::detail::AnswerReceiver;
using heartbeat::detail::AnswerSlot;
using heartbeat::detail::AnswerTicket;
using heartbeat::detail::RecordingReceiver;

BOOST_AUTO_TEST_CASE(an_answer_reaches_the_receiver_with_its_slot_and_serial) {
  RecordingReceiver receiver;
  AnswerTicket ticket = receiver.ticket(42);

  const bool was_first = ticket.answer(BeatResult::gone());

  BOOST_TEST(was_first);
  BOOST_REQUIRE_EQUAL(receiver.answers.size(), 1u);
  BOOST_TEST(receiver.answers[0].slot == &receiver.slot);
  BOOST_TEST(receiver.answers[0].serial == 42u);
  BOOST_CHECK(receiver.answers[0].result.kind() == BeatResult::Kind::gone);
}

BOOST_AUTO_TEST_CASE(a_second_answer_is_counted_and_goes_no_further) {
  RecordingReceiver receiver;
  AnswerTicket ticket = receiver.ticket();
  ticket.answer(BeatResult::acknowledged());

  const bool was_first = ticket.answer(BeatResult::gone());

  BOOST_TEST(!was_first);
  BOOST_TEST(receiver.answers.size() == 1u);
  BOOST_TEST(receiver.second_answers == 1);
}

BOOST_AUTO_TEST_CASE(a_ticket_is_open_until_it_answers) {
  RecordingReceiver receiver;
  AnswerTicket ticket = receiver.ticket();

  BOOST_TEST(ticket.is_open());
  ticket.answer(BeatResult::acknowledged());
  BOOST_TEST(!ticket.is_open());
}

BOOST_AUTO_TEST_CASE(a_ticket_that_was_moved_from_says_nothing_to_anybody) {
  RecordingReceiver receiver;
  AnswerTicket ticket = receiver.ticket(3);

  {
    AnswerTicket taken{std::move(ticket)};
    BOOST_TEST(!ticket.is_open());
    BOOST_TEST(!ticket.answer(BeatResult::acknowledged()));
    BOOST_TEST(taken.answer(BeatResult::acknowledged()));
  }

  BOOST_TEST(receiver.answers.size() == 1u);
  BOOST_TEST(receiver.second_answers == 0);
  BOOST_TEST(receiver.releases == 1);
}

BOOST_AUTO_TEST_CASE(a_ticket_moved_after_its_answer_stays_answered) {
  RecordingReceiver receiver;
  AnswerTicket ticket = receiver.ticket();
  ticket.answer(BeatResult::acknowledged());

  AnswerTicket taken{std::move(ticket)};

  BOOST_TEST(!taken.is_open());
  BOOST_TEST(!taken.answer(BeatResult::gone()));
  BOOST_TEST(receiver.second_answers == 1);
}

BOOST_AUTO_TEST_CASE(the_receiver_is_released_once_when_the_ticket_dies_and_not_before) {
  RecordingReceiver receiver;
  {
    AnswerTicket ticket = receiver.ticket();
    ticket.answer(BeatResult::acknowledged());
    BOOST_TEST(receiver.releases == 0);
  }

  BOOST_TEST(receiver.releases == 1);
  BOOST_TEST(receiver.answers.size() == 1u, "a ticket that dies does not answer: that is the completion's part");
}

BOOST_AUTO_TEST_CASE(of_two_threads_that_answer_at_once_exactly_one_gets_through) {
  struct Counting final : AnswerReceiver {
    void on_answer(AnswerSlot&, std::uint64_t, BeatResult&&) noexcept override { ++first; }
    std::stop_token stop_token_of(AnswerSlot&, std::uint64_t) override { return {}; }
    void on_second_answer() noexcept override { ++second; }
    void release() noexcept override {}
    std::atomic<int> first{0};
    std::atomic<int> second{0};
    AnswerSlot slot;
  };
  constexpr int rounds = 2000;
  Counting receiver;
  std::optional<AnswerTicket> ticket;
  std::atomic<int> accepted{0};
  std::barrier start{2, [&]() noexcept { ticket.emplace(receiver, receiver.slot, 1u); }};
  const auto race = [&] {
    for (int round = 0; round < rounds; ++round) {
      start.arrive_and_wait();
      if (ticket->answer(BeatResult::acknowledged())) ++accepted;
    }
  };

  std::thread other{race};
  race();
  other.join();

  BOOST_TEST(accepted.load() == rounds);
  BOOST_TEST(receiver.first.load() == rounds);
  BOOST_TEST(receiver.second.load() == rounds);
}

BOOST_AUTO_TEST_CASE(a_ticket_moves_and_is_never_copied) {
  static_assert(std::is_nothrow_move_constructible_v<AnswerTicket>);
  static_assert(!std::is_copy_constructible_v<AnswerTicket>);
  static_assert(!std::is_move_assignable_v<AnswerTicket>, "an answer still owed must not be lost by an assignment");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
