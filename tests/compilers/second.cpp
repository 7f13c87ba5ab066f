// SPDX-License-Identifier: BSL-1.0
// The second translation unit: it includes every header of the core too, so what is defined there and not inline is
// defined twice. Read next: program.cpp.
#include "second.hpp"

#include "every_header.hpp"

int beats_of_a_day() {
  using namespace heartbeat::testing;
  using namespace std::chrono_literals;
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> server{executor};
  heartbeat::HeartbeatRegistry<int, ScriptedTransport<int>, ManualClock, ManualExecutor> registry{server, clock,
                                                                                                  executor};
  const auto beat = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now});
  executor.run_for(24h);
  return static_cast<int>(server.beats().size());
}

std::error_code its_error() {
  return heartbeat::errc::already_running;
}

bool sees_a_callback() {
  return heartbeat::detail::CallbackFrame::is_inside();
}
