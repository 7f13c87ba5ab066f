// SPDX-License-Identifier: BSL-1.0
// Threads that waited by the wall clock would miss what is due, or hurry, whenever somebody sets it.
#include <chrono>

#include <heartbeat/executors/thread.hpp>

#ifdef HEARTBEAT_COMPILE_FAIL
using Clock = std::chrono::system_clock;
#else
using Clock = std::chrono::steady_clock;
#endif

template class heartbeat::BasicThreadExecutor<Clock>;  // error: the clock must be steady
