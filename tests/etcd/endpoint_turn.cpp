// SPDX-License-Identifier: BSL-1.0
// Whose turn it is, and when all are left alone.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd/endpoint_turn.hpp>

BOOST_AUTO_TEST_SUITE(endpoint_turn)

namespace {

using namespace std::chrono_literals;
using heartbeat::BootClock;
using heartbeat::etcd::detail::EndpointTurn;

constexpr BootClock::time_point now{1h};

}  // namespace

BOOST_AUTO_TEST_CASE(the_end_of_a_stream_makes_it_the_next_ones_turn) {
  EndpointTurn turn{2};
  BOOST_TEST(turn.current() == 0U);
  BOOST_TEST(turn.may_open(now));

  turn.on_ended(true, now);
  BOOST_TEST(turn.current() == 1U);
  BOOST_TEST(turn.may_open(now));
  turn.on_given_up();

  BOOST_TEST(turn.current() == 0U);
  BOOST_TEST(turn.may_open(now));
}

BOOST_AUTO_TEST_CASE(all_are_left_alone_once_each_has_ended_a_stream_in_vain) {
  EndpointTurn turn{2};

  turn.on_ended(false, now);
  BOOST_TEST(turn.may_open(now));
  turn.on_ended(false, now);

  BOOST_TEST(!turn.may_open(now));
  BOOST_TEST(!turn.may_open(now + EndpointTurn::pause - 1ns));
  BOOST_TEST(turn.may_open(now + EndpointTurn::pause));
}

BOOST_AUTO_TEST_CASE(an_answer_counts_the_vain_ones_anew) {
  EndpointTurn turn{2};

  turn.on_ended(false, now);
  turn.on_ended(true, now);
  turn.on_ended(false, now);

  BOOST_TEST(turn.may_open(now));
}

BOOST_AUTO_TEST_SUITE_END()
