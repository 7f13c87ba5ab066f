# SPDX-License-Identifier: BSL-1.0
# A user of the installed package who builds without CMake.
# [install]
g++ -std=c++20 program.cpp $(pkg-config --cflags --libs heartbeat)
# [install]
