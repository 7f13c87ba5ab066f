// SPDX-License-Identifier: BSL-1.0
// Question: how do I test what my program does when a session is lost, without waiting and without flaky timing?
// With a clock that moves when the test says so: a day and a loss take milliseconds, and come out the same each time.
// Prints
//   right: a day of beats, one each 5 s
//   right: a lost beat is jeopardy, and the retry recovers
//   right: valid up to the last millisecond of a silent server, and not beyond
//   right: ended as stalled, told once, and the server is asked to close
// Read next: typedb_sessions.cpp.

#include <chrono>
#include <iostream>
#include <string_view>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace {

int wrong = 0;

void check(std::string_view what, bool holds) {
  std::cout << (holds ? "right: " : "WRONG: ") << what << '\n';
  if (!holds) ++wrong;
}

}  // namespace

int main() {
  using namespace std::chrono_literals;
  // [test]
  using namespace heartbeat::testing;
  using heartbeat::EventKind;
  using Registry = heartbeat::HeartbeatRegistry<int, ScriptedTransport<int>, ManualClock, ManualExecutor>;
  ManualClock clock;
  ManualExecutor executor{clock, /*seed=*/42};
  ScriptedTransport<int> server{executor};  // acknowledges, unless the script says otherwise
  EventLog<int, ManualClock> log;
  Registry registry{server, clock, executor, log};
  auto beat = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now});

  executor.run_for(24h);
  check("a day of beats, one each 5 s", server.beats().size() == 24 * 60 * 60 / 5 + 1);

  server.on(7).fail();  // the next beat alone
  executor.run_for(6s);
  check("a lost beat is jeopardy, and the retry recovers",
        beat.valid() && log.count(EventKind::jeopardy) == 1 && log.count(EventKind::recovered) == 1);

  server.otherwise().never();
  const auto until = beat.valid_until();
  executor.run_until(until - 1ms);
  const bool was_valid = beat.valid();
  executor.run_until(until);
  check("valid up to the last millisecond of a silent server, and not beyond", was_valid && !beat.valid());

  const bool told_once = log.count(EventKind::ended) == 1 && beat.ended() == heartbeat::EndReason::stalled;
  check("ended as stalled, told once, and the server is asked to close", told_once && server.closes().size() == 1);
  // [test]
  return wrong;
}
