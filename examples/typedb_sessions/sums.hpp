// SPDX-License-Identifier: BSL-1.0
// The sums at the end: what must be equal if no session and no beat was lost or counted twice, on either side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include <heartbeat/statistics.hpp>

#include "typedb_sessions/reading.hpp"

namespace typedb_sessions {

/// Numbers with names, to be added up or compared.
struct Term {
  std::uint64_t number;
  std::string name;
};

/// Prints each sum with its numbers, and remembers whether all of them held.
class Sums {
 public:
  /// Holds if the first number is the sum of the others.
  void equal(const Term& whole, const std::vector<Term>& parts) {
    std::uint64_t sum = 0;
    std::string text = std::to_string(whole.number) + " " + whole.name;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      sum += parts[i].number;
      text += (i == 0 ? " = " : " + ") + std::to_string(parts[i].number) + " " + parts[i].name;
    }
    conclude(whole.number == sum, text);
  }

  void at_most(const Term& less, const Term& more) {
    conclude(less.number <= more.number, std::to_string(less.number) + " " + less.name + ", at most " +
                                             std::to_string(more.number) + " " + more.name);
  }

  void none(const Term& term) { conclude(term.number == 0, std::to_string(term.number) + " " + term.name); }

  [[nodiscard]] std::size_t wrong() const { return wrong_; }

 private:
  void conclude(bool holds, const std::string& text) {
    std::cout << (holds ? "  ok     " : "  WRONG  ") << text << '\n';
    if (!holds) ++wrong_;
  }

  std::size_t wrong_ = 0;
};

/// The sums over the sessions; `told` ends reached the program's event sink, `told_twice` of them again.
inline void check_sessions(Sums& sums, const Reading& end, std::uint64_t told, std::uint64_t told_twice,
                           bool interrupted) {
  const heartbeat::Statistics& numbers = end.numbers;
  if (!interrupted) sums.equal({end.wanted, "sessions wanted"}, {{numbers.started, "opened"}});
  sums.equal({numbers.started, "opened"}, {{end.closed(), "closed"},
                                           {end.gone(), "gone"},
                                           {end.stalled(), "stalled"},
                                           {end.failed(), "failed"},
                                           {numbers.running, "still open"}});
  sums.equal({told, "ends told to the event sink"}, {{numbers.started, "opened"}});
  sums.none({told_twice, "ends told twice"});
  if (interrupted) {
    sums.at_most({end.gone(), "gone"}, {end.asked_gone, "forgotten by the server"});
    sums.at_most({end.stalled(), "stalled"}, {end.asked_mute, "left unanswered"});
  } else {
    sums.equal({end.gone(), "gone"}, {{end.asked_gone, "forgotten by the server"}});
    sums.equal({end.stalled(), "stalled"}, {{end.asked_mute, "left unanswered"}});
  }
}

/// The sums over the beats and over the closes.
inline void check_beats(Sums& sums, const heartbeat::Statistics& numbers) {
  sums.equal({numbers.sent, "beats sent"}, {{numbers.acknowledged, "acknowledged"},
                                            {numbers.gone, "gone"},
                                            {numbers.failed, "failed"},
                                            {numbers.timed_out, "timed out"},
                                            {numbers.discarded, "discarded at the end"},
                                            {numbers.in_flight, "in flight"}});
  sums.equal({numbers.closes_wanted, "closes"}, {{numbers.closes_done, "answered"}});
}

/// The sums over both sides. A session that the server forgot just before Ctrl-C is closed here and forgotten there.
inline void check_server(Sums& sums, const Reading& end, bool interrupted) {
  const typedb_server::Counters& server = *end.server;
  const heartbeat::Statistics& numbers = end.numbers;
  sums.equal({server.opened, "opened on the server"}, {{numbers.started, "opened here"}});
  sums.equal({server.opened, "opened on the server"}, {{server.closed, "closed"},
                                                       {server.forgotten, "forgotten"},
                                                       {server.expired, "expired"},
                                                       {server.open, "still open"}});
  sums.equal({server.open, "open on the server"}, {{numbers.running, "open here"}});
  if (interrupted) {
    sums.at_most({server.expired, "expired on the server"}, {end.asked_mute, "left unanswered"});
  } else {
    sums.equal({end.closed() + end.stalled(), "closed or stalled here"},
               {{server.closed, "closed on the server"}, {server.expired, "expired there"}});
    sums.at_most({server.expired, "expired on the server"}, {end.stalled(), "stalled here"});
  }
  sums.equal({server.pulses, "pulses at the server"}, {{server.alive, "answered alive"},
                                                       {server.unknown, "answered not alive"},
                                                       {server.disturbed, "left unanswered"}});
  sums.at_most({numbers.acknowledged, "beats acknowledged here"}, {server.alive, "answered alive"});
  sums.at_most({server.pulses, "pulses at the server"}, {numbers.sent, "beats sent here"});
}

}  // namespace typedb_sessions
