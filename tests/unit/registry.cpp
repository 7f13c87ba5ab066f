// SPDX-License-Identifier: BSL-1.0
// The registry's face: what each call does, refuses and reports. What holds across calls is in ../guarantees.
#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(registry)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::Desk;
using heartbeat::testing::ManualClock;

std::error_code refusal(Desk& desk, int key, Desk::Options options) {
  std::error_code error;
  const Desk::Handle handle = desk.registry->start(key, std::move(options), error);
  BOOST_TEST(!static_cast<bool>(handle));
  return error;
}

BOOST_AUTO_TEST_CASE(it_is_neither_copied_nor_moved) {
  static_assert(!std::is_copy_constructible_v<Desk::Registry>);
  static_assert(!std::is_move_constructible_v<Desk::Registry>);
  static_assert(!std::is_move_assignable_v<Desk::Registry>);
}

BOOST_AUTO_TEST_CASE(a_new_one_is_empty_and_wakes_nobody) {
  Desk desk;

  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.registry->snapshot().empty());
  BOOST_TEST(!desk.registry->contains(7));
  BOOST_TEST(!desk.registry->status(7).has_value());
  BOOST_TEST(desk.executor.is_idle());
}

BOOST_AUTO_TEST_CASE(options_that_break_a_rule_are_refused_by_the_constructor) {
  try {
    Desk desk{RegistryOptions{.tick = 0s}};
    BOOST_ERROR("it was made");
  } catch (const std::system_error& error) {
    BOOST_CHECK(error.code() == errc::tick_out_of_range);
    BOOST_CHECK(error.code() == condition::bad_options);
    BOOST_TEST(std::string{error.what()}.find("HeartbeatRegistry") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_start_beats_and_is_seen) {
  Desk desk;

  const auto handle = desk.registry->start(7, Desk::at_once());
  desk.executor.run_for(0s);

  BOOST_TEST(desk.transport.beats_of(7).size() == 1u);
  BOOST_TEST(desk.registry->contains(7));
  BOOST_TEST(desk.registry->size() == 1u);
  BOOST_TEST(handle.valid());
}

BOOST_AUTO_TEST_CASE(a_start_without_options_has_its_first_beat_within_the_interval) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  desk.executor.run_for(5s);

  BOOST_TEST(desk.transport.beats_of(7).size() >= 1u);
  BOOST_TEST(handle.valid());
}

BOOST_AUTO_TEST_CASE(a_second_start_of_a_key_is_refused_and_the_first_one_lives) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  BOOST_CHECK(refusal(desk, 7, {}) == errc::already_running);
  BOOST_CHECK_THROW((void)desk.registry->start(7), std::system_error);

  BOOST_TEST(!handle.ended().has_value());
  BOOST_TEST(desk.registry->size() == 1u);
}

BOOST_AUTO_TEST_CASE(bad_options_are_refused_with_the_code_of_the_rule) {
  Desk desk;

  BOOST_CHECK(refusal(desk, 7, {.interval = 0s}) == errc::interval_not_positive);
  BOOST_CHECK(refusal(desk, 7, {.ttl = 1s}) == errc::ttl_not_above_interval);
  BOOST_CHECK(refusal(desk, 7, {.granted_at = ManualClock::time_point{1ns}}) == errc::granted_in_the_future);

  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.executor.is_idle());
  BOOST_TEST(desk.registry->statistics().started == 0u);
}

BOOST_AUTO_TEST_CASE(an_error_of_an_earlier_call_is_cleared) {
  Desk desk;
  std::error_code error = errc::shut_down;

  const auto handle = desk.registry->start(7, {}, error);

  BOOST_TEST(!error);
  BOOST_TEST(static_cast<bool>(handle));
}

BOOST_AUTO_TEST_CASE(a_granted_session_is_valid_before_its_first_beat) {
  Desk desk;
  desk.executor.run_for(100s);

  const auto handle = desk.registry->start(7, {.granted_at = desk.clock.now() - 3s});

  BOOST_TEST(handle.valid());
  BOOST_CHECK(handle.valid_until() == desk.clock.now() - 3s + 29s);
}

BOOST_AUTO_TEST_CASE(reuse_gives_a_handle_of_the_running_one_that_does_not_own_it) {
  Desk desk;
  const auto first = desk.registry->start(7);
  {
    const auto second = desk.registry->start(7, {.if_running = IfRunning::reuse});
    BOOST_TEST(second.generation() == first.generation());
    BOOST_TEST(!second.owns());
  }

  BOOST_TEST(!first.ended().has_value());
}

BOOST_AUTO_TEST_CASE(reuse_of_what_does_not_run_starts_it) {
  Desk desk;

  const auto handle = desk.registry->start(7, {.if_running = IfRunning::reuse});

  BOOST_TEST(handle.owns());
  BOOST_TEST(desk.registry->contains(7));
}

BOOST_AUTO_TEST_CASE(replace_stops_the_running_one_first) {
  Desk desk;
  const auto first = desk.registry->start(7);

  const auto second = desk.registry->start(7, {.if_running = IfRunning::replace});

  BOOST_CHECK(first.ended() == EndReason::stopped);
  BOOST_TEST(!second.ended().has_value());
  BOOST_TEST(second.generation() != first.generation());
  BOOST_TEST(desk.registry->size() == 1u);
}

BOOST_AUTO_TEST_CASE(stop_by_key_ends_what_runs_once) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  BOOST_TEST(desk.registry->stop(7));
  BOOST_TEST(!desk.registry->stop(7));
  BOOST_TEST(!desk.registry->stop(8));

  BOOST_CHECK(handle.ended() == EndReason::stopped);
  BOOST_TEST(!desk.registry->contains(7));
}

BOOST_AUTO_TEST_CASE(stop_of_an_old_generation_leaves_the_new_one_alone) {
  Desk desk;
  auto old = desk.registry->start(7);
  const auto generation = old.generation();
  old.stop();
  const auto young = desk.registry->start(7);

  BOOST_TEST(!desk.registry->stop(7, generation));
  BOOST_TEST(!young.ended().has_value());
  BOOST_TEST(desk.registry->stop(7, young.generation()));
  BOOST_CHECK(young.ended() == EndReason::stopped);
}

BOOST_AUTO_TEST_CASE(request_stop_by_key_ends_it_too) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  BOOST_TEST(desk.registry->request_stop(7));
  BOOST_TEST(!desk.registry->request_stop(7));

  BOOST_CHECK(handle.ended() == EndReason::stopped);
}

BOOST_AUTO_TEST_CASE(request_stop_all_ends_everything_too) {
  Desk desk;
  const auto first = desk.registry->start(1);
  const auto second = desk.registry->start(2);

  BOOST_TEST(desk.registry->request_stop_all() == 2u);
  BOOST_TEST(desk.registry->request_stop_all() == 0u);

  BOOST_CHECK(first.ended() == EndReason::stopped);
  BOOST_CHECK(second.ended() == EndReason::stopped);
}

BOOST_AUTO_TEST_CASE(stop_all_ends_everything_and_says_how_many) {
  Desk desk;
  std::vector<Desk::Handle> handles;
  for (int key = 0; key < 1000; ++key)
    handles.push_back(desk.registry->start(key));
  handles[0].stop();

  BOOST_TEST(desk.registry->stop_all() == 999u);

  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::stopped) == 1000u);
}

BOOST_AUTO_TEST_CASE(sweep_ends_what_has_stalled_and_returns_each_once) {
  Desk desk;
  desk.transport.otherwise().fail();
  const auto first = desk.registry->start(1, Desk::at_once());
  desk.executor.run_for(10s);
  const auto second = desk.registry->start(2, Desk::at_once());
  desk.executor.run_for(18900ms);
  desk.clock.advance(100ms);  // late, but not away

  const std::vector<int> stalled = desk.registry->sweep();

  BOOST_REQUIRE_EQUAL(stalled.size(), 1u);
  BOOST_TEST(stalled[0] == 1);
  BOOST_TEST(desk.registry->sweep().empty());
  BOOST_CHECK(first.ended() == EndReason::stalled);
  BOOST_TEST(!second.ended().has_value());
}

BOOST_AUTO_TEST_CASE(what_has_stalled_ends_by_itself_too) {
  Desk desk;
  desk.transport.otherwise().never();
  const auto handle = desk.registry->start(7, Desk::at_once());

  desk.executor.run_for(29s);

  BOOST_CHECK(handle.ended() == EndReason::stalled);
  BOOST_TEST(desk.registry->sweep().empty());
}

BOOST_AUTO_TEST_CASE(after_a_shutdown_nothing_starts_and_everything_has_ended) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  (void)desk.registry->shutdown();

  BOOST_CHECK(handle.ended() == EndReason::shut_down);
  BOOST_CHECK(refusal(desk, 8, {}) == errc::shut_down);
  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.log.count(EventKind::ended) == 1u);
}

BOOST_AUTO_TEST_CASE(a_shutdown_with_grace_sends_the_closes) {
  Desk desk;
  auto handle = desk.registry->start(7, Desk::at_once());
  desk.executor.run_for(1s);

  BOOST_TEST(desk.registry->shutdown(10s));

  BOOST_TEST(desk.transport.closes_of(7).size() == 1u);
  BOOST_TEST(desk.registry->statistics().closes_done == 1u);
}

BOOST_AUTO_TEST_CASE(a_second_shutdown_does_nothing) {
  Desk desk;
  const auto handle = desk.registry->start(7);

  BOOST_TEST(desk.registry->shutdown());
  BOOST_TEST(desk.registry->shutdown(1s));

  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::shut_down) == 1u);
}

BOOST_AUTO_TEST_CASE(ends_that_the_sink_has_not_heard_of_keep_new_ones_out) {
  Desk desk{RegistryOptions{.event_capacity = 4, .shards = 1}};
  for (int key = 0; key < 4; ++key)
    desk.registry->start(key).stop();

  BOOST_CHECK(refusal(desk, 9, {}) == errc::event_backlog);
  desk.executor.run_ready();

  const auto handle = desk.registry->start(9);
  BOOST_TEST(desk.log.count(EventKind::ended) == 4u);
}

BOOST_AUTO_TEST_CASE(status_says_how_a_heartbeat_stands) {
  Desk desk;
  desk.transport.on(7).held();
  desk.transport.on(7).fail();
  const auto handle = desk.registry->start(7, Desk::at_once());
  BOOST_CHECK(desk.registry->status(7)->state == HeartbeatState::waiting);
  desk.executor.run_for(0s);

  auto status = desk.registry->status(7).value();
  BOOST_TEST(status.key == 7);
  BOOST_TEST(status.generation == handle.generation());
  BOOST_CHECK(status.state == HeartbeatState::in_flight);
  BOOST_TEST(!status.valid_until.has_value());

  desk.transport.answer(7, BeatResult::acknowledged());
  status = desk.registry->status(7).value();
  BOOST_CHECK(status.state == HeartbeatState::waiting);
  BOOST_CHECK(status.valid_until == ManualClock::time_point{29s});
  BOOST_TEST(!status.is_in_jeopardy);

  desk.executor.run_for(5s);
  status = desk.registry->status(7).value();
  BOOST_TEST(status.is_in_jeopardy);
  BOOST_TEST(status.failures == 1u);
}

BOOST_AUTO_TEST_CASE(a_key_whose_close_is_on_its_way_is_refused_whatever_is_chosen_for_running_ones) {
  for (const IfRunning choice : {IfRunning::refuse, IfRunning::reuse, IfRunning::replace}) {
    Desk desk;
    desk.transport.on_close(7).held();
    desk.registry->start(7).stop();
    desk.executor.run_ready();

    BOOST_CHECK(refusal(desk, 7, {.if_running = choice}) == errc::close_on_its_way);

    desk.transport.answer_close(7);
    BOOST_TEST(static_cast<bool>(desk.registry->start(7, {.if_running = choice})));
  }
}

BOOST_AUTO_TEST_CASE(for_each_meets_every_running_one_once) {
  Desk desk;
  std::vector<Desk::Handle> handles;
  for (int key = 0; key < 2000; ++key)
    handles.push_back(desk.registry->start(key));
  handles[5].stop();
  std::vector<int> met;

  desk.registry->for_each([&](const Desk::Registry::Status& status) { met.push_back(status.key); });

  std::sort(met.begin(), met.end());
  BOOST_TEST(met.size() == 1999u);
  BOOST_CHECK(std::unique(met.begin(), met.end()) == met.end());
  BOOST_TEST(!std::binary_search(met.begin(), met.end(), 5));
}

BOOST_AUTO_TEST_CASE(for_each_may_call_back) {
  Desk desk;
  std::vector<Desk::Handle> handles;
  for (int key = 0; key < 10; ++key)
    handles.push_back(desk.registry->start(key));

  desk.registry->for_each([&](const Desk::Registry::Status& status) { desk.registry->stop(status.key); });

  BOOST_TEST(desk.registry->size() == 0u);
}

BOOST_AUTO_TEST_CASE(statistics_add_up) {
  Desk desk;
  desk.transport.on(1).fail().times(2);
  desk.transport.on(2).gone();
  desk.transport.on(3).never().always();
  std::vector<Desk::Handle> handles;
  for (int key = 1; key <= 4; ++key)
    handles.push_back(desk.registry->start(key, Desk::at_once()));

  desk.executor.run_for(60s);

  const Statistics sum = desk.registry->statistics();
  BOOST_TEST(sum.started == 4u);
  BOOST_TEST(sum.running == 2u);
  BOOST_TEST(sum.ended_for(EndReason::gone) == 1u);
  BOOST_TEST(sum.ended_for(EndReason::stalled) == 1u);
  BOOST_TEST(sum.failed == 2u);
  BOOST_TEST(sum.sent == sum.acknowledged + sum.gone + sum.failed + sum.timed_out + sum.discarded + sum.in_flight);
  BOOST_TEST(sum.lateness.quantile(1).count() <= 2000);
}

BOOST_AUTO_TEST_CASE(the_sink_hears_a_heartbeats_story_in_order) {
  using enum EventKind;
  Desk desk;
  desk.transport.on(7).acknowledge().then().fail().then().acknowledge().then().gone();
  const auto handle = desk.registry->start(7, Desk::at_once());

  desk.executor.run_for(20s);

  const std::vector<EventKind> expected{started, acknowledged, missed, jeopardy, acknowledged, recovered, ended};
  const auto kinds = desk.log.kinds(7);
  BOOST_TEST((kinds == expected), desk.log.text());
}

BOOST_AUTO_TEST_CASE(gone_has_the_servers_words_and_no_error_of_an_older_beat) {
  Desk desk;
  desk.transport.on(7)
      .fail(std::make_error_code(std::errc::connection_refused), "refused")
      .then()
      .gone("[SSN01] unknown");
  desk.transport.on(8).fail(std::make_error_code(std::errc::connection_refused), "refused").then().gone();
  for (const int key : {7, 8})
    desk.registry->start(key, Desk::at_once()).detach();

  desk.executor.run_for(20s);

  const auto ends = desk.log.of_kind(EventKind::ended);
  BOOST_TEST_REQUIRE(ends.size() == 2u);
  for (const auto& end : ends) {
    BOOST_CHECK(end.reason == EndReason::gone);
    BOOST_CHECK(!end.error);
    BOOST_TEST(end.text == (end.key == 7 ? "[SSN01] unknown" : ""));
  }
  BOOST_TEST(desk.log.of_kind(EventKind::missed).front().text == "refused");
}

BOOST_AUTO_TEST_CASE(without_a_sink_nothing_waits) {
  Desk desk;
  Desk::Registry silent{desk.transport, desk.clock, desk.executor};

  for (int key = 0; key < 10; ++key)
    silent.start(key).stop();

  BOOST_TEST(silent.statistics().events_told == 0u);
  BOOST_TEST(silent.statistics().events_dropped == 0u);
}

BOOST_AUTO_TEST_CASE(clock_and_transport_are_the_registrys_own) {
  Desk desk;
  desk.clock.advance(3s);

  BOOST_CHECK(desk.registry->clock().now() == desk.clock.now());
  desk.registry->transport().on(7).gone();
  const auto handle = desk.registry->start(7, Desk::at_once());
  desk.executor.run_for(0s);
  BOOST_CHECK(handle.ended() == EndReason::gone);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
