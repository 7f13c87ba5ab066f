# SPDX-License-Identifier: BSL-1.0
# The warnings and switches our own tests and examples are built with, as a target that only they link: a user's build
# never sees them.
add_library(heartbeat_warnings INTERFACE)
target_compile_options(
  heartbeat_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
                               $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
# Boost 1.74 looks for clang's coroutines where clang has them no more.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_definitions(heartbeat_warnings INTERFACE BOOST_ASIO_HAS_CO_AWAIT=1)
endif()
# g++ 12 sees uninitialized values, overflows and mismatched frees in correct code once it has inlined enough of it.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(heartbeat_warnings INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow
                                                      -Wno-stringop-overread -Wno-array-bounds -Wno-restrict
                                                      -Wno-mismatched-new-delete)
endif()
