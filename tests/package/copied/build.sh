# SPDX-License-Identifier: BSL-1.0
# A user who copied include/ beside their program, and has no build system.
# [install]
g++ -std=c++20 -I include program.cpp -pthread
# [install]
