// SPDX-License-Identifier: BSL-1.0
// Heartbeats that fail as one: the first failure ends the others, the parent ends all, and who waits learns why.
#include <chrono>
#include <optional>
#include <stop_token>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(group)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::Desk;

BOOST_AUTO_TEST_CASE(an_empty_group_has_nothing_to_wait_for) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};

  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(!group.wait().has_value());
  BOOST_TEST(group.failures().empty());
}

BOOST_AUTO_TEST_CASE(the_first_failure_ends_the_others_as_parent_cancelled) {
  Desk desk;
  desk.transport.on(2).acknowledge().then().fail_for_good({}, "bad password");
  HeartbeatGroup group{*desk.registry};
  for (int key = 1; key <= 3; ++key)
    group.start(key, Desk::at_once());

  const auto failure = group.wait();

  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->key == 2);
  BOOST_CHECK(failure->reason == EndReason::failed);
  BOOST_TEST(failure->text == "bad password");
  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::parent_cancelled) == 2u);
}

BOOST_AUTO_TEST_CASE(a_failure_outside_the_group_leaves_it_alone) {
  Desk desk;
  desk.transport.on(9).gone();
  HeartbeatGroup group{*desk.registry};
  group.start(1, Desk::at_once());
  const auto outsider = desk.registry->start(9, Desk::at_once());

  desk.executor.run_for(20s);

  BOOST_CHECK(outsider.ended() == EndReason::gone);
  BOOST_TEST(group.size() == 1u);
}

BOOST_AUTO_TEST_CASE(after_a_failure_nothing_starts) {
  Desk desk;
  desk.transport.on(1).gone();
  HeartbeatGroup group{*desk.registry};
  group.start(1, Desk::at_once());
  desk.executor.run_for(1s);
  std::error_code error;

  group.start(2, {}, error);

  BOOST_CHECK(error == errc::group_cancelled);
  BOOST_CHECK_THROW(group.start(2), std::system_error);
  BOOST_TEST(!desk.registry->contains(2));
}

BOOST_AUTO_TEST_CASE(options_that_name_another_owner_are_refused) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  std::stop_source parent;
  std::error_code error;
  Desk::Options with_parent;
  with_parent.parent = parent.get_token();

  group.start(1, with_parent, error);
  BOOST_CHECK(error == std::errc::invalid_argument);
  group.start(1, {.if_running = IfRunning::reuse}, error);
  BOOST_CHECK(error == std::errc::invalid_argument);

  BOOST_TEST(group.size() == 0u);
}

BOOST_AUTO_TEST_CASE(refusals_of_the_registry_are_passed_on_and_change_nothing) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  group.start(1);
  std::error_code error;

  group.start(1, {}, error);
  BOOST_CHECK(error == errc::already_running);
  group.start(2, {.interval = 0s}, error);
  BOOST_CHECK(error == errc::interval_not_positive);

  BOOST_TEST(group.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_the_members_and_more_can_be_started) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  group.start(1);
  group.start(2);

  group.stop();

  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(!group.wait().has_value());
  group.start(1);
  BOOST_TEST(desk.registry->contains(1));
}

BOOST_AUTO_TEST_CASE(a_group_that_dies_stops_its_members) {
  Desk desk;
  {
    HeartbeatGroup group{*desk.registry};
    group.start(1);
    group.start(2);
  }

  BOOST_TEST(desk.registry->size() == 0u);
  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::stopped) == 2u);
}

BOOST_AUTO_TEST_CASE(a_member_that_was_stopped_by_key_is_no_failure) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  group.start(1);
  group.start(2);

  desk.registry->stop(1);

  BOOST_TEST(group.size() == 1u);
  BOOST_TEST(group.failures().empty());
}

BOOST_AUTO_TEST_CASE(the_parents_token_ends_all_members) {
  Desk desk;
  std::stop_source parent;
  HeartbeatGroup group{*desk.registry, parent.get_token()};
  group.start(1, Desk::at_once());
  group.start(2, Desk::at_once());

  parent.request_stop();
  desk.executor.run_ready();

  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(!group.wait().has_value());
  BOOST_TEST(desk.registry->statistics().ended_for(EndReason::parent_cancelled) == 2u);
}

BOOST_AUTO_TEST_CASE(a_parent_that_was_cancelled_before_lets_nothing_start) {
  Desk desk;
  std::stop_source parent;
  parent.request_stop();
  HeartbeatGroup group{*desk.registry, parent.get_token()};
  std::error_code error;

  group.start(1, {}, error);

  BOOST_CHECK(error == errc::group_cancelled);
}

BOOST_AUTO_TEST_CASE(failures_come_in_the_order_of_their_ends) {
  Desk desk;
  desk.transport.on(1).gone().after(2s);
  desk.transport.on(2).gone().after(1s);
  HeartbeatGroup group{*desk.registry};
  group.start(1, Desk::at_once());
  group.start(2, Desk::at_once());

  const auto first = group.wait();

  BOOST_REQUIRE(first.has_value());
  BOOST_TEST(first->key == 2);
  BOOST_TEST(group.failures().size() == 1u, "the other one was cancelled before its answer");
}

BOOST_AUTO_TEST_CASE(waiting_inside_a_callback_is_refused) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  std::optional<std::error_code> refused;
  desk.transport.on(1).calling([&] {
    try {
      (void)group.wait();
    } catch (const std::system_error& error) {
      refused = error.code();
    }
  });
  group.start(1, Desk::at_once());

  desk.executor.run_for(0s);

  BOOST_REQUIRE(refused.has_value());
  BOOST_CHECK(*refused == std::errc::resource_deadlock_would_occur);
}

BOOST_AUTO_TEST_CASE(a_group_may_be_stopped_inside_a_callback) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};
  desk.transport.on(1).calling([&] { group.stop(); });
  group.start(1, Desk::at_once());
  group.start(2, Desk::at_once());

  desk.executor.run_for(1s);

  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(desk.registry->size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_long_lived_group_forgets_members_that_were_stopped) {
  Desk desk;
  HeartbeatGroup group{*desk.registry};

  for (int round = 0; round < 1000; ++round) {
    group.start(round);
    desk.registry->stop(round);
    desk.executor.run_ready();
  }

  BOOST_TEST(group.size() == 0u);
  BOOST_TEST(group.failures().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
