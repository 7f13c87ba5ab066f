// SPDX-License-Identifier: BSL-1.0
// G11: cancelling a parent ends all its children with parent_cancelled, also those being started at that moment. When
// the parent's request_stop has returned, no beat of a child is claimed any more; the ends follow (F9).
//
//   parent     ----- request_stop returned
//   expected   beat  |  no beat            ended: parent_cancelled, each child once
// Read next: g03_one_end.cpp.
#include <atomic>
#include <mutex>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

Options child_of(const std::stop_source& parent) {
  Options options = at_once();
  options.parent = parent.get_token();
  return options;
}

// A key whose hash is taken inside `start`, before anything is registered, and calls `hook`.
struct SignallingKey {
  static inline std::function<void()> hook;
  int id = 0;
  friend bool operator==(const SignallingKey&, const SignallingKey&) = default;
};

}  // namespace

template <>
struct std::hash<SignallingKey> {
  std::size_t operator()(const SignallingKey& key) const {
    if (SignallingKey::hook) SignallingKey::hook();
    return std::hash<int>{}(key.id);
  }
};

BOOST_AUTO_TEST_SUITE(g11_parents)

BOOST_AUTO_TEST_CASE(all_children_end) {
  World world{{.seed = 1, .shards = 4}};
  std::stop_source parent;
  std::vector<Handle> children;
  for (int key = 0; key < 500; ++key)
    children.push_back(world.registry->start(key, child_of(parent)));
  const Handle other = world.registry->start(1000, at_once());
  world.executor.run_for(7s);

  parent.request_stop();
  world.executor.run_ready();

  for (const Handle& child : children)
    BOOST_TEST(why(child) == "parent_cancelled");
  BOOST_TEST(why(other) == "running");
  BOOST_TEST(world.registry->statistics().ended_for(EndReason::parent_cancelled) == 500U);
  BOOST_TEST(world.log.count(EventKind::ended) == 500U);
}

BOOST_AUTO_TEST_CASE(no_beat_is_sent_once_the_parents_request_has_returned) {
  World world;
  std::stop_source parent;
  const Handle child = world.registry->start(7, child_of(parent));

  parent.request_stop();  // due, but not sent yet
  world.executor.run_for(1min);

  BOOST_TEST(world.transport.beats().empty());
  BOOST_TEST(why(child) == "parent_cancelled");
}

BOOST_AUTO_TEST_CASE(a_child_of_a_parent_that_was_cancelled_before_never_beats) {
  World world;
  std::stop_source parent;
  parent.request_stop();

  const Handle child = world.registry->start(7, child_of(parent));
  world.executor.run_for(1min);

  BOOST_TEST(world.transport.beats().empty());
  BOOST_TEST(why(child) == "parent_cancelled");
  BOOST_TEST(world.log.count(EventKind::ended, 7) == 1U);
}

BOOST_AUTO_TEST_CASE(a_parent_that_is_cancelled_inside_start_ends_the_child) {
  using Signalling = HeartbeatRegistry<SignallingKey, ScriptedTransport<SignallingKey>, ManualClock, ManualExecutor>;
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<SignallingKey> transport{executor};
  Signalling registry{transport, clock, executor, {}, {.seed = 1}};
  std::stop_source parent;
  Signalling::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
  options.parent = parent.get_token();
  SignallingKey::hook = [&] { parent.request_stop(); };

  const auto child = registry.start(SignallingKey{7}, options);
  SignallingKey::hook = {};
  executor.run_for(1min);

  BOOST_TEST(why(child) == "parent_cancelled");
  BOOST_TEST(transport.beats().empty());
}

BOOST_AUTO_TEST_CASE(a_beat_in_flight_of_a_child_is_asked_to_stop) {
  World world;
  world.transport.watch_cancellation();
  world.transport.on(7).held();
  std::stop_source parent;
  Options options = child_of(parent);
  options.when_ended = OnEnd::leave;
  const Handle child = world.registry->start(7, options);
  const std::stop_token token = child.stop_token();
  world.executor.run_for(1s);

  parent.request_stop();
  world.executor.run_ready();

  BOOST_TEST(world.transport.beats_of(7).front().cancelled);
  BOOST_TEST(token.stop_requested());
}

BOOST_AUTO_TEST_CASE(a_parent_may_be_cancelled_inside_a_childs_callbacks) {
  World world;
  std::stop_source parent;
  world.transport.on(1).calling([&] { parent.request_stop(); }).acknowledge();
  std::vector<Handle> children;
  for (int key = 1; key <= 3; ++key)
    children.push_back(world.registry->start(key, child_of(parent)));

  world.executor.run_for(1min);

  for (const Handle& child : children)
    BOOST_TEST(why(child) == "parent_cancelled");
  BOOST_TEST(world.transport.beats_of(1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_parent_that_is_cancelled_after_the_registry_has_died_finds_nobody) {
  std::stop_source parent;
  std::optional<Handle> child;
  {
    World world;
    child = world.registry->start(7, child_of(parent));
  }
  parent.request_stop();

  BOOST_TEST(why(*child) == "shut_down");
}

// --- groups

BOOST_AUTO_TEST_CASE(a_groups_parent_ends_its_heartbeats_and_the_group_takes_no_more) {
  World world;
  std::stop_source parent;
  HeartbeatGroup group{*world.registry, parent.get_token()};
  for (int key = 1; key <= 3; ++key)
    group.start(key, at_once());
  world.executor.run_for(1s);

  parent.request_stop();
  std::error_code error;
  group.start(4, at_once(), error);

  BOOST_TEST(error == make_error_code(errc::group_cancelled));
  BOOST_TEST(!group.wait().has_value());  // none failed
  BOOST_TEST(group.size() == 0U);
  for (const auto& event : world.log.of_kind(EventKind::ended)) {
    BOOST_TEST(event.reason == EndReason::parent_cancelled);
  }
}

BOOST_AUTO_TEST_CASE(the_first_failure_of_a_group_cancels_the_others) {
  World world;
  HeartbeatGroup group{*world.registry};
  for (int key = 1; key <= 5; ++key)
    group.start(key, at_once());
  world.executor.run_for(3s);
  world.transport.on(3).fail_for_good(std::make_error_code(std::errc::permission_denied), "no");

  const auto failure = group.wait();

  BOOST_TEST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->key == 3);
  BOOST_TEST(failure->reason == EndReason::failed);
  BOOST_TEST((failure->error == std::errc::permission_denied));
  BOOST_TEST(failure->text == "no");
  BOOST_TEST(world.registry->statistics().ended_for(EndReason::parent_cancelled) == 4U);
}

BOOST_AUTO_TEST_CASE(failures_of_a_group_come_in_the_order_of_their_ends) {
  World world{{.seed = 1, .shards = 4}};
  HeartbeatGroup group{*world.registry};
  for (int key = 1; key <= 8; ++key)
    group.start(key, at_once());
  for (int key = 1; key <= 8; ++key)
    world.transport.on(key).gone().after(std::chrono::seconds{9 - key});

  const auto first = group.wait();

  BOOST_TEST(first->key == 8);
  BOOST_TEST(group.failures().size() == 1U);  // the others were cancelled before they could fail
}

BOOST_AUTO_TEST_CASE(a_stopped_member_is_no_failure) {
  World world;
  HeartbeatGroup group{*world.registry};
  group.start(1, at_once());
  group.start(2, at_once());
  world.executor.run_for(1s);

  world.registry->stop(1);
  world.executor.run_for(20s);

  BOOST_TEST(group.size() == 1U);
  BOOST_TEST(group.failures().empty());
  group.stop();
  BOOST_TEST(!group.wait().has_value());
}

// --- real threads

BOOST_AUTO_TEST_CASE(children_started_while_the_parent_is_cancelled_all_end) {
  for (int round = 0; round < 60; ++round) {
    EventLog<int> log;
    ThreadRegistry registry{answering(acknowledge), log, {.shards = 2}};
    std::stop_source parent;
    auto options = one_beat<ThreadRegistry>();
    options.parent = parent.get_token();
    std::vector<ThreadRegistry::Handle> children;
    Door some_started;
    {
      std::jthread starter{[&] {
        for (int key = 0; key < 60; ++key) {
          children.push_back(registry.start(key, options));
          if (key == round % 30) some_started.open();
        }
      }};
      some_started.wait();
      parent.request_stop();
    }

    BOOST_TEST_REQUIRE(log.wait_for(EventKind::ended, 60));
    for (const auto& child : children)
      BOOST_TEST(why(child) == "parent_cancelled");
  }
}

// The children deregister from their parent on one thread while another one runs the parent's callback. (F9)
BOOST_AUTO_TEST_CASE(children_may_be_stopped_while_the_parent_is_cancelled) {
  for (int round = 0; round < 60; ++round) {
    EventLog<int> log;
    ThreadRegistry registry{answering(acknowledge), log, {.shards = 2}};
    std::stop_source parent;
    auto options = one_beat<ThreadRegistry>();
    options.parent = parent.get_token();
    std::vector<ThreadRegistry::Handle> children;
    for (int key = 0; key < 40; ++key)
      children.push_back(registry.start(key, options));
    Meeting meeting;
    {
      std::jthread canceller{[&] {
        meeting.wait();
        parent.request_stop();
      }};
      meeting.wait();
      children.clear();
    }

    BOOST_TEST_REQUIRE(log.wait_for(EventKind::ended, 40));
    const Statistics books = registry.statistics();
    BOOST_TEST(books.ended_for(EndReason::stopped) + books.ended_for(EndReason::parent_cancelled) == 40U);
    BOOST_TEST(log.count(EventKind::ended) == 40U);
  }
}

BOOST_AUTO_TEST_CASE(a_group_may_fail_be_stopped_and_be_cancelled_at_once) {
  for (int round = 0; round < 60; ++round) {
    ThreadRegistry registry{answering([](const int& key, const BeatContext&, BeatCompletion completion) {
      completion(key % 5 == 0 ? BeatResult::gone() : BeatResult::acknowledged());
    })};
    std::stop_source parent;
    HeartbeatGroup group{registry, parent.get_token()};
    Meeting meeting;
    {
      std::jthread canceller{[&] {
        meeting.wait();
        parent.request_stop();
      }};
      meeting.wait();
      for (int key = 0; key < 20; ++key) {
        std::error_code error;
        group.start(key, one_beat<ThreadRegistry>(), error);
      }
      if (round % 2 == 0) group.stop();
    }
    const auto failure = group.wait();

    BOOST_TEST(group.size() == 0U);
    if (failure) BOOST_TEST(failure->key % 5 == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
