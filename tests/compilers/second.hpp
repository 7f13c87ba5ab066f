// SPDX-License-Identifier: BSL-1.0
// What the second translation unit gives to the program: as an object of it, or as a shared library that it loads.
// Read next: check.sh.
#pragma once

#include <string>
#include <system_error>

/// How many beats a session has in a day of virtual time, one each 5 s.
__attribute__((visibility("default"))) int beats_of_a_day();

/// An error of the library, as that side makes it.
__attribute__((visibility("default"))) std::error_code its_error();

/// Whether the calling thread is inside a callback, as that side sees it.
__attribute__((visibility("default"))) bool sees_a_callback();
