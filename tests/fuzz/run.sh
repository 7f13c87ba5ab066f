#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# run.sh [target…]: builds the fuzzing targets with libFuzzer and fuzzes each for HEARTBEAT_FUZZ_SECONDS (60), as many at
# once as there are processors. A find fails the run: it is printed as base64, with the commands that replay it. What
# reaches new code is kept in build/fuzz/found/<target>. It begins with the same inputs each time, so that a change is
# judged and not the luck of a run; HEARTBEAT_FUZZ_SEED=0 draws others, which is what a long run wants. With
# HEARTBEAT_FUZZ_KEEP=1 the corpus is made anew of both: the fewest inputs that reach as much.
# Read next: .github/CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
source cmake/build_environment.sh
debian_packages clang-16=clang++-16 llvm-16=llvm-symbolizer-16 libclang-rt-16-dev cmake=cmake ninja-build=ninja \
  libboost-test-dev libgrpc++-dev libprotobuf-dev protobuf-compiler=protoc protobuf-compiler-grpc=grpc_cpp_plugin \
  libhiredis-dev pkg-config=pkg-config

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
export seconds=${HEARTBEAT_FUZZ_SECONDS:-60} seed=${HEARTBEAT_FUZZ_SEED:-1} keep=${HEARTBEAT_FUZZ_KEEP:-0}
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer-16 || true)}
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)

fuzz() {
  local target=$1 program=build/fuzz/tests/fuzz/fuzz_$1 corpus=tests/fuzz/corpus/$1 found=build/fuzz/found/$1
  local log=build/fuzz/$1.log status=0
  mkdir -p "$found"
  "$program" -seed="$seed" -max_total_time="$seconds" -max_len=600 -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$found-" \
    -print_final_stats=1 "$found" "$corpus" >"$log" 2>&1 || status=$?
  if [ "$status" != 0 ]; then
    tail -n 60 "$log"
    local input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf '\n%s: a find. To replay it:\n  base64 -d >find <<<%s\n  %s find\n' "$target" \
      "$([ -z "$input" ] || base64 -w0 "$input")" "$program"
    return 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, none of them a find"
  [ "$keep" = 1 ] || return 0
  local merged=build/fuzz/merged-$target
  rm -rf "$merged" && mkdir -p "$merged"
  "$program" -set_cover_merge=1 -timeout=20 "$merged" "$corpus" "$found" >>"$log" 2>&1
  find "$corpus" -regextype egrep -regex '.*/[0-9a-f]{40}' -delete
  ls -S "$merged" | head -n 140 | xargs -I{} cp "$merged"/{} "$corpus"/ # the longest ones: a test must stay short
}
export -f fuzz
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'fuzz {}'
