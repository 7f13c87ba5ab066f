// SPDX-License-Identifier: BSL-1.0
// The owner of one key: it leaves its client when it dies, outlives what made it, and knows why its key has ended.
#include <chrono>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client_handle.hpp>

#include "client_desk.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(per_client_handle)

using namespace std::chrono_literals;
using namespace heartbeat;

using Desk = heartbeat::testing::ClientDesk;
using Options = Desk::Options;
using Handle = Desk::Handle;

Options at_once() {
  return Desk::at_once();
}

BOOST_AUTO_TEST_CASE(a_handle_that_dies_leaves_and_one_that_is_detached_does_not) {
  Desk desk;
  {
    Handle kept = desk.sessions->start(101, at_once());
    const Handle dropped = desk.sessions->start(102, at_once());
    kept.detach();
    BOOST_TEST(!kept.owns());
  }

  BOOST_TEST(desk.sessions->contains(101));
  BOOST_TEST(!desk.sessions->contains(102));
  BOOST_TEST(desk.sessions->stop(101));
  BOOST_TEST(!desk.sessions->stop(101));
  BOOST_TEST(desk.sessions->clients() == 0u);
}

BOOST_AUTO_TEST_CASE(an_end_nobody_asked_for_tells_why) {
  Desk desk;
  desk.transport.on(1).fail_for_good(std::make_error_code(std::errc::permission_denied), "bad password");
  const Handle a = desk.sessions->start(101, at_once());
  BOOST_TEST(!a.failure().has_value());

  desk.executor.run_for(1s);

  const auto failure = a.failure();
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->key == 101);
  BOOST_TEST(failure->generation == a.generation());
  BOOST_CHECK(failure->reason == EndReason::failed);
  BOOST_CHECK(failure->error == std::errc::permission_denied);
  BOOST_TEST(failure->text == "bad password");
  BOOST_TEST(desk.log.of_kind(EventKind::ended).front().text == "bad password");
}

BOOST_AUTO_TEST_CASE(a_handle_may_outlive_it) {
  Desk desk;
  Handle a = desk.sessions->start(101, at_once());
  desk.executor.run_for(1s);

  desk.sessions.reset();

  BOOST_CHECK(a.ended() == EndReason::shut_down);
  BOOST_TEST(!a.valid());
  BOOST_TEST(!a.stop());
  BOOST_TEST(a.stop_token().stop_requested());
  BOOST_TEST(desk.log.count(EventKind::ended, 101) == 1u);
}

BOOST_AUTO_TEST_CASE(a_handle_without_a_key_says_no_to_everything) {
  Desk desk;
  Handle empty;
  Handle moved = desk.sessions->start(101, at_once());
  Handle to = std::move(moved);

  for (Handle* handle : {&empty, &moved}) {
    BOOST_TEST(!*handle);
    BOOST_TEST(!handle->stop());
    BOOST_TEST(!handle->request_stop());
    BOOST_TEST(!handle->valid());
    BOOST_TEST(handle->generation() == 0u);
    BOOST_TEST(!handle->ended().has_value());
    BOOST_TEST(!handle->failure().has_value());
    BOOST_TEST(!handle->stop_token().stop_possible());
  }
  to = desk.sessions->start(102, at_once());
  BOOST_TEST(!desk.sessions->contains(101));
  BOOST_TEST(to.key() == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
