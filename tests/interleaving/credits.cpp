// SPDX-License-Identifier: BSL-1.0
// Who waits for a credit, by itself: shards say that they wait while others look for one, and none is passed over. The
// promise is G10.
#include <cstddef>

#include <boost/test/unit_test.hpp>

#include "explore.hpp"
#include "scheduled_threading.hpp"

// The threading is chosen; what follows uses it.
#include <heartbeat/detail/sending/credits.hpp>

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::detail::Credits;
using heartbeat::detail::WaitingShards;

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
BOOST_AUTO_TEST_CASE(a_credit_that_is_given_back_is_seen_or_its_taker_is_found) {
  explore([](Scheduler& schedule) {
    Credits all{1};
    (void)all.take(1);
    bool is_taken = false;
    bool is_found = false;

    schedule.together({{"taker",
                        [&] {
                          is_taken = all.take(1) == 1;
                          if (is_taken) return;
                          all.waiting.add(7);
                          is_taken = all.take(1) == 1;
                        }},
                       {"giver", [&] {
                          all.give(1, 0);
                          is_found = all.waiting.next() == 7;
                        }}});

    if (!is_taken && !is_found) schedule.fail("the credit lies there, and nobody is woken");
  });
}

BOOST_AUTO_TEST_SUITE_END()
