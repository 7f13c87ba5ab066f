// SPDX-License-Identifier: BSL-1.0
// What a transport is told about a beat: the time it has, and a token made only for those who ask.
#include <chrono>
#include <stop_token>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_context.hpp>

#include "recording_receiver.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(beat_context)

using namespace std::chrono_literals;
using heartbeat::BeatContext;
using heartbeat::detail::RecordingReceiver;

BOOST_AUTO_TEST_CASE(a_context_made_by_hand_says_what_it_was_given) {
  std::stop_source source;
  const BeatContext context{250ms, source.get_token()};

  source.request_stop();

  BOOST_TEST(context.timeout().count() == 250'000'000);
  BOOST_TEST(context.stop_token().stop_requested());
}

BOOST_AUTO_TEST_CASE(a_context_without_a_token_never_asks_to_stop) {
  const BeatContext context{1s};

  BOOST_TEST(!context.stop_token().stop_possible());
}

BOOST_AUTO_TEST_CASE(the_engines_context_fetches_the_token_of_its_own_beat) {
  RecordingReceiver receiver;
  const BeatContext context{1s, receiver, receiver.slot, 9};
  BOOST_TEST(receiver.asked_slot == nullptr, "nothing is made for a transport that does not ask");

  const std::stop_token token = context.stop_token();
  receiver.source.request_stop();

  BOOST_TEST(receiver.asked_slot == &receiver.slot);
  BOOST_TEST(receiver.asked_serial == 9u);
  BOOST_TEST(token.stop_requested());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
