// SPDX-License-Identifier: BSL-1.0
// The moves of a manager's sessions, one by one and in each order that threads could bring about: no server, no
// registry, no thread. The test says what happened; the ledger says what is to be done.
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>

BOOST_AUTO_TEST_SUITE(session_ledger)

namespace {

using namespace std::chrono_literals;
using heartbeat::BootClock;
using heartbeat::CloseCompletion;
using heartbeat::EndReason;
using heartbeat::Failure;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionState;
using Record = heartbeat::typedb::detail::SessionRecord<BootClock>;
using Ledger = heartbeat::typedb::detail::SessionLedger<BootClock>;
using Task = Ledger::Task;
using Handle = Ledger::Handle;

struct PlainRecord final : Record {
  explicit PlainRecord(bool reopens) : Record{"orders", {.reopen_when_gone = reopens}} {}

  void reopen(std::shared_ptr<Record>) noexcept override {}
  void abandon_reopening() noexcept override {}
};

SessionId id_of(unsigned char byte) {
  SessionId id;
  id.bytes[0] = byte;
  return id;
}

Failure<SessionId> end_of(const SessionId& id, EndReason reason) {
  return {id, 1, reason, {}, {}};
}

// A ledger with one session, 1, whose heartbeat runs.
struct OneOpenSession {
  explicit OneOpenSession(bool reopens = false) : record{std::make_shared<PlainRecord>(reopens)} {
    BOOST_REQUIRE(!ledger.admit(record, id_of(1)));
    install();
  }

  Task install() {
    auto handle = std::make_shared<Handle>();
    return ledger.install(*record, handle);
  }

  Ledger ledger{1ms};
  std::shared_ptr<PlainRecord> record;
};

// The clock of these tests begins at 1 h; a session's idle timeout is the server's default of 30 s.
constexpr BootClock::time_point at(std::chrono::nanoseconds span) {
  return BootClock::time_point{1h + span};
}

std::optional<CloseCompletion> ignored() {
  return CloseCompletion::calling([](std::error_code) {});
}

// The engine has the close sent, and it is answered.
auto close_answered(Ledger& ledger, const SessionId& id, std::error_code error = {},
                    BootClock::time_point now = at(0s)) {
  auto completion = ignored();
  BOOST_REQUIRE(ledger.begin_close_call(id, at(0s), completion) == Ledger::CloseStep::call);
  auto answered = ledger.on_close_answered(id, error, now);
  ledger.leave();
  return answered;
}

bool is_forgotten(const Ledger& ledger) {
  return ledger.size() == 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_session_is_open_from_its_admission_on) {
  OneOpenSession one;

  BOOST_CHECK(one.record->state == SessionState::open);
  BOOST_TEST(one.record->id == id_of(1));
  BOOST_TEST(one.ledger.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_close_is_over_when_the_server_has_answered_and_forgotten_when_the_end_was_told_too) {
  OneOpenSession one;

  const auto closing = one.ledger.begin_close(*one.record);
  const auto told = one.ledger.on_ended(end_of(id_of(1), EndReason::stopped));
  const auto state_before = one.record->state;
  close_answered(one.ledger, id_of(1));

  BOOST_TEST(!!closing.handle);
  BOOST_CHECK(told.first == Task::nothing);
  BOOST_CHECK(state_before == SessionState::closing);
  BOOST_CHECK(one.record->state == SessionState::closed);
  BOOST_TEST(!one.ledger.wait_closed(*one.record));
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(the_answer_to_a_close_may_come_before_the_end_is_told) {
  OneOpenSession one;

  (void)one.ledger.begin_close(*one.record);
  close_answered(one.ledger, id_of(1));
  const bool was_forgotten_early = is_forgotten(one.ledger);
  (void)one.ledger.on_ended(end_of(id_of(1), EndReason::stopped));

  BOOST_TEST(!was_forgotten_early);
  BOOST_TEST(is_forgotten(one.ledger));
  BOOST_TEST(!one.ledger.wait_closed(*one.record));
}

BOOST_AUTO_TEST_CASE(a_close_that_failed_is_not_over_and_the_owner_is_told_why) {
  OneOpenSession one;
  (void)one.ledger.begin_close(*one.record);
  (void)one.ledger.on_ended(end_of(id_of(1), EndReason::stopped));

  const auto failed = close_answered(one.ledger, id_of(1), make_error_code(std::errc::connection_reset), at(29s));
  const std::error_code meanwhile = one.ledger.wait_closed(*one.record);
  const bool was_forgotten_early = is_forgotten(one.ledger);
  close_answered(one.ledger, id_of(1));

  BOOST_CHECK(meanwhile == std::errc::connection_reset);
  BOOST_CHECK(failed.overdue_at == at(30s));
  BOOST_TEST(!was_forgotten_early);
  BOOST_TEST(!one.ledger.wait_closed(*one.record));
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(a_close_that_the_engine_wants_again_joins_the_one_under_way) {
  OneOpenSession one;
  int first = 0;
  int second = 0;
  std::optional<CloseCompletion> completion = CloseCompletion::calling([&](std::error_code) { ++first; });
  BOOST_REQUIRE(one.ledger.begin_close_call(id_of(1), at(0s), completion) == Ledger::CloseStep::call);
  BOOST_TEST(!completion.has_value());

  completion = std::nullopt;
  completion.emplace(CloseCompletion::calling([&](std::error_code error) { second += error ? 100 : 1; }));
  const auto step = one.ledger.begin_close_call(id_of(1), at(5s), completion);
  completion.reset();  // the first one, which nobody waits for any more
  auto answered = one.ledger.on_close_answered(id_of(1), {}, at(6s));
  (*answered.completion)({});
  one.ledger.leave();

  BOOST_CHECK(step == Ledger::CloseStep::join);
  BOOST_TEST(first == 1);
  BOOST_TEST(second == 1);
}

BOOST_AUTO_TEST_CASE(a_close_that_was_answered_late_is_not_sent_again) {
  OneOpenSession one;
  (void)one.ledger.begin_close(*one.record);
  close_answered(one.ledger, id_of(1));

  auto completion = ignored();
  const auto step = one.ledger.begin_close_call(id_of(1), at(5s), completion);

  BOOST_CHECK(step == Ledger::CloseStep::confirmed);
  BOOST_TEST(completion.has_value());
}

BOOST_AUTO_TEST_CASE(a_close_waits_for_its_answer_as_long_as_the_server_may_have_the_session) {
  OneOpenSession one;
  auto completion = ignored();
  BOOST_REQUIRE(one.ledger.begin_close_call(id_of(1), at(0s), completion) == Ledger::CloseStep::call);

  BOOST_CHECK(one.ledger.left_to_close(id_of(1), at(0s)) == 30s);
  BOOST_CHECK(one.ledger.left_to_close(id_of(1), at(20s)) == 10s);
  BOOST_CHECK(one.ledger.left_to_close(id_of(1), at(40s)) == 1ns);
  BOOST_CHECK(one.ledger.left_to_close(id_of(2), at(0s)) == 1ns);
  BOOST_TEST(!one.ledger.wait_idle(1ms));
}

BOOST_AUTO_TEST_CASE(what_the_server_cannot_have_any_more_is_closed) {
  OneOpenSession one;
  (void)one.ledger.begin_close(*one.record);
  (void)one.ledger.on_ended(end_of(id_of(1), EndReason::stopped));
  close_answered(one.ledger, id_of(1), make_error_code(std::errc::connection_reset));

  BOOST_CHECK(one.ledger.settle_overdue(at(30s) - 1ns) == at(30s));
  BOOST_CHECK(one.record->state == SessionState::closing);
  BOOST_CHECK(one.ledger.settle_overdue(at(30s)) == std::nullopt);

  BOOST_TEST(!one.ledger.wait_closed(*one.record));
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(a_close_under_way_is_never_overdue) {
  OneOpenSession one;
  (void)one.ledger.begin_close(*one.record);
  auto completion = ignored();
  BOOST_REQUIRE(one.ledger.begin_close_call(id_of(1), at(0s), completion) == Ledger::CloseStep::call);

  BOOST_CHECK(one.ledger.settle_overdue(at(31s)) == std::nullopt);
  BOOST_CHECK(one.record->state == SessionState::closing);
  const auto answered = one.ledger.on_close_answered(id_of(1), make_error_code(std::errc::timed_out), at(31s));

  BOOST_CHECK(answered.overdue_at == std::nullopt);
  BOOST_CHECK(one.record->state == SessionState::closed);
}

BOOST_AUTO_TEST_CASE(a_close_that_nobody_answers_times_out) {
  OneOpenSession one;

  (void)one.ledger.begin_close(*one.record);

  BOOST_CHECK(one.ledger.wait_closed(*one.record) == std::errc::timed_out);
}

BOOST_AUTO_TEST_CASE(a_session_that_is_gone_and_not_to_be_reopened_is_lost_and_reported_once) {
  OneOpenSession one;

  const auto first = one.ledger.on_ended(end_of(id_of(1), EndReason::gone));
  const auto second = one.ledger.on_ended(end_of(id_of(1), EndReason::gone));

  BOOST_CHECK(first.first == Task::report_lost);
  BOOST_TEST(first.second.get() == one.record.get());
  BOOST_CHECK(second.first == Task::nothing);
  BOOST_CHECK(one.record->failure.value().reason == EndReason::gone);
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(a_stalled_session_is_lost_at_once_and_remembered_until_its_close_is_answered) {
  OneOpenSession one;

  const auto told = one.ledger.on_ended(end_of(id_of(1), EndReason::stalled));
  const bool was_forgotten_early = is_forgotten(one.ledger);
  close_answered(one.ledger, id_of(1));

  BOOST_CHECK(told.first == Task::report_lost);
  BOOST_TEST(!was_forgotten_early);
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(a_loss_is_reported_though_the_close_was_answered_first) {
  OneOpenSession one;

  close_answered(one.ledger, id_of(1));
  const auto told = one.ledger.on_ended(end_of(id_of(1), EndReason::stalled));

  BOOST_CHECK(told.first == Task::report_lost);
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(a_parents_cancellation_closes_and_is_no_loss) {
  OneOpenSession one{true};

  const auto told = one.ledger.on_ended(end_of(id_of(1), EndReason::parent_cancelled));
  const auto state_before = one.record->state;
  close_answered(one.ledger, id_of(1));

  BOOST_CHECK(told.first == Task::nothing);
  BOOST_CHECK(state_before == SessionState::closing);
  BOOST_CHECK(one.record->state == SessionState::closed);
  BOOST_TEST(!one.record->failure.has_value());
}

// The engine ends the heartbeat, the server answers the close, and the owner closes before the end was told.
BOOST_AUTO_TEST_CASE(a_close_after_the_server_has_answered_one_is_over_at_once) {
  for (const bool shuts : {false, true}) {
    OneOpenSession one{true};

    close_answered(one.ledger, id_of(1));
    if (shuts) {
      (void)one.ledger.shut();
    } else {
      (void)one.ledger.begin_close(*one.record);
    }
    const bool was_forgotten_early = is_forgotten(one.ledger);
    (void)one.ledger.on_ended(end_of(id_of(1), EndReason::parent_cancelled));

    BOOST_TEST(!one.ledger.wait_closed(*one.record));
    BOOST_TEST(!was_forgotten_early);
    BOOST_TEST(is_forgotten(one.ledger));
  }
}

BOOST_AUTO_TEST_CASE(a_gone_session_that_is_wanted_is_reopened_under_its_new_id) {
  OneOpenSession one{true};

  const auto told = one.ledger.on_ended(end_of(id_of(1), EndReason::gone));
  const auto state_before = one.record->state;
  const std::error_code error = one.ledger.admit(one.record, id_of(2));
  one.install();
  one.ledger.leave();

  BOOST_CHECK(told.first == Task::reopen);
  BOOST_CHECK(state_before == SessionState::reopening);
  BOOST_TEST(!error);
  BOOST_CHECK(one.record->state == SessionState::open);
  BOOST_TEST(one.record->id == id_of(2));
  BOOST_TEST(one.ledger.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_may_give_the_same_id_again) {
  OneOpenSession one{true};

  (void)one.ledger.on_ended(end_of(id_of(1), EndReason::gone));
  const std::error_code error = one.ledger.admit(one.record, id_of(1));
  one.ledger.leave();

  BOOST_TEST(!error);
  BOOST_TEST(one.ledger.size() == 1U);
}

BOOST_AUTO_TEST_CASE(two_sessions_never_share_an_id) {
  OneOpenSession one;
  const auto other = std::make_shared<PlainRecord>(false);

  const std::error_code error = one.ledger.admit(other, id_of(1));

  BOOST_CHECK(error == heartbeat::errc::already_running);
  BOOST_TEST(one.ledger.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_close_while_reopening_is_done_at_once_and_a_late_id_is_refused) {
  OneOpenSession one{true};
  (void)one.ledger.on_ended(end_of(id_of(1), EndReason::gone));

  const auto closing = one.ledger.begin_close(*one.record);
  one.ledger.leave();
  const std::error_code error = one.ledger.admit(one.record, id_of(2));

  BOOST_TEST(closing.was_reopening);
  BOOST_TEST(!one.ledger.wait_closed(*one.record));
  BOOST_CHECK(error == heartbeat::errc::shut_down);
  BOOST_TEST(is_forgotten(one.ledger));
}

BOOST_AUTO_TEST_CASE(giving_up_a_reopening_is_a_loss_but_not_after_a_close) {
  OneOpenSession lost{true};
  OneOpenSession closed{true};
  (void)lost.ledger.on_ended(end_of(id_of(1), EndReason::gone));
  (void)closed.ledger.on_ended(end_of(id_of(1), EndReason::gone));
  (void)closed.ledger.begin_close(*closed.record);

  BOOST_TEST(lost.ledger.give_up(*lost.record, end_of(id_of(1), EndReason::gone)));
  BOOST_TEST(!closed.ledger.give_up(*closed.record, end_of(id_of(1), EndReason::gone)));
  BOOST_CHECK(lost.record->state == SessionState::lost);
  BOOST_CHECK(closed.record->state == SessionState::closed);
}

BOOST_AUTO_TEST_CASE(an_end_told_before_start_has_returned_is_answered_for_by_who_starts) {
  Ledger ledger{1ms};
  const auto record = std::make_shared<PlainRecord>(true);
  BOOST_REQUIRE(!ledger.admit(record, id_of(1)));

  const auto told = ledger.on_ended(end_of(id_of(1), EndReason::gone));
  const auto state_before = record->state;
  auto handle = std::make_shared<Handle>();
  const Task task = ledger.install(*record, handle);

  BOOST_CHECK(told.first == Task::nothing);
  BOOST_CHECK(state_before == SessionState::open);
  BOOST_CHECK(task == Task::reopen);
  BOOST_CHECK(record->state == SessionState::reopening);
}

BOOST_AUTO_TEST_CASE(a_close_before_start_has_returned_is_carried_out_by_who_starts) {
  Ledger ledger{1ms};
  const auto record = std::make_shared<PlainRecord>(false);
  BOOST_REQUIRE(!ledger.admit(record, id_of(1)));

  const auto closing = ledger.begin_close(*record);
  auto handle = std::make_shared<Handle>();
  const Task task = ledger.install(*record, handle);

  BOOST_TEST(!closing.handle);
  BOOST_CHECK(task == Task::stop);
  BOOST_TEST(!!handle);
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_leaves_nothing_behind) {
  Ledger ledger{1ms};
  const auto record = std::make_shared<PlainRecord>(false);
  BOOST_REQUIRE(!ledger.admit(record, id_of(1)));

  ledger.withdraw(*record);
  const bool is_news = ledger.give_up(*record, end_of(id_of(1), EndReason::failed));

  BOOST_TEST(is_news);
  BOOST_TEST(is_forgotten(ledger));
  BOOST_TEST(ledger.wait_idle(1ms));
}

BOOST_AUTO_TEST_CASE(shutting_refuses_what_is_new_and_begins_to_close_what_is_there) {
  OneOpenSession open;
  OneOpenSession reopening{true};
  (void)reopening.ledger.on_ended(end_of(id_of(1), EndReason::gone));

  const auto none = open.ledger.shut();
  const auto abandoned = reopening.ledger.shut();

  BOOST_TEST(!none);
  BOOST_TEST(abandoned.get() == reopening.record.get());
  BOOST_CHECK(open.record->state == SessionState::closing);
  BOOST_CHECK(reopening.record->state == SessionState::closed);
  BOOST_TEST(!open.ledger.enter());
  BOOST_CHECK(open.ledger.admit(std::make_shared<PlainRecord>(false), id_of(2)) == heartbeat::errc::shut_down);
}

BOOST_AUTO_TEST_CASE(it_is_idle_when_no_close_is_owed_and_nothing_is_under_way) {
  OneOpenSession one;

  BOOST_TEST(!one.ledger.wait_idle(1ms));
  (void)one.ledger.begin_close(*one.record);
  close_answered(one.ledger, id_of(1));
  BOOST_TEST(one.ledger.wait_idle(1ms));
  {
    const Ledger::Use use{one.ledger};
    BOOST_TEST(!!use);
    BOOST_TEST(!one.ledger.wait_idle(1ms));
  }
  BOOST_TEST(one.ledger.wait_idle(1ms));
}

BOOST_AUTO_TEST_CASE(what_the_server_never_answered_is_settled_and_told_when_all_is_over) {
  OneOpenSession one;
  (void)one.ledger.shut();

  const auto unsettled = one.ledger.finish();

  BOOST_CHECK(one.ledger.wait_closed(*one.record) == heartbeat::errc::shut_down);
  BOOST_TEST(is_forgotten(one.ledger));
  BOOST_TEST(unsettled.get() == one.record.get());
  BOOST_TEST(!unsettled->next);
}

BOOST_AUTO_TEST_CASE(what_was_settled_before_is_not_told_when_all_is_over) {
  OneOpenSession one;
  close_answered(one.ledger, id_of(1));
  (void)one.ledger.shut();

  BOOST_TEST(!one.ledger.finish());
}

BOOST_AUTO_TEST_SUITE_END()
