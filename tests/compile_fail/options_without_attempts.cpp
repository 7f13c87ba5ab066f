// SPDX-License-Identifier: BSL-1.0
// No attempt at all is no option.
#include <chrono>

#include <heartbeat/options.hpp>

using namespace std::chrono_literals;

#ifdef HEARTBEAT_COMPILE_FAIL
auto options() { return heartbeat::checked({.attempts = 0}); }  // error: attempts_not_positive
#else
auto options() { return heartbeat::checked({.attempts = 1}); }
#endif
