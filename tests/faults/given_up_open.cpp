// SPDX-License-Identifier: BSL-1.0
// A program gives its opening of a schema session up, because the server answers late, while another one holds the
// lock and a third waits for it. TypeDB goes on with what was given up: an opening that waits there gets the lock when
// it comes free, for nobody, and keeps it for its idle timeout. Here the third has the lock soon after the holder has
// let go of it, whatever became of what was given up.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "drill.hpp"
#include "rounds.hpp"

using namespace heartbeat::faults;  // NOLINT

BOOST_AUTO_TEST_SUITE(given_up_open)

namespace {

using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionType;

// How long the impatient one waits for an answer.
constexpr std::chrono::milliseconds hardly{20};

// Ten times what the longest of them, and half of them, may take.
constexpr std::chrono::seconds too_long{30};
constexpr std::chrono::seconds too_long_for_half{10};

SessionOptions<> schema(heartbeat::Duration wait) {
  return {.type = SessionType::schema, .schema_lock_wait = wait};
}

// Three programs, of which one has no patience.
struct Programs {
  ServerProcess server;
  SessionManager holder{channel_to(server.port(), 30s)};
  SessionManager impatient{channel_to(server.port(), 30s), {.call_timeout = hardly}};
  SessionManager waiter{channel_to(server.port(), 30s)};

  // Had for nobody, the lock would be kept for longer than anybody waits.
  void open_and_give_up() {
    SessionOptions<> options = schema(0s);
    options.idle_timeout = 5min;
    std::error_code error;
    const auto none = impatient.open("orders", options, error);
    BOOST_TEST((error == std::errc::timed_out), error.message());
  }

  // How long after the holder's close has reached the server the waiter has the lock. One opening is given up before
  // that close and one behind it: the server comes to all of them at once, late.
  std::chrono::nanoseconds hand_over(std::error_code& error, std::string& text) {
    auto held = holder.open("orders", schema(too_long));
    std::counting_semaphore<2> waits{0};  // or is over already
    heartbeat::BootClock::time_point had_at;
    std::jthread third{[&] {
      SessionOptions<> options = schema(too_long);
      options.on_schema_wait = [&](const heartbeat::typedb::SchemaWait&) { waits.release(); };
      const auto session = waiter.open("orders", options, error, &text);
      had_at = heartbeat::BootClock::now();
      waits.release();
    }};
    waits.acquire();
    server.pause();
    open_and_give_up();
    held.request_close();
    open_and_give_up();
    const auto let_go_at = heartbeat::BootClock::now();
    server.resume();
    third.join();
    return had_at - let_go_at;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_opening_that_was_given_up_keeps_the_lock_from_nobody, Programs) {
  const int all = rounds(20);
  Waits waits;

  for (int round = 0; round != all; ++round) {
    std::error_code error;
    std::string text;
    waits.add(hand_over(error, text));
    BOOST_TEST_REQUIRE(!error, "round " << round << ": " << error.message() << ": " << text);
  }

  std::printf("given up open: %d rounds: the waiter had the lock after a median of %s, at most %s\n", all,
              seconds(waits.median()).c_str(), seconds(waits.longest()).c_str());
  BOOST_TEST((waits.longest() < too_long));
  BOOST_TEST((waits.median() < too_long_for_half));
  BOOST_TEST(heartbeat::testing::eventually("no session is left open", [&] { return server.counters().open == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()
