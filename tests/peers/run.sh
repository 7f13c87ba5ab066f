#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# run.sh [seconds]: TypeDB's official drivers for Node, Python and Rust against the embedded server, each with a server
# of its own, all at once: databases, transactions, and between these 40 s in which the driver's pulses alone keep the
# session, longer than it lives without. The servers count along, since a driver reopens a lost session unasked.
# Node, Python and Rust are the PATH's; one that is missing or does not suit, or a driver that cannot be fetched, is a
# failure, never a skip. What is built is kept in build/peers.
# Read next: python/keep_session.py; rust/src/main.rs and node/keep_session.js do the same.
set -euo pipefail
cd "$(dirname "$0")/../.."
source cmake/build_environment.sh

room=tests/peers built=build/peers
idle_time=${1:-40}

fail() {
  echo "$room/run.sh: $*" >&2
  exit 1
}

build_node() {
  command -v node >/dev/null && command -v npm >/dev/null || fail "no Node in the PATH: node and npm are needed"
  [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ] || fail "Node $(node --version) is too old: 18 is needed"
  node_packages || fail "Node: npm could not install the driver; is the package registry reached?"
}

# The driver is compiled for these versions alone.
python_for_driver() {
  local candidate
  for candidate in python3 python3.12 python3.11 python3.10 python3.9; do
    "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' 2>/dev/null ||
      continue
    echo "$candidate"
    return
  done
  fail "no Python from 3.9 to 3.12 in the PATH that has venv and ensurepip (on Debian: python3-venv)"
}

build_python() {
  local system python=$built/python/bin/python
  if ! $python -m pip --version >/dev/null 2>&1; then
    system=$(python_for_driver)
    "$system" -m venv --clear $built/python || fail "$system cannot make a virtual environment"
  fi
  $python -m pip install --quiet --disable-pip-version-check --requirement $room/python/requirements.txt ||
    fail "Python: pip could not install the driver; is the package registry reached?"
}

# Of the crates that the driver needs, the newest that suit the compiler: a list of theirs would name where they are from.
build_rust() {
  local needed has
  export CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=fallback
  command -v cargo >/dev/null && command -v rustc >/dev/null || fail "no Rust in the PATH: cargo and rustc are needed"
  needed=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' $room/rust/Cargo.toml)
  has=$(rustc --version | cut -d ' ' -f 2)
  printf '%s\n' "$needed" "$has" | sort --check=quiet --version-sort || fail "Rust $has is too old: $needed is needed"
  cargo fetch --quiet --manifest-path $room/rust/Cargo.toml \
    --target "$(rustc --version --verbose | sed -n 's/^host: //p')" ||
    fail "Rust: cargo could not fetch the driver; is the package registry reached?"
  cargo build --quiet --offline --manifest-path $room/rust/Cargo.toml --target-dir $built/rust ||
    fail "Rust: the driver does not build"
}

# meet <driver> <command>…: the program against a server of its own, and what that server has counted.
meet() {
  local driver=$1 limit=$((idle_time + 60)) status=0 port opened closed expired open pulses alive unknown disturbed
  coproc server { exec build/release/tests/faults_server; }
  read -r port <&"${server[0]}" || fail "$driver: the server does not start"
  timeout $limit "${@:2}" "127.0.0.1:$port" "$idle_time" 2>&1 | sed -u "s/^/$driver: /" || status=$?
  [ $status != 124 ] || fail "$driver: not done after $limit s; the step after the last line above hangs"
  [ $status = 0 ] || fail "$driver: failed, at the step after the last one above"
  echo counters >&"${server[1]}"
  read -r opened closed expired open pulses alive unknown disturbed <&"${server[0]}" ||
    fail "$driver: the server has ended"
  echo "$driver: the server counted sessions: $opened opened, $closed closed, $expired expired, $open open;" \
    "pulses: $alive of $pulses for an open one, $disturbed disturbed"
  # One session, which went with its database, and at least a pulse for each time that it is kept without one.
  ((opened == 1 && closed + expired + open + disturbed == 0 && unknown > 0 && alive >= idle_time / 30)) ||
    fail "$driver: the server must have counted one session, neither closed nor expired, and its pulses"
}

debian_packages g++=g++ cmake=cmake ninja-build=ninja libboost-test-dev libgrpc++-dev libprotobuf-dev \
  protobuf-compiler=protoc protobuf-compiler-grpc=grpc_cpp_plugin libhiredis-dev pkg-config=pkg-config nodejs=node \
  npm=npm

echo "== building"
mkdir -p $built
build_node
build_python
build_rust
cmake --preset release >/dev/null
cmake --build --preset release --target faults_server

echo "== meeting"
meet Node env NODE_PATH=tests/interop/node/node_modules node $room/node/keep_session.js &
meetings=($!)
meet Python $built/python/bin/python $room/python/keep_session.py &
meetings+=($!)
meet Rust $built/rust/debug/keep_session &
meetings+=($!)
status=0
for meeting in "${meetings[@]}"; do wait "$meeting" || status=1; done
exit $status
