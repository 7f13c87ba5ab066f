#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Builds the examples and runs the main one, typedb_sessions, with the arguments given. On a fresh Debian it first
# installs the compiler, CMake, Boost and gRPC.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_environment.sh

debian_packages g++=g++ cmake=cmake ninja-build=ninja libboost-dev libgrpc++-dev libprotobuf-dev \
  protobuf-compiler=protoc protobuf-compiler-grpc=grpc_cpp_plugin

# A build that the tests have configured serves as well; otherwise they stay out, and Boost.Test is not needed.
[ -f build/release/build.ninja ] || cmake --preset release -DHEARTBEAT_BUILD_TESTS=OFF >/dev/null
cmake --build --preset release --target typedb_sessions
exec build/release/examples/typedb_sessions "$@"
