// SPDX-License-Identifier: BSL-1.0
// The owner of one heartbeat in every condition a handle may be in: without one, running, ended, moved from, detached,
// and older than its registry's life.
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(handle)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::Desk;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ScriptedTransport;
using Handle = Desk::Handle;

void check_has_no_heartbeat(Handle& handle) {
  BOOST_TEST(!static_cast<bool>(handle));
  BOOST_TEST(handle.generation() == 0u);
  BOOST_TEST(!handle.stop());
  BOOST_TEST(!handle.request_stop());
  BOOST_TEST(!handle.owns());
  BOOST_TEST(!handle.stop_token().stop_possible());
  BOOST_TEST(!handle.valid());
  BOOST_CHECK(handle.valid_until() == ManualClock::time_point::min());
  BOOST_TEST(!handle.ended().has_value());
  BOOST_TEST(!handle.failure().has_value());
  handle.progress();
  handle.detach();
}

BOOST_AUTO_TEST_CASE(a_default_made_handle_answers_everything_with_no) {
  Handle handle;

  check_has_no_heartbeat(handle);
}

BOOST_AUTO_TEST_CASE(a_moved_from_handle_answers_everything_with_no) {
  Desk desk;
  Handle handle = desk.registry->start(7);

  const Handle moved = std::move(handle);

  check_has_no_heartbeat(handle);
  BOOST_TEST(moved.key() == 7);
  BOOST_TEST(!moved.ended().has_value());
}

BOOST_AUTO_TEST_CASE(a_handle_moves_without_throwing_and_is_never_copied) {
  static_assert(std::is_nothrow_move_constructible_v<Handle>);
  static_assert(std::is_nothrow_move_assignable_v<Handle>);
  static_assert(!std::is_copy_constructible_v<Handle>);
  static_assert(!std::is_copy_assignable_v<Handle>);
}

BOOST_AUTO_TEST_CASE(a_handle_that_dies_stops_its_heartbeat) {
  Desk desk;
  { const Handle handle = desk.registry->start(7); }

  BOOST_TEST(!desk.registry->contains(7));
  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::stopped) == 1u);
}

BOOST_AUTO_TEST_CASE(move_assignment_stops_the_heartbeat_it_had_before) {
  Desk desk;
  Handle handle = desk.registry->start(7);
  Handle other = desk.registry->start(8);

  handle = std::move(other);

  BOOST_TEST(!desk.registry->contains(7));
  BOOST_TEST(desk.registry->contains(8));
  BOOST_TEST(handle.key() == 8);
  BOOST_TEST(handle.owns());
  check_has_no_heartbeat(other);
}

BOOST_AUTO_TEST_CASE(assigning_an_empty_handle_stops_and_assigning_to_one_does_not) {
  Desk desk;
  Handle handle;

  handle = desk.registry->start(7);
  BOOST_TEST(desk.registry->contains(7));
  BOOST_TEST(!handle.valid());
  handle = Handle{};

  BOOST_TEST(!desk.registry->contains(7));
  check_has_no_heartbeat(handle);
}

BOOST_AUTO_TEST_CASE(assigning_a_handle_to_itself_changes_nothing) {
  Desk desk;
  Handle handle = desk.registry->start(7, {.granted_at = ManualClock::time_point{}});
  Handle& alias = handle;

  handle = std::move(alias);

  BOOST_TEST(desk.registry->contains(7));
  BOOST_TEST(handle.key() == 7);
  BOOST_TEST(handle.valid());
}

BOOST_AUTO_TEST_CASE(stop_says_true_once) {
  Desk desk;
  Handle handle = desk.registry->start(7);

  BOOST_TEST(handle.stop());
  BOOST_TEST(!handle.stop());
  BOOST_TEST(!handle.request_stop());

  BOOST_CHECK(handle.ended() == EndReason::stopped);
  BOOST_TEST(static_cast<bool>(handle), "an ended heartbeat is one still");
  BOOST_TEST(handle.key() == 7);
}

BOOST_AUTO_TEST_CASE(stop_cancels_the_beat_in_flight_unless_a_close_follows_and_ignores_its_answer) {
  for (const OnEnd when_ended : {OnEnd::leave, OnEnd::close}) {
    Desk desk;
    desk.transport.watch_cancellation();
    desk.transport.on(7).held();
    Desk::Options options = Desk::at_once();
    options.when_ended = when_ended;
    Handle handle = desk.registry->start(7, options);
    desk.executor.run_for(0s);

    handle.stop();
    desk.transport.answer(7, BeatResult::acknowledged());

    const bool is_cancelled = desk.transport.transcript().find("cancelled") != std::string::npos;
    BOOST_TEST(is_cancelled == (when_ended == OnEnd::leave));
    BOOST_TEST(!handle.valid());
    BOOST_TEST(desk.registry->statistics().late_answers == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_detached_heartbeat_lives_on_by_key) {
  Desk desk;
  {
    Handle handle = desk.registry->start(7);
    handle.detach();
    BOOST_TEST(!handle.owns());
    BOOST_TEST(handle.key() == 7);
  }

  BOOST_TEST(desk.registry->contains(7));
  BOOST_TEST(desk.registry->stop(7));
}

BOOST_AUTO_TEST_CASE(a_detached_handle_may_still_stop) {
  Desk desk;
  Handle handle = desk.registry->start(7);
  handle.detach();

  BOOST_TEST(handle.stop());

  BOOST_TEST(!desk.registry->contains(7));
}

BOOST_AUTO_TEST_CASE(validity_ends_at_its_moment_whether_or_not_the_executor_ran) {
  Desk desk;
  Handle handle = desk.registry->start(7, Desk::at_once());
  desk.executor.run_for(0s);
  BOOST_CHECK(handle.valid_until() == ManualClock::time_point{29s});

  desk.clock.advance(29s - 1ns);
  BOOST_TEST(handle.valid());
  desk.clock.advance(1ns);

  BOOST_TEST(!handle.valid());
  BOOST_TEST(!handle.ended().has_value(), "the engine has not had time to notice");
}

BOOST_AUTO_TEST_CASE(an_ended_heartbeat_is_valid_no_more) {
  Desk desk;
  Handle handle = desk.registry->start(7, Desk::at_once());
  desk.executor.run_for(0s);
  BOOST_TEST(handle.valid());

  handle.stop();

  BOOST_TEST(!handle.valid());
  BOOST_CHECK(handle.valid_until() == ManualClock::time_point::min());
}

BOOST_AUTO_TEST_CASE(its_token_fires_at_the_end_and_not_before) {
  Desk desk;
  Handle handle = desk.registry->start(7);
  const std::stop_token token = handle.stop_token();
  int fired = 0;
  const std::stop_callback callback{token, [&] { ++fired; }};
  BOOST_TEST(token.stop_possible());
  BOOST_TEST(!token.stop_requested());
  BOOST_CHECK(handle.stop_token() == token);

  handle.stop();

  BOOST_TEST(token.stop_requested());
  BOOST_TEST(fired == 1);
}

BOOST_AUTO_TEST_CASE(its_token_fires_at_an_end_by_the_engine_too) {
  Desk desk;
  desk.transport.on(7).gone();
  Handle handle = desk.registry->start(7, Desk::at_once());
  const std::stop_token token = handle.stop_token();

  desk.executor.run_for(1s);

  BOOST_TEST(token.stop_requested());
}

// The last reference may go inside the call that stops: for the address sanitizer.
BOOST_AUTO_TEST_CASE(a_stop_callback_may_destroy_the_handle_that_stops) {
  const ManualClock clock;
  const ManualExecutor executor{clock};
  Desk::Registry without_sink{ScriptedTransport<int>{}, clock, executor};  // a sink would keep it until it was told
  auto handle = std::make_unique<Handle>(without_sink.start(7));
  bool fired = false;
  const std::stop_callback destroy{handle->stop_token(), [&] {
                                     handle.reset();
                                     fired = true;
                                   }};

  BOOST_TEST(handle->stop());

  BOOST_TEST(fired);
  BOOST_TEST(!handle);
  BOOST_TEST(!without_sink.contains(7));
}

BOOST_AUTO_TEST_CASE(a_token_asked_for_after_the_end_is_requested_already) {
  Desk desk;
  Handle handle = desk.registry->start(7);
  handle.stop();

  BOOST_TEST(handle.stop_token().stop_requested());
}

BOOST_AUTO_TEST_CASE(a_failure_says_why) {
  Desk desk;
  desk.transport.on(7).fail_for_good(std::make_error_code(std::errc::permission_denied), "bad password");
  Handle handle = desk.registry->start(7, Desk::at_once());
  BOOST_TEST(!handle.failure().has_value());

  desk.executor.run_for(0s);

  const auto failure = handle.failure();
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->key == 7);
  BOOST_TEST(failure->generation == handle.generation());
  BOOST_CHECK(failure->reason == EndReason::failed);
  BOOST_CHECK(failure->error == std::errc::permission_denied);
  BOOST_TEST(failure->text == "bad password");
}

BOOST_AUTO_TEST_CASE(an_end_that_was_asked_for_is_no_failure) {
  Desk desk;
  Handle handle = desk.registry->start(7);

  handle.stop();

  BOOST_TEST(!handle.failure().has_value());
}

BOOST_AUTO_TEST_CASE(progress_lets_beats_through_and_its_absence_withholds_them) {
  Desk desk;
  auto options = Desk::at_once();
  options.progress_within = 6s;
  Handle handle = desk.registry->start(7, options);
  desk.executor.run_for(9s);
  BOOST_TEST(desk.transport.beats_of(7).size() == 2u);
  desk.executor.run_for(3s);
  BOOST_TEST(desk.transport.beats_of(7).size() == 2u, "withheld at 10 s");

  handle.progress();
  desk.executor.run_ready();
  desk.executor.run_for(0s);

  BOOST_TEST(desk.transport.beats_of(7).size() == 3u);
  BOOST_TEST(desk.registry->statistics().withheld == 1u);
}

BOOST_AUTO_TEST_CASE(a_handle_older_than_its_registrys_life_is_safe) {
  Desk desk;
  desk.transport.on(7).held();
  auto options = Desk::at_once();
  options.progress_within = 1s;
  Handle handle = desk.registry->start(7, options);
  desk.executor.run_for(0s);
  const std::stop_token token = handle.stop_token();

  desk.registry.reset();

  BOOST_CHECK(handle.ended() == EndReason::shut_down);
  BOOST_TEST(token.stop_requested());
  BOOST_TEST(handle.key() == 7);
  BOOST_TEST(!handle.valid());
  BOOST_TEST(!handle.stop());
  BOOST_TEST(!handle.request_stop());
  BOOST_TEST(!handle.failure().has_value());
  BOOST_TEST(handle.stop_token().stop_requested());
  handle.progress();
  desk.transport.answer(7, BeatResult::acknowledged());
  BOOST_TEST(!handle.valid());
  Handle moved = std::move(handle);
  moved = Handle{};
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
