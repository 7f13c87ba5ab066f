// SPDX-License-Identifier: BSL-1.0
// A registry in virtual time with everything a test of it wants at hand: the clock, the executor that moves it, a
// transport that plays the server, and what the sink was told.
#pragma once

#include <chrono>
#include <optional>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/event_log.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace heartbeat::testing {

struct Desk {
  using Registry = HeartbeatRegistry<int, ScriptedTransport<int>, ManualClock, ManualExecutor>;
  using Options = Registry::Options;
  using Handle = Registry::Handle;

  explicit Desk(RegistryOptions options = {}) {
    if (!options.seed) options.seed = 1;
    registry.emplace(transport, clock, executor, log, options);
  }

  // Its first beat is due at once.
  static Options at_once() { return {.first_beat = FirstBeat::now}; }

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  EventLog<int, ManualClock> log;
  std::optional<Registry> registry;
};

}  // namespace heartbeat::testing
