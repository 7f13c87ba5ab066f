// SPDX-License-Identifier: BSL-1.0
// An option that is misspelt is not silently left at its default.
#include <chrono>

#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
heartbeat::HeartbeatOptions<> options() { return heartbeat::HeartbeatOptions<>{.intervall = 5s}; }  // error: intervall
#else
heartbeat::HeartbeatOptions<> options() { return heartbeat::HeartbeatOptions<>{.interval = 5s}; }
#endif
