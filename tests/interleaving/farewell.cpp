// SPDX-License-Identifier: BSL-1.0
// The end of an engine by itself: its owner and the last one out meet at every point, and exactly the later one
// destroys the policies; whoever waits for quiet is woken. The promise is G6.
#include <chrono>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "explore.hpp"
#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/farewell.hpp>

using namespace heartbeat::interleaving;  // NOLINT
using namespace std::chrono_literals;     // NOLINT

using heartbeat::detail::CallbackFrame;
using heartbeat::detail::Farewell;

BOOST_AUTO_TEST_SUITE(farewell)

// Inside a callback of his own the owner does not wait.
BOOST_AUTO_TEST_CASE(exactly_the_later_one_destroys) {
  explore([](Scheduler& schedule) {
    Farewell farewell;
    int destroyers = 0;

    schedule.together({{"last one out", [&] { destroyers += farewell.last_one_out() ? 1 : 0; }},
                       {"owner", [&] {
                          const CallbackFrame frame{&farewell};
                          destroyers += farewell.owner_lets_go(&farewell) ? 1 : 0;
                        }}});

    if (destroyers != 1) schedule.fail("not exactly one destroys the policies");
  });
}

// What his callbacks refer to may be gone as soon as he goes on.
BOOST_AUTO_TEST_CASE(an_owner_in_somebody_elses_callback_waits) {
  explore([](Scheduler& schedule) {
    Farewell farewell;
    bool is_out = false;

    schedule.together({{"last one out",
                        [&] {
                          is_out = true;
                          if (farewell.last_one_out()) schedule.fail("the owner was waited for");
                        }},
                       {"owner", [&] {
                          const CallbackFrame others{&is_out};
                          if (!farewell.owner_lets_go(&farewell)) schedule.fail("nobody destroys the policies");
                          if (!is_out) schedule.fail("the owner did not wait");
                        }}});
  });
}

// So the bell must not be touched once the owner may go on.
BOOST_AUTO_TEST_CASE(an_owner_who_waited_may_free_it_at_once) {
  explore([](Scheduler& schedule) {
    auto farewell = std::make_unique<Farewell>();

    schedule.together({{"last one out",
                        [&] {
                          if (farewell->last_one_out()) schedule.fail("the owner was waited for");
                        }},
                       {"owner", [&] {
                          if (!farewell->owner_lets_go(farewell.get())) schedule.fail("nobody destroys the policies");
                          farewell.reset();
                        }}});
  });
}

// Woken, and not at the end of the limit, which has passed only when all others rest.
BOOST_AUTO_TEST_CASE(two_who_wait_for_quiet_are_both_woken) {
  explore([](Scheduler& schedule) {
    Farewell farewell;
    int woken = 0;
    const auto wait = [&] { woken += farewell.wait_until_quiet(1s) ? 1 : 0; };

    schedule.together({{"waiter", wait}, {"other", wait}, {"last one out", [&] {
                                                             (void)farewell.last_one_out();
                                                             schedule.rest();
                                                             if (woken != 2) schedule.fail("one sleeps on");
                                                           }}});
  });
}

BOOST_AUTO_TEST_SUITE_END()
