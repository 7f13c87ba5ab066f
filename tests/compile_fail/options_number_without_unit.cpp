// SPDX-License-Identifier: BSL-1.0
// A number says no unit, so it is no duration.
#include <chrono>

#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
heartbeat::HeartbeatOptions<> options() { return heartbeat::HeartbeatOptions<>{.interval = 5}; }  // error: 'int'
#else
heartbeat::HeartbeatOptions<> options() { return heartbeat::HeartbeatOptions<>{.interval = 5s}; }
#endif
