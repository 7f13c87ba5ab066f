// SPDX-License-Identifier: BSL-1.0
// <stop_token>, and a readable error where the standard library has none: libc++ counts it as experimental. Headers
// include it through this one, so that nobody first meets "file not found". Read next: parent_token.hpp.
#pragma once

#include <version>

#ifndef __cpp_lib_jthread
#error "heartbeat needs C++20 and std::stop_token: libstdc++ 12 or later, or libc++ 19 with -fexperimental-library"
#endif

#include <stop_token>
