// SPDX-License-Identifier: BSL-1.0
// What an event names as its error: the last failure, or the limit that held a beat up.
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/shard/telling.hpp>

#include "shard_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(telling)

using namespace heartbeat;
using namespace heartbeat::detail;

Delivery failed_delivery() {
  Delivery delivery;
  delivery.error = std::make_error_code(std::errc::timed_out);
  delivery.text = "no answer";
  return delivery;
}

BOOST_AUTO_TEST_CASE(overloaded_names_the_limit_and_no_other_kind_does) {
  Delivery delivery = failed_delivery();
  delivery.overload = std::make_error_code(std::errc::resource_unavailable_try_again);
  std::string own;

  BOOST_TEST(delivery.error_of(EventKind::overloaded) == delivery.overload);
  BOOST_TEST(delivery.text_of(EventKind::overloaded, own) == delivery.overload.message());

  BOOST_TEST(delivery.error_of(EventKind::missed) == delivery.error);
  BOOST_TEST(delivery.text_of(EventKind::missed, own) == "no answer");
  BOOST_TEST(delivery.error_of(EventKind::ended) == delivery.error);
}

BOOST_AUTO_TEST_CASE(without_a_limit_overloaded_names_the_last_failure) {
  const Delivery delivery = failed_delivery();
  std::string own;

  BOOST_TEST(delivery.error_of(EventKind::overloaded) == delivery.error);
  BOOST_TEST(delivery.text_of(EventKind::overloaded, own) == "no answer");
  BOOST_TEST(own.empty());
}

BOOST_AUTO_TEST_CASE(a_delivery_that_is_used_again_has_forgotten_the_limit_of_the_one_before) {
  ShardSubject subject;
  const RecordReference handle = subject.start(7);
  Delivery delivery = failed_delivery();
  delivery.overload = std::make_error_code(std::errc::resource_unavailable_try_again);

  Effects effects;
  {
    const MutexLock lock{subject.shard.mutex()};
    const Hold hold = subject.shard.hold(effects);
    BOOST_TEST(Telling{hold}.take_event(delivery));
    Telling{hold}.delivered(delivery, 1, 0);
  }
  subject.core->perform(subject.shard, effects);

  BOOST_TEST(!delivery.overload);
  BOOST_TEST(!delivery.error);
}

// A failure that found no room brings its trouble along with the next one.
BOOST_AUTO_TEST_CASE(jeopardy_that_was_dropped_is_told_with_the_next_failure) {
  ShardSubject subject{{.event_capacity = 1}};
  const RecordReference handle = subject.start(7, plain_rules(), subject.core->time);
  (void)subject.events();
  const auto fail = [&] {
    for (AnswerTicket* const ticket : subject.send(handle->life.next_send()))
      ticket->answer(BeatResult::failed(std::make_error_code(std::errc::io_error)));
  };
  BeatRules idle = plain_rules();
  idle.first_now = false;
  idle.interval = 1000 * s;
  idle.ttl = 10'000 * s;
  const RecordReference other = subject.start(8, idle);  // takes the one place

  fail();
  BOOST_TEST(subject.statistics().events_dropped == 1u);
  BOOST_TEST(subject.events().size() == 1u, "the start of the other one");
  fail();

  const auto told = subject.events();
  BOOST_REQUIRE_EQUAL(told.size(), 1u);
  BOOST_TEST(told[0].mask == (mask_of(EventKind::missed) | mask_of(EventKind::jeopardy)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
