// SPDX-License-Identifier: BSL-1.0
// Many keys, one heartbeat per client: keys join and leave, an answer speaks for all that had joined before the beat,
// and the client's end is the end of all its keys.
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client.hpp>

#include "client_desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(per_client)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ClientOf;
using heartbeat::testing::ManualClock;

using Desk = heartbeat::testing::ClientDesk;
using Sessions = Desk::Sessions;
using Options = Desk::Options;
using Handle = Desk::Handle;

Options at_once() {
  return Desk::at_once();
}

template <class H>
std::chrono::nanoseconds valid_until(const H& handle) {
  return handle.valid_until().time_since_epoch();
}

std::error_code refused(Desk& desk, int key, Options options) {
  std::error_code error;
  const Handle handle = desk.sessions->start(key, std::move(options), error);
  BOOST_TEST(!handle);
  return error;
}

// --- one beat for all

BOOST_AUTO_TEST_CASE(however_many_keys_a_client_has_it_beats_once_an_interval) {
  Desk desk;
  std::vector<Handle> keys;
  for (int key = 100; key < 400; ++key)
    keys.push_back(desk.sessions->start(key, at_once()));

  desk.executor.run_for(14s);

  BOOST_TEST(desk.transport.beats().size() == 9u);  // three clients, three times
  BOOST_TEST(desk.transport.beats_of(2).size() == 3u);
  BOOST_TEST(desk.sessions->size() == 300u);
  BOOST_TEST(desk.sessions->clients() == 3u);
  BOOST_TEST(desk.sessions->statistics().sent == 9u);
}

BOOST_AUTO_TEST_CASE(one_acknowledgement_makes_all_keys_valid) {
  Desk desk;
  const Handle a = desk.sessions->start(101, at_once());
  const Handle b = desk.sessions->start(102, at_once());
  BOOST_TEST(!a.valid());

  desk.executor.run_for(6s);

  BOOST_TEST(a.valid());
  BOOST_TEST((valid_until(a) == 34s));
  BOOST_TEST((valid_until(b) == 34s));
}

BOOST_AUTO_TEST_CASE(each_key_is_told_what_happens_to_its_client) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).fail(std::make_error_code(std::errc::io_error), "link cut");
  const Handle a = desk.sessions->start(101, at_once());
  const Handle b = desk.sessions->start(102, at_once());
  const Handle elsewhere = desk.sessions->start(201, at_once());

  desk.executor.run_for(9s);

  const std::vector<EventKind> expected{EventKind::started,  EventKind::acknowledged, EventKind::missed,
                                        EventKind::jeopardy, EventKind::acknowledged, EventKind::recovered};
  for (const int key : {101, 102}) {
    BOOST_TEST((desk.log.kinds(key) == expected), desk.log.text());
    BOOST_TEST(desk.log.of(key)[3].text == "link cut");
    BOOST_TEST(desk.log.of(key)[3].failures == 1u);
  }
  BOOST_TEST(
      (desk.log.kinds(201) == std::vector{EventKind::started, EventKind::acknowledged, EventKind::acknowledged}));
}

// --- joining

BOOST_AUTO_TEST_CASE(a_beat_that_was_sent_before_a_key_joined_does_not_speak_for_it) {
  Desk desk;
  desk.transport.on(1).acknowledge().after(2s);
  const Handle first = desk.sessions->start(101, at_once());
  desk.executor.run_for(1s);  // the first beat is in flight
  const Handle late = desk.sessions->start(102, at_once());

  desk.executor.run_for(2s);
  BOOST_TEST(first.valid());
  BOOST_TEST(!late.valid());
  BOOST_TEST((late.valid_until() == ManualClock::time_point::min()));
  BOOST_TEST(desk.log.count(EventKind::acknowledged, 102) == 0u);

  desk.executor.run_for(3s);  // the beat of 5 s
  BOOST_TEST(late.valid());
  BOOST_TEST((valid_until(late) == 34s));
  BOOST_TEST(desk.log.count(EventKind::acknowledged, 102) == 1u);
}

BOOST_AUTO_TEST_CASE(a_key_that_never_heard_of_trouble_hears_of_no_recovery) {
  Desk desk;
  desk.transport.on(1).acknowledge().then().fail();
  const Handle first = desk.sessions->start(101, at_once());
  desk.executor.run_for(5s);
  BOOST_TEST(desk.log.count(EventKind::jeopardy, 101) == 1u);
  const Handle late = desk.sessions->start(102, at_once());

  desk.executor.run_for(3s);  // tried again

  BOOST_TEST(desk.log.count(EventKind::recovered, 101) == 1u);
  BOOST_TEST((desk.log.kinds(102) == std::vector{EventKind::started, EventKind::acknowledged}), desk.log.text());
}

BOOST_AUTO_TEST_CASE(a_key_that_joins_a_valid_client_waits_for_the_next_beat) {
  Desk desk;
  const Handle first = desk.sessions->start(101, at_once());
  desk.executor.run_for(1s);

  const Handle late = desk.sessions->start(102, at_once());

  BOOST_TEST(first.valid());
  BOOST_TEST(!late.valid());
  desk.executor.run_for(5s);
  BOOST_TEST(late.valid());
  BOOST_TEST(desk.transport.beats().size() == 2u);  // it cost no beat
}

BOOST_AUTO_TEST_CASE(a_key_is_valid_at_once_if_the_caller_knows_when_it_was_granted) {
  Desk desk;
  const Handle first = desk.sessions->start(101, at_once());
  desk.executor.run_for(6s);
  Options granted = at_once();
  granted.granted_at = desk.clock.now() - 4s;

  const Handle late = desk.sessions->start(102, granted);

  BOOST_TEST(late.valid());
  BOOST_TEST((valid_until(late) == 31s));  // 2 s + 30 s - 1 s
}

BOOST_AUTO_TEST_CASE(a_grant_is_not_relied_on_for_longer_than_the_client) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).fail().always();
  const Handle first = desk.sessions->start(101, at_once());
  desk.executor.run_for(20s);
  Options granted = at_once();
  granted.granted_at = desk.clock.now();

  const Handle late = desk.sessions->start(102, granted);

  BOOST_TEST((valid_until(late) == 29s));
  desk.executor.run_for(10s);
  BOOST_CHECK(late.ended() == EndReason::stalled);
}

BOOST_AUTO_TEST_CASE(the_first_keys_grant_is_its_clients) {
  Desk desk;
  Options granted;
  granted.granted_at = desk.clock.now();
  const Handle first = desk.sessions->start(101, granted);

  const Handle second = desk.sessions->start(102);

  BOOST_TEST(first.valid());
  BOOST_TEST((valid_until(first) == 29s));
  BOOST_TEST(!second.valid());
}

// --- leaving

BOOST_AUTO_TEST_CASE(the_last_key_to_leave_stops_the_client) {
  Desk desk;
  Handle a = desk.sessions->start(101, at_once());
  Handle b = desk.sessions->start(102, at_once());
  desk.executor.run_for(6s);

  BOOST_TEST(a.stop());
  BOOST_TEST(!a.stop());
  BOOST_TEST(desk.sessions->clients() == 1u);
  BOOST_TEST(!a.valid());
  BOOST_TEST(b.valid());
  BOOST_TEST(b.stop());
  BOOST_TEST(desk.sessions->clients() == 0u);

  desk.executor.run_for(1h);
  BOOST_TEST(desk.transport.beats().size() == 2u);
  BOOST_TEST(desk.transport.closes_of(1).size() == 1u);
  BOOST_CHECK(desk.told_end_of(101) == EndReason::stopped);
  BOOST_CHECK(desk.told_end_of(102) == EndReason::stopped);
}

BOOST_AUTO_TEST_CASE(a_stop_by_generation_leaves_the_next_one_alone) {
  Desk desk;
  Handle old = desk.sessions->start(101, at_once());
  const auto old_generation = old.generation();
  old.stop();
  const Handle next = desk.sessions->start(101, at_once());

  BOOST_TEST(!desk.sessions->stop(101, old_generation));
  BOOST_TEST(!old.stop());
  BOOST_TEST(desk.sessions->contains(101));
  BOOST_TEST(desk.sessions->stop(101, next.generation()));
}

BOOST_AUTO_TEST_CASE(a_client_that_is_started_again_waits_for_its_close_and_an_old_answer_is_ignored) {
  Desk desk;
  desk.transport.on(1).held();
  desk.transport.on_close(1).acknowledge().after(2s);
  Handle old = desk.sessions->start(101, at_once());
  desk.executor.run_ready();
  old.stop();
  desk.executor.run_for(5s);  // the old client's beat has timed out, and its close is on its way

  const Handle next = desk.sessions->start(101, at_once());
  desk.executor.run_for(1s);
  desk.transport.answer(1, BeatResult::gone());  // the old client's
  desk.executor.run_for(1h);

  BOOST_TEST(!next.ended().has_value());
  BOOST_TEST(next.valid());
  BOOST_TEST((desk.transport.beats_of(1)[1].at.time_since_epoch() == 7s));
}

// The grant may be what the old close hits: until a beat is acknowledged there is nothing to rely on (F15).
BOOST_AUTO_TEST_CASE(a_key_of_a_client_whose_old_close_is_on_its_way_is_not_valid_by_its_grant) {
  Desk desk;
  desk.transport.on_close(1).held();
  desk.sessions->start(101, at_once()).stop();
  desk.executor.run_ready();
  Options options = at_once();
  options.granted_at = desk.clock.now();

  const Handle next = desk.sessions->start(101, options);
  desk.executor.run_for(1s);

  BOOST_TEST(!next.valid());
  BOOST_TEST(desk.transport.beats_of(1).empty());
  desk.transport.answer_close(1);
  desk.executor.run_for(1s);
  BOOST_TEST(next.valid());
}

BOOST_AUTO_TEST_CASE(a_client_is_held_until_no_old_close_is_on_its_way) {
  Desk desk;
  desk.transport.on_close(1).held();
  desk.transport.on_close(1).acknowledge().after(1s);
  desk.sessions->start(101, at_once()).stop();
  desk.executor.run_ready();
  desk.sessions->start(101, at_once()).stop();  // was held, and asks for a close all the same
  desk.executor.run_ready();
  BOOST_TEST_REQUIRE(desk.transport.closes_of(1).size() == 2u);

  const Handle next = desk.sessions->start(101, at_once());
  desk.executor.run_for(2s);  // the second close is answered
  BOOST_TEST(desk.transport.beats_of(1).empty());

  desk.transport.answer_close(1);
  desk.executor.run_for(1s);
  BOOST_TEST(next.valid());
}

// A close that is never answered costs the next client no beat: it begins when the close has timed out, and its
// patience counts from then (F15).
BOOST_AUTO_TEST_CASE(a_client_behind_a_close_as_long_as_its_ttl_keeps_all_its_beats) {
  Desk desk;
  desk.transport.on_close(1).never();
  Options options = at_once();
  options.beat_timeout = options.ttl;
  desk.sessions->start(101, options).stop();
  desk.executor.run_ready();

  const Handle next = desk.sessions->start(101, options);
  desk.executor.run_for(options.ttl);
  BOOST_TEST(!next.ended().has_value());
  desk.executor.run_for(1s);

  BOOST_TEST(next.valid());
}

// --- ends

BOOST_AUTO_TEST_CASE(a_client_that_is_gone_takes_all_its_keys_along_each_told_once) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).gone();
  std::vector<Handle> keys;
  for (int key = 100; key < 200; ++key)
    keys.push_back(desk.sessions->start(key, at_once()));
  const Handle elsewhere = desk.sessions->start(201, at_once());
  int fired = 0;
  const std::stop_callback note{keys[7].stop_token(), [&] { ++fired; }};

  desk.executor.run_for(6s);

  for (const Handle& key : keys) {
    BOOST_CHECK(key.ended() == EndReason::gone);
    BOOST_TEST(!key.valid());
    BOOST_TEST(desk.log.count(EventKind::ended, key.key()) == 1u);
    BOOST_CHECK(desk.told_end_of(key.key()) == EndReason::gone);
  }
  BOOST_TEST(fired == 1);
  BOOST_TEST(desk.sessions->size() == 1u);
  BOOST_TEST(!elsewhere.ended().has_value());
  BOOST_TEST(desk.sessions->statistics().ended_for(EndReason::gone) == 100u);
}

BOOST_AUTO_TEST_CASE(a_client_that_stalls_takes_its_keys_along_when_its_validity_ends) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).never().always();
  const Handle a = desk.sessions->start(101, at_once());

  desk.executor.run_for(29s - 1ms);
  BOOST_TEST(a.valid());
  desk.executor.run_for(2ms);

  BOOST_TEST(!a.valid());
  BOOST_CHECK(a.ended() == EndReason::stalled);
}

BOOST_AUTO_TEST_CASE(a_parent_ends_its_own_key_alone) {
  Desk desk;
  std::stop_source parent;
  Options with_parent = at_once();
  with_parent.parent = parent.get_token();
  const Handle child = desk.sessions->start(101, with_parent);
  const Handle other = desk.sessions->start(102, at_once());
  desk.executor.run_for(1s);

  parent.request_stop();
  desk.executor.run_for(10s);

  BOOST_CHECK(child.ended() == EndReason::parent_cancelled);
  BOOST_TEST(other.valid());
  BOOST_TEST(desk.sessions->clients() == 1u);
}

BOOST_AUTO_TEST_CASE(a_parent_that_was_cancelled_before_ends_the_key_and_stops_its_client) {
  Desk desk;
  std::stop_source parent;
  parent.request_stop();
  Options with_parent = at_once();
  with_parent.parent = parent.get_token();

  const Handle child = desk.sessions->start(101, with_parent);
  desk.executor.run_for(1h);

  BOOST_CHECK(child.ended() == EndReason::parent_cancelled);
  BOOST_TEST(desk.sessions->clients() == 0u);
  BOOST_TEST(desk.log.count(EventKind::ended, 101) == 1u);
}

BOOST_AUTO_TEST_CASE(shutdown_ends_all_and_takes_no_more) {
  Desk desk;
  const Handle a = desk.sessions->start(101, at_once());
  const Handle b = desk.sessions->start(201, at_once());
  desk.executor.run_for(1s);

  BOOST_TEST(desk.sessions->shutdown(10s));

  BOOST_CHECK(a.ended() == EndReason::shut_down);
  BOOST_CHECK(b.ended() == EndReason::shut_down);
  BOOST_CHECK(desk.told_end_of(101) == EndReason::shut_down);
  BOOST_TEST(desk.log.count(EventKind::ended) == 2u);
  BOOST_TEST(desk.transport.closes().size() == 2u);
  BOOST_CHECK(refused(desk, 301, {}) == errc::shut_down);
}

// --- calling back

struct Restarting {
  Desk desk{};
  std::vector<Handle> again;
  std::optional<Sessions> sessions;

  Restarting() {
    desk.sessions.reset();
    sessions.emplace(desk.transport, ClientOf{}, desk.clock, desk.executor, [this](const Sessions::EventType& event) {
      desk.log(event);
      if (event.kind == EventKind::ended && event.reason == EndReason::gone) {
        again.push_back(sessions->start(event.key, at_once()));
      }
    });
  }
};

BOOST_AUTO_TEST_CASE(a_key_can_be_started_again_inside_its_own_end) {
  Restarting world;
  world.desk.transport.on(1).gone();
  const Handle a = world.sessions->start(101, at_once());
  const Handle b = world.sessions->start(102, at_once());

  world.desk.executor.run_for(6s);

  BOOST_REQUIRE(world.again.size() == 2u);
  for (const Handle& next : world.again) {
    BOOST_TEST(next.valid());
    BOOST_TEST(next.generation() != a.generation());
  }
  BOOST_CHECK(a.ended() == EndReason::gone);
  BOOST_TEST(world.sessions->clients() == 1u);
  BOOST_TEST(world.desk.log.count(EventKind::ended) == 2u);
}

BOOST_AUTO_TEST_CASE(a_stop_callback_may_stop_the_others_and_start_new_ones) {
  Desk desk;
  Handle a = desk.sessions->start(101, at_once());
  Handle b = desk.sessions->start(102, at_once());
  Handle next;
  const std::stop_callback chain{a.stop_token(), [&] {
                                   b.stop();
                                   next = desk.sessions->start(103, at_once());
                                 }};

  BOOST_TEST(a.stop());
  desk.executor.run_for(6s);

  BOOST_CHECK(b.ended() == EndReason::stopped);
  BOOST_TEST(next.valid());
  BOOST_TEST(desk.sessions->size() == 1u);
  BOOST_TEST(desk.sessions->clients() == 1u);
}

BOOST_AUTO_TEST_CASE(the_sink_may_destroy_it) {
  Desk desk;
  desk.sessions.reset();
  std::optional<Sessions> sessions;
  int ends = 0;
  sessions.emplace(desk.transport, ClientOf{}, desk.clock, desk.executor, [&](const Sessions::EventType& event) {
    if (event.kind == EventKind::ended) ++ends;
    if (event.kind == EventKind::acknowledged) sessions.reset();
  });
  const Handle a = sessions->start(101, at_once());
  const Handle b = sessions->start(201, at_once());

  desk.executor.run_for(1s);

  BOOST_TEST(!sessions.has_value());
  BOOST_TEST(ends == 2);
  BOOST_CHECK(a.ended() == EndReason::shut_down);
}

// --- refusals

BOOST_AUTO_TEST_CASE(a_key_must_be_content_with_its_clients_heartbeat) {
  Desk desk;
  const Handle first = desk.sessions->start(101, at_once());

  BOOST_CHECK(refused(desk, 102, {.interval = 4s, .ttl = 30s}) == errc::interval_below_client);
  BOOST_CHECK(refused(desk, 102, {.interval = 5s, .ttl = 20s}) == errc::validity_below_client);
  BOOST_CHECK(refused(desk, 102, {.interval = 5s, .ttl = 30s, .safety_margin = 2s}) == errc::validity_below_client);
  BOOST_CHECK(make_error_code(errc::interval_below_client) == condition::bad_options);
  BOOST_CHECK_THROW(static_cast<void>(desk.sessions->start(102, {.interval = 4s, .ttl = 30s})), std::system_error);
  BOOST_TEST(desk.sessions->size() == 1u);
  const Handle patient = desk.sessions->start(102, {.interval = 10s, .ttl = 60s});
  BOOST_TEST(desk.sessions->size() == 2u);
  const Handle elsewhere = desk.sessions->start(202, {.interval = 4s, .ttl = 30s});
  BOOST_TEST(desk.sessions->clients() == 2u);
}

BOOST_AUTO_TEST_CASE(what_no_client_could_do_is_refused_and_nothing_is_started) {
  Desk desk;
  Options gated = at_once();
  gated.progress_within = 10s;
  Options early = at_once();
  early.granted_at = desk.clock.now() + 1s;

  BOOST_CHECK(refused(desk, 101, gated) == std::errc::invalid_argument);
  BOOST_CHECK(refused(desk, 101, early) == errc::granted_in_the_future);
  BOOST_CHECK(refused(desk, 101, {.interval = 0s}) == errc::interval_not_positive);

  BOOST_TEST(desk.sessions->clients() == 0u);
  desk.executor.run_for(1h);
  BOOST_TEST(desk.transport.beats().empty());
}

BOOST_AUTO_TEST_CASE(a_running_key_is_refused_reused_or_replaced) {
  Desk desk;
  const Handle first = desk.sessions->start(101, at_once());
  Options reuse = at_once();
  reuse.if_running = IfRunning::reuse;
  Options replace = at_once();
  replace.if_running = IfRunning::replace;

  BOOST_CHECK(refused(desk, 101, at_once()) == errc::already_running);
  {
    const Handle same = desk.sessions->start(101, reuse);
    BOOST_TEST(same.generation() == first.generation());
    BOOST_TEST(!same.owns());
  }
  BOOST_TEST(desk.sessions->contains(101));
  desk.executor.run_for(1s);
  const Handle next = desk.sessions->start(101, replace);

  BOOST_CHECK(first.ended() == EndReason::stopped);
  BOOST_TEST(desk.sessions->size() == 1u);
  desk.executor.run_for(5s);
  BOOST_TEST(next.valid());
  BOOST_TEST(desk.transport.beats().size() == 2u);  // the client beat on
}

BOOST_AUTO_TEST_CASE(ends_that_nobody_hears_keep_new_keys_out_and_leave_no_client_behind) {
  Desk desk{{.event_capacity = 2, .seed = 1, .shards = 1}};
  for (int key = 101; key <= 102; ++key)
    desk.sessions->start(key, at_once()).stop();

  BOOST_CHECK(refused(desk, 201, at_once()) == errc::event_backlog);
  BOOST_TEST(desk.sessions->clients() == 0u);

  desk.executor.run_ready();
  const Handle again = desk.sessions->start(201, at_once());
  BOOST_TEST(desk.sessions->size() == 1u);
}

// --- looking

BOOST_AUTO_TEST_CASE(a_snapshot_shows_each_key_with_its_clients_state) {
  Desk desk;
  desk.transport.on(1).acknowledge();
  desk.transport.on(1).fail();
  const Handle a = desk.sessions->start(101, at_once());
  const Handle b = desk.sessions->start(102, at_once());
  desk.executor.run_for(5s);

  std::set<int> seen;
  for (const Sessions::Status& status : desk.sessions->snapshot()) {
    seen.insert(status.key);
    BOOST_CHECK(status.state == HeartbeatState::waiting);
    BOOST_TEST(status.is_in_jeopardy);
    BOOST_TEST(status.failures == 1u);
    BOOST_REQUIRE(status.valid_until.has_value());
    BOOST_TEST((status.valid_until->time_since_epoch() == 29s));
  }
  BOOST_TEST((seen == std::set{101, 102}));
  BOOST_TEST((desk.sessions->status(101)->generation == a.generation()));
  BOOST_TEST(!desk.sessions->status(999).has_value());
}

BOOST_AUTO_TEST_CASE(a_limit_that_makes_a_client_wait_is_told_to_its_keys_by_name) {
  Desk desk{{.max_sends_per_second = 1, .seed = 1, .shards = 1}};
  std::vector<Desk::Handle> handles;
  for (int key = 0; key < 600; key += 100)
    handles.push_back(desk.sessions->start(key, Desk::at_once()));

  desk.executor.run_for(3s);

  const auto told = desk.log.of_kind(EventKind::overloaded);
  BOOST_REQUIRE(!told.empty());
  BOOST_CHECK(told.front().error == errc::send_rate_reached);
  BOOST_TEST(told.front().text.find("max_sends_per_second") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
