// SPDX-License-Identifier: BSL-1.0
// A PerClient in virtual time with everything a test of it wants at hand: the clock, the executor that moves it, a
// transport that plays the server, and what the sink was told.
#pragma once

#include <chrono>
#include <optional>

#include <heartbeat/per_client.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace heartbeat::testing {

// Key 203 is one of client 2.
struct ClientOf {
  int operator()(const int& key) const { return key / 100; }
};

struct ClientDesk {
  using Sessions = PerClient<int, ScriptedTransport<int>, ClientOf, ManualClock, ManualExecutor>;
  using Options = Sessions::Options;
  using Handle = Sessions::Handle;

  explicit ClientDesk(RegistryOptions options = {.seed = 1}) {
    sessions.emplace(transport, ClientOf{}, clock, executor, log, options);
  }

  // Beats at 0 s, 5 s, 10 s; each is good for 29 s.
  static Options at_once() {
    using namespace std::chrono_literals;
    return {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
  }

  [[nodiscard]] std::optional<EndReason> told_end_of(int key) const {
    for (const auto& event : log.of(key)) {
      if (event.kind == EventKind::ended) return event.reason;
    }
    return std::nullopt;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  EventLog<int, ManualClock> log;
  std::optional<Sessions> sessions;
};

}  // namespace heartbeat::testing
