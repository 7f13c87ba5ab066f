// SPDX-License-Identifier: BSL-1.0
// As many attempts as wanted, so far apart, do not fit into the validity.
#include <chrono>

#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
auto options() { return heartbeat::checked({.interval = 5s, .ttl = 30s, .attempts = 10, .floor = 5s}); }  // error: attempts_do_not_fit
#else
auto options() { return heartbeat::checked({.interval = 5s, .ttl = 60s, .attempts = 10, .floor = 5s}); }
#endif
