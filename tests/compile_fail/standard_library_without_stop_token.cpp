// SPDX-License-Identifier: BSL-1.0
// A standard library whose stop tokens are missing or switched off, as libc++'s are without -fexperimental-library.
#include <version>
#ifdef HEARTBEAT_COMPILE_FAIL
#undef __cpp_lib_jthread
#endif

#include <heartbeat/detail/threads/require_stop_token.hpp>  // error: heartbeat needs C++20 and std::stop_token
