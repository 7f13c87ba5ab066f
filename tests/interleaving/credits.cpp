// SPDX-License-Identifier: BSL-1.0
// Who waits for a credit, by itself: shards say that they wait while others look for one, and none is passed over. The
// promise is G10.
#include <cstddef>

#include <boost/test/unit_test.hpp>

#include "explore.hpp"
#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/detail/sending/credits.hpp>
#include <heartbeat/detail/sending/departures.hpp>

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::detail::Departures;
using heartbeat::detail::Limits;
using heartbeat::detail::Returned;
using heartbeat::detail::WaitingShards;
using heartbeat::detail::WheelChunkPool;
using heartbeat::detail::WheelHook;

namespace {

// A shard at place 7 with one that is ready.
struct Ready {
  Ready(std::size_t calls, bool is_again) : limits{calls} {
    chunks.reserve(1);
    (void)departures.file(hook, 100, is_again);
  }

  void leave() {
    Returned returned;
    Departures::Round round = departures.begin(1);
    has_left = departures.choose(round, 0, returned).hook != nullptr;
    if (has_left) Departures::sent(round);
    departures.end(round, 0, returned);
  }

  Limits limits;
  WheelChunkPool chunks;
  WheelHook hook;
  Departures departures{chunks, 0, limits, 7};
  bool has_left = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(credits)

// The one that both find first is one's; the other goes on looking.
BOOST_AUTO_TEST_CASE(two_who_look_at_once_find_one_each) {
  explore([](Scheduler& schedule) {
    WaitingShards waiting;
    waiting.add(70);
    waiting.add(75);
    std::size_t one = WaitingShards::nobody;
    std::size_t other = WaitingShards::nobody;

    schedule.together({{"one", [&] { one = waiting.next(); }}, {"other", [&] { other = waiting.next(); }}});

    if (one + other != 70 + 75) schedule.fail("a shard that waits was passed over, or found twice");
  });
}

// Whoever waits asks once more after he has said so; whoever gives looks for one who waits afterwards.
BOOST_AUTO_TEST_CASE(a_credit_that_is_given_back_is_seen_or_whoever_waits_for_it_is_found) {
  explore([](Scheduler& schedule) {
    Ready ready{1, false};
    (void)ready.limits.credits.take(1);
    bool is_found = false;

    schedule.together({{"shard", [&] { ready.leave(); }}, {"giver", [&] {
                                                             ready.limits.credits.give(1, 0);
                                                             is_found = ready.limits.credits.waiting.next() == 7;
                                                           }}});

    if (!ready.has_left && !is_found) schedule.fail("the credit lies there, and nobody is woken");
  });
}

BOOST_AUTO_TEST_CASE(a_permission_that_is_given_back_is_seen_or_whoever_waits_for_it_is_found) {
  explore([](Scheduler& schedule) {
    Ready ready{2, true};
    (void)ready.limits.credits.take_again();
    bool is_found = false;

    schedule.together({{"shard", [&] { ready.leave(); }}, {"giver", [&] {
                                                             ready.limits.credits.give(0, 1);
                                                             is_found = ready.limits.credits.waiting_again.next() == 7;
                                                           }}});

    if (!ready.has_left && !is_found) schedule.fail("the permission lies there, and nobody is woken");
  });
}

BOOST_AUTO_TEST_SUITE_END()
