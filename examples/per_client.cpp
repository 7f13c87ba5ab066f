// SPDX-License-Identifier: BSL-1.0
// Question: my protocol keeps a connection alive, and with it a thousand sessions. How do I send one beat for all of
// them, and still know each session's end? Prints
//   2,000 sessions on 2 connections
//   sessions that ended: 1,000 of east, all gone; 1000 of west run on
//   beats on the wire: a few
// Read next: group_fails_as_one.cpp, for sessions that have one fate but beats of their own.

#include <atomic>
#include <iostream>
#include <semaphore>
#include <string>
#include <vector>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;

struct Counts {
  std::atomic<int> beats{0};
  std::atomic<bool> is_east_forgotten{false};
  std::atomic<int> gone{0};
  std::atomic<int> others{0};
  std::binary_semaphore is_over{0};
};

int main() {
  Counts counts;
  // [per_client]
  // "east/17" is a session of the connection "east", which the server forgets later on.
  struct ConnectionOf {
    std::string operator()(const std::string& session) const { return session.substr(0, session.find('/')); }
  };
  heartbeat::FunctionTransport server{[&](const std::string& connection) {
    ++counts.beats;
    return connection != "east" || !counts.is_east_forgotten;
  }};
  using Sessions = heartbeat::PerClient<std::string, decltype(server), ConnectionOf>;
  Sessions sessions{server, ConnectionOf{}, [&](const Sessions::EventType& event) {
                      if (event.kind != heartbeat::EventKind::ended) return;
                      ++(event.reason == heartbeat::EndReason::gone ? counts.gone : counts.others);
                      if (counts.gone == 1'000) counts.is_over.release();
                    }};

  std::vector<Sessions::Handle> handles;  // each stops its own session; the last one of a connection stops its beats
  for (int i = 0; i < 1'000; ++i) {
    for (const char* connection : {"east/", "west/"})
      handles.push_back(sessions.start(connection + std::to_string(i), {.interval = 300ms, .ttl = 3s}));
  }
  // [per_client]
  std::cout << "2,000 sessions on " << sessions.clients() << " connections\n";
  const bool had_two = sessions.clients() == 2;
  counts.is_east_forgotten = true;
  counts.is_over.acquire();

  const bool has_one = sessions.clients() == 1 && sessions.size() == 1'000;
  std::cout << "sessions that ended: 1,000 of east, all gone; " << sessions.size() << " of west run on\n"
            << "beats on the wire: " << (counts.beats < 20 ? "a few" : "too many") << '\n';
  return had_two && has_one && counts.others == 0 && counts.beats < 20 ? 0 : 1;
}
