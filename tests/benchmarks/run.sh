#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Measures the library and its peers in one run on this machine, prints one table, and writes results.json and plots to
# build/benchmarks. --quick: shorter spans, neither ten million nor libuv, for less than three minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
source cmake/build_environment.sh

debian_packages g++=g++ cmake=cmake ninja-build=ninja libboost-dev libbenchmark-dev libuv1-dev libevent-dev \
  pkg-config=pkg-config golang-go=go gnuplot-nox=gnuplot python3=python3 libgrpc++-dev libprotobuf-dev \
  protobuf-compiler=protoc protobuf-compiler-grpc=grpc_cpp_plugin etcd-server=etcd golang-etcd-server-dev

echo "== building"
cmake --preset benchmarks >/dev/null
cmake --build --preset benchmarks
echo "== measuring"
python3 tests/benchmarks/figures.py "$@"
