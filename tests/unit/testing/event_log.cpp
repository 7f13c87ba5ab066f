// SPDX-License-Identifier: BSL-1.0
// The event log: it owns what it was told, answers questions about it, and can be waited for.
// Read next: ../../../include/heartbeat/testing/event_log.hpp.
#include <chrono>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/event.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/testing/manual_clock.hpp>

namespace {

using heartbeat::EndReason;
using heartbeat::EventKind;
using heartbeat::testing::ManualClock;
using Event = heartbeat::Event<std::string, ManualClock>;
using Log = heartbeat::testing::EventLog<std::string, ManualClock>;
using namespace std::chrono_literals;

static_assert(std::is_same_v<heartbeat::testing::EventLog<int>::Logged, heartbeat::testing::LoggedEvent<int>>);

constexpr ManualClock::time_point epoch{};

void tell(const std::function<void(const Event&)>& sink, const std::string& key, EventKind kind,
          std::chrono::nanoseconds at = 0s) {
  sink(Event{key, 1, kind, epoch + at, EndReason::stopped, {}, {}, 0});
}

struct Fixture {
  Log log;
  std::function<void(const Event&)> sink = log;
};

BOOST_FIXTURE_TEST_SUITE(event_log, Fixture)

BOOST_AUTO_TEST_CASE(an_event_is_kept_with_everything_it_refers_to) {
  {
    const std::string key = "a key too long to be kept without memory of its own";
    const std::string text = "words of the transport that are just as long as the key is";
    const auto error = std::make_error_code(std::errc::timed_out);
    sink(Event{key, 7, EventKind::ended, epoch + 30s, EndReason::stalled, error, text, 3});
  }

  const auto events = log.all();

  BOOST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].key == "a key too long to be kept without memory of its own");
  BOOST_TEST(events[0].generation == 7U);
  BOOST_TEST((events[0].kind == EventKind::ended));
  BOOST_TEST((events[0].at == epoch + 30s));
  BOOST_TEST((events[0].reason == EndReason::stalled));
  BOOST_TEST((events[0].error == std::errc::timed_out));
  BOOST_TEST(events[0].text == "words of the transport that are just as long as the key is");
  BOOST_TEST(events[0].failures == 3U);
}

BOOST_AUTO_TEST_CASE(events_are_found_by_key_and_by_kind) {
  tell(sink, "a", EventKind::started);
  tell(sink, "b", EventKind::started);
  tell(sink, "a", EventKind::missed);
  tell(sink, "a", EventKind::ended);

  BOOST_TEST(log.all().size() == 4U);
  BOOST_TEST(log.of("b").size() == 1U);
  BOOST_TEST((log.kinds("a") == std::vector{EventKind::started, EventKind::missed, EventKind::ended}));
  BOOST_TEST(log.count(EventKind::started) == 2U);
  BOOST_TEST(log.count(EventKind::started, "b") == 1U);
  BOOST_TEST(log.of_kind(EventKind::ended).at(0).key == "a");
  BOOST_TEST(log.kinds("c").empty());
}

BOOST_AUTO_TEST_CASE(a_cleared_log_has_forgotten_everything) {
  tell(sink, "a", EventKind::started);

  log.clear();

  BOOST_TEST(log.all().empty());
}

BOOST_AUTO_TEST_CASE(logs_are_compared_event_by_event) {
  Log other;
  tell(sink, "a", EventKind::started);
  tell(other, "a", EventKind::started);
  BOOST_TEST((log.all() == other.all()));

  tell(sink, "a", EventKind::acknowledged, 5s);
  tell(other, "a", EventKind::acknowledged, 6s);

  BOOST_TEST((log.all() != other.all()));
}

BOOST_AUTO_TEST_CASE(an_event_is_printed_as_a_line) {
  const std::string key = "a";
  const auto refused = std::make_error_code(std::errc::connection_refused);
  sink(Event{key, 1, EventKind::started, epoch, EndReason::stopped, {}, {}, 0});
  sink(Event{key, 1, EventKind::missed, epoch + 5002ms, EndReason::stopped, refused, "down", 2});
  sink(Event{key, 1, EventKind::ended, epoch + 30s, EndReason::gone, {}, {}, 0});

  const std::string text = log.text();

  BOOST_TEST(text ==
             "0 s  a (generation 1) started\n"
             "5.002 s  a (generation 1) missed after 2 failures: " +
                 refused.message() +
                 ": down\n"
                 "30 s  a (generation 1) ended: gone\n");
  std::ostringstream out;
  out << log.all().front();
  BOOST_TEST(out.str() == "0 s  a (generation 1) started");
}

BOOST_AUTO_TEST_CASE(a_test_waits_for_what_another_thread_tells) {
  std::thread teller{[sink = sink] {
    for (int i = 0; i < 100; ++i)
      tell(sink, "a", EventKind::acknowledged);
    tell(sink, "b", EventKind::ended);
  }};

  const bool acknowledged = log.wait_for(EventKind::acknowledged, 100);
  const bool ended = log.wait_for([](const auto& events) { return !events.empty() && events.back().key == "b"; });

  teller.join();
  BOOST_TEST(acknowledged);
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(waiting_ends_at_its_limit) {
  tell(sink, "a", EventKind::acknowledged);

  BOOST_TEST(!log.wait_for(EventKind::acknowledged, 2, 1ms));
  BOOST_TEST(log.wait_for(EventKind::acknowledged, 1, 0ms));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
