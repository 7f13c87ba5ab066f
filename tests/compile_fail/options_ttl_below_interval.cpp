// SPDX-License-Identifier: BSL-1.0
// Options that break a rule do not compile where they are checked.
#include <chrono>

#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
auto options() { return heartbeat::checked({.interval = 30s, .ttl = 5s}); }  // error: ttl_not_above_interval
#else
auto options() { return heartbeat::checked({.interval = 5s, .ttl = 30s}); }
#endif
