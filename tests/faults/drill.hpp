// SPDX-License-Identifier: BSL-1.0
// One fault, from its beginning over its end to the moment when all is well, and then once more with nobody left to
// wait for: the manager is destroyed in the middle of it. What came of it is a value that tests compare, and a line of
// figures for people. Read next: killed.cpp, the plainest user.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "fleet.hpp"
#include "server_process.hpp"

namespace heartbeat::faults {

/// What goes wrong, and for how long.
struct Fault {
  std::string name;
  std::function<void()> begin;
  std::function<void()> end;
  std::function<bool(const Told&)> lasts_until;
  bool server_can_be_asked = true;  ///< while it lasts
  bool server_forgets = false;      ///< then nobody can know of a session's end before the server is back
};

/// What came of it.
struct Outcome {
  std::string name;
  TimePoint began;
  TimePoint back;
  Told told;
  ServerCounters server{};
  Statistics statistics;
  std::size_t valid = 0;         ///< when all had settled
  std::size_t false_claims = 0;  ///< sessions that were valid here though the server had closed them
  std::chrono::nanoseconds destructor{};
  std::size_t unfinished = 0;  ///< after the destructor
};

/// The largest share of all answers that fell into a tenth of a second.
[[nodiscard]] inline double densest_share(const Told& told) {
  std::vector<TimePoint> times;
  for (const auto& [id, at] : told.answers)
    times.push_back(at);
  std::sort(times.begin(), times.end());
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; end != times.size(); ++end) {
    while (times[end] - times[first] > 100ms)
      ++first;
    most = std::max(most, end - first + 1);
  }
  return times.empty() ? 0 : static_cast<double>(most) / static_cast<double>(times.size());
}

[[nodiscard]] inline std::string seconds(std::chrono::nanoseconds span) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", std::chrono::duration<double>(span).count());
  return text;
}

[[nodiscard]] inline std::string spread_of(const Span& span, TimePoint from) {
  return span.count == 0 ? std::string{"never"} : seconds(span.first - from) + " to " + seconds(span.last - from);
}

inline void print(const Outcome& outcome) {
  const Told& told = outcome.told;
  std::string line = outcome.name + ": back after " + seconds(outcome.back - outcome.began);
  line +=
      "; jeopardy of " + std::to_string(told.jeopardy.count) + " told at " + spread_of(told.jeopardy, outcome.began);
  line += "; lost " + std::to_string(told.lost.count);
  for (const auto reason : {EndReason::gone, EndReason::failed, EndReason::stalled}) {
    if (told.lost_as(reason) != 0) line += " " + std::string{to_string(reason)};
  }
  line += " told at " + spread_of(told.lost, outcome.began);
  line += "; reopened " + std::to_string(told.reopened.count) + "; all well " +
          seconds(told.last_settled - outcome.back) + " after it was back";
  line += "; densest 100 ms " + std::to_string(static_cast<int>(100 * densest_share(told) + 0.5)) + " %";
  line += "; valid though closed " + std::to_string(outcome.false_claims);
  line += "; destructor " + seconds(outcome.destructor);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

/// Puts an open fleet through a fault. Checks what holds for every fault.
class Drill {
 public:
  Drill(Fleet& fleet, ServerProcess& server, Fault fault) : fleet_{fleet}, server_{server}, fault_{std::move(fault)} {}

  [[nodiscard]] Outcome run() {
    Outcome outcome;
    outcome.name = fault_.name;
    fleet_.begin_to_fail();
    outcome.began = BootClock::now();
    fault_.begin();
    BOOST_TEST(until(fault_.lasts_until, fault_.server_can_be_asked && !fault_.server_forgets),
               "the fault was not noticed");
    outcome.back = fleet_.begin_to_settle();
    fault_.end();
    const auto is_settled = [&](const Told& told) { return told.settled == fleet_.size(); };
    BOOST_TEST(until(is_settled, !fault_.server_forgets), "not all was well again");
    audit();
    outcome.told = fleet_.told();
    outcome.valid = fleet_.count_valid();
    outcome.statistics = fleet_.statistics();
    outcome.server = settled_counters(held(outcome));

    fault_.begin();
    outcome.destructor = fleet_.destroy_manager();
    outcome.unfinished = fleet_.count_unfinished();
    outcome.false_claims = false_claims_;
    print(outcome);
    check(outcome);
    return outcome;
  }

 private:
  // Waits, and looks after the truth of `valid()` meanwhile if the server can be asked.
  template <class Done>
  bool until(Done done, bool can_ask) {
    const auto limit = BootClock::now() + generous;
    while (!fleet_.wait_for(done, can_ask ? std::chrono::nanoseconds{250ms} : generous)) {
      if (BootClock::now() > limit) return false;
      if (can_ask) audit();
    }
    return true;
  }

  void audit() {
    const auto ids = fleet_.ids();
    false_claims_ += fleet_.count_false_claims(ids, server_.sessions());
  }

  [[nodiscard]] std::size_t held(const Outcome& outcome) const { return fleet_.size() - outcome.told.lost.count; }

  // What the server counts once the sessions that were given up have expired.
  ServerCounters settled_counters(std::size_t open) {
    const auto limit = BootClock::now() + generous;
    ServerCounters counters = server_.counters();
    while (counters.open != open && BootClock::now() < limit) {
      static_cast<void>(fleet_.wait_for([](const Told&) { return false; }, 250ms));  // the processor is the server's
      counters = server_.counters();
    }
    return counters;
  }

  void check(const Outcome& outcome) const {
    const Told& told = outcome.told;
    BOOST_TEST(outcome.false_claims == 0U);
    BOOST_TEST(outcome.server.open == held(outcome));
    BOOST_TEST(outcome.valid <= held(outcome));  // a machine with too much to do is late with a beat now and then
    BOOST_TEST(std::all_of(told.lost_times.begin(), told.lost_times.end(), [](int times) { return times <= 1; }));
    BOOST_TEST(
        std::all_of(told.end_times.begin(), told.end_times.end(), [](const auto& end) { return end.second == 1; }));
    BOOST_TEST(told.end_times.size() == told.lost.count + told.reopened.count);
    const auto& ended = outcome.statistics.ended;
    const auto ends = std::accumulate(ended.begin(), ended.end(), std::uint64_t{0});
    BOOST_TEST(outcome.statistics.started == outcome.statistics.running + ends);
    BOOST_TEST(ends == told.end_times.size());
    BOOST_TEST((outcome.destructor < generous));
    BOOST_TEST(outcome.unfinished == 0U);
    BOOST_TEST(fleet_.count_valid() == 0U);
  }

  Fleet& fleet_;
  ServerProcess& server_;
  const Fault fault_;
  std::size_t false_claims_ = 0;
};

/// A server in a process of its own, and a fleet of open sessions with that ttl in seconds.
template <int ttl>
struct OpenFleet {
  OpenFleet() { fleet.open(); }

  ServerProcess server;
  Fleet fleet{server.port(), std::chrono::seconds{ttl}};
};

/// A fault that all have noticed, and that is over before the ttl is.
[[nodiscard]] inline auto all_have_missed_a_beat(const Fleet& fleet) {
  return [size = fleet.size()](const Told& told) {
    return std::accumulate(told.missed.begin(), told.missed.end(), std::size_t{0}) >= size;
  };
}

/// A fault that lasts longer than the ttl: what can stall has stalled.
[[nodiscard]] inline auto all_have_stalled(const Fleet& fleet) {
  return [ending = fleet.ending()](const Told& told) { return told.lost.count >= ending; };
}

}  // namespace heartbeat::faults
