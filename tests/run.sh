#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Builds and runs all tests; arguments go to ctest (-L unit, -R killers/). On a fresh Debian it first installs what the
# build needs, and the servers and drivers that the tests talk with.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_environment.sh

debian_packages g++=g++ cmake=cmake ninja-build=ninja libboost-test-dev libgrpc++-dev libprotobuf-dev \
  protobuf-compiler=protoc protobuf-compiler-grpc=grpc_cpp_plugin nodejs=node npm=npm \
  git=git python3=python3 patch=patch etcd-server=etcd etcd-client=etcdctl redis-server=redis-server libhiredis-dev \
  pkg-config=pkg-config prometheus=prometheus prometheus-cpp-dev libspdlog-dev doxygen=doxygen libncurses-dev \
  tmux=tmux
node_packages

echo "== building"
cmake --preset release >/dev/null
cmake --build --preset release
echo "== testing"
ctest --preset release -j "$(at_once)" "$@"
