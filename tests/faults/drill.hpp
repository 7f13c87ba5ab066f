// SPDX-License-Identifier: BSL-1.0
// The fixture of all drills: a server in a process of its own, a way to it, and a fleet of open sessions. A drill puts
// the fleet through one fault, from its beginning over its end to the moment when all is well, and then once more with
// nobody left to wait for: the manager is destroyed in the middle of it. What came of it is a value that tests compare,
// and a line of figures for people. Read next: killed.cpp, the plainest user.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "fleet.hpp"
#include "proxy.hpp"
#include "server_process.hpp"

namespace heartbeat::faults {

/// When a fault has lasted long enough.
struct Until {
  std::string what;
  std::function<bool(const Told&)> is_so;
};

/// What goes wrong, and for how long.
struct Fault {
  std::string name;
  std::function<void()> begin;
  std::function<void()> end;
  Until lasts_until;
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

/// What lies between the fleet and its server.
enum class Way { direct, proxy };

/// The fixture: all of it, with sessions of that ttl in seconds. A test puts the fleet through a fault once, and says
/// what must have come of it; what must hold after every fault is checked by itself.
template <int ttl, Way way = Way::direct, std::size_t size = fleet_size>
class Drill {
 public:
  Drill() {
    if constexpr (way == Way::proxy) proxy.emplace(server.port());
    fleet.emplace(proxy ? proxy->port() : server.port(), std::chrono::seconds{ttl}, size);
    fleet->open();
  }

  ServerProcess server;
  std::optional<Proxy> proxy;
  std::optional<Fleet> fleet;
  Outcome outcome;

  // --- faults

  void put_through(Fault fault) {
    outcome.name = fault.name;
    fleet->begin_to_fail();
    outcome.began = BootClock::now();
    fault.begin();
    BOOST_TEST(wait(fault.lasts_until, fault.server_can_be_asked && !fault.server_forgets));
    outcome.back = fleet->begin_to_settle();
    fault.end();
    BOOST_TEST(wait(all_are_settled(), !fault.server_forgets));
    audit();
    outcome.told = fleet->told();
    outcome.valid = fleet->count_valid();
    outcome.statistics = fleet->statistics();
    outcome.server = settled_counters();

    fault.begin();
    outcome.destructor = fleet->destroy_manager();
    outcome.unfinished = fleet->count_unfinished();
    print(outcome);
    check();
  }

  /// Nobody can ask a server that is dead, and one that was started anew has forgotten all sessions.
  [[nodiscard]] Fault killing(std::string name, Until until) {
    return {.name = std::move(name),
            .begin = [this] { server.kill(); },
            .end = [this] { server.start(); },
            .lasts_until = std::move(until),
            .server_can_be_asked = false,
            .server_forgets = true};
  }
  [[nodiscard]] Fault stopping(std::string name, Until until) {
    return {.name = std::move(name),
            .begin = [this] { server.stop(); },
            .end = [this] { server.go_on(); },
            .lasts_until = std::move(until),
            .server_can_be_asked = false};
  }
  [[nodiscard]] Fault network(std::string name, Network network, Until until) requires(way == Way::proxy) {
    return {.name = std::move(name),
            .begin = [this, network] { proxy->set(network); },
            .end = [this] { proxy->set(Network::fine); },
            .lasts_until = std::move(until)};
  }
  /// `begin` brings it about.
  [[nodiscard]] Fault answering(std::string name, std::function<void()> begin, Until until) {
    return {.name = std::move(name),
            .begin = std::move(begin),
            .end = [this] { server.fail(0); },
            .lasts_until = std::move(until)};
  }

  // --- how long they last

  /// So that it is noticed by all, and over before the ttl is.
  [[nodiscard]] Until all_have_missed_a_beat() const {
    return {"as many missed beats as there are sessions", [](const Told& told) {
              return std::accumulate(told.missed.begin(), told.missed.end(), std::size_t{0}) >= size;
            }};
  }
  /// Longer than the ttl: what can stall has stalled.
  [[nodiscard]] Until all_have_stalled() const { return lost_are(fleet->ending()); }
  [[nodiscard]] Until lost_are(std::size_t count) const {
    return {std::to_string(count) + " lost sessions", [count](const Told& told) { return told.lost.count >= count; }};
  }
  /// Long enough for every session to have beaten more than once.
  [[nodiscard]] Until two_beats_each() const {
    const std::uint64_t wanted = fleet->statistics().acknowledged + 2 * size;
    return {std::to_string(wanted) + " acknowledged beats",
            [this, wanted](const Told&) { return fleet->statistics().acknowledged >= wanted; }};
  }

  // --- what has come of it

  void nothing_was_lost() const {
    BOOST_TEST(outcome.told.lost.count == 0U);
    BOOST_TEST(outcome.valid == size);
    BOOST_TEST(outcome.told.reopened.count == 0U);
    BOOST_TEST(outcome.server.opened == size);
    BOOST_TEST(outcome.server.expired == 0U);
  }

  /// Those that are not reopened were told so, for that reason.
  void the_ending_half_was_lost_as(EndReason reason) const {
    BOOST_TEST(outcome.told.lost_as(reason) == fleet->ending());
    BOOST_TEST(outcome.told.lost.count == fleet->ending());
  }

  /// Their owners knew it before the server could say so, or give them to somebody else.
  void they_stalled_before_it_was_over() const {
    the_ending_half_was_lost_as(EndReason::stalled);
    BOOST_TEST((outcome.told.lost.last < outcome.back));
  }

  void only_what_expired_was_reopened() const { BOOST_TEST(outcome.told.reopened.count <= outcome.server.expired); }

  /// A server that is back and empty has the other half, and met no herd.
  void the_other_half_was_reopened_spread() const {
    BOOST_TEST(outcome.told.reopened.count == fleet->reopening());
    BOOST_TEST(outcome.server.opened == fleet->reopening());
    BOOST_TEST(densest_share(outcome.told) < 0.5);
  }

 private:
  [[nodiscard]] Until all_are_settled() const {
    // An owner may hear of his session before the sink hears of its heartbeat's end.
    return {"every session to be well, or known to be lost, and every end to be told", [](const Told& told) {
              return told.settled == size && told.end_times.size() == told.lost.count + told.reopened.count;
            }};
  }

  // Waits, and looks after the truth of `valid()` meanwhile if the server can be asked.
  Waited wait(const Until& until, bool can_ask) {
    const std::string what = outcome.name + ": " + until.what;
    if (!can_ask) return fleet->wait_for(what, until.is_so);
    const auto limit = BootClock::now() + generous;
    for (;;) {
      Waited noticed = fleet->wait_for(what, until.is_so, 250ms);
      if (noticed) return noticed;
      if (BootClock::now() > limit) return fleet->wait_for(what, until.is_so, 0ms);
      audit();
    }
  }

  void audit() {
    const auto ids = fleet->ids();
    outcome.false_claims += fleet->count_false_claims(ids, server.sessions());
  }

  [[nodiscard]] std::size_t held() const { return size - outcome.told.lost.count; }

  // What the server counts once the sessions that were given up have expired.
  ServerCounters settled_counters() {
    const auto limit = BootClock::now() + generous;
    ServerCounters counters = server.counters();
    while (counters.open != held() && BootClock::now() < limit) {
      // The processor is the server's meanwhile.
      static_cast<void>(fleet->wait_for(
          "the server", [](const Told&) { return false; }, 250ms));
      counters = server.counters();
    }
    return counters;
  }

  void check() const {
    const Told& told = outcome.told;
    BOOST_TEST(outcome.false_claims == 0U);
    BOOST_TEST(outcome.server.open == held(), "the server has " << outcome.server.open << " sessions open, and "
                                                                << held()
                                                                << " are held: " << description_of(told, size));
    BOOST_TEST(outcome.valid <= held());  // a machine with too much to do is late with a beat now and then
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
    BOOST_TEST(fleet->count_valid() == 0U);
  }
};

/// The two ttls that there are.
template <Way way = Way::direct, std::size_t size = fleet_size>
using ShortDrill = Drill<short_ttl.count(), way, size>;
template <Way way = Way::direct, std::size_t size = fleet_size>
using LongDrill = Drill<long_ttl.count(), way, size>;

}  // namespace heartbeat::faults
