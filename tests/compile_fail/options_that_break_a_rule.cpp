// SPDX-License-Identifier: BSL-1.0
// Constants among options are checked while compiling. The twin keeps the rule.
#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
constexpr auto ttl = 3s;
#else
constexpr auto ttl = 30s;
#endif

heartbeat::HeartbeatOptions<> options() {
  return heartbeat::checked({.interval = 5s, .ttl = ttl});  // error: an_option_breaks_a_rule
}
