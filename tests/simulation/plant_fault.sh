#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Does the simulation bite? Plants one deliberate fault in a copy of the headers, and passes if the simulation objects
# within 5,000 worlds. Fails also when the patch does not apply any more: then it must be written anew.
#    plant_fault.sh <compiler> <patch> <folder for the copy>
set -euo pipefail
compiler=$1 patch=$2 copy=$3
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$copy"
mkdir -p "$copy"
cp -r "$here/../../include" "$copy/"
patch --quiet --fuzz=0 -p1 -d "$copy" <"$patch"
# -Og takes the compiler least, and most faults are found in the first worlds. Apart from linking, it can be cached.
${CMAKE_CXX_COMPILER_LAUNCHER:-} "$compiler" -std=c++20 -Og -pthread -I"$copy/include" -c "$here/simulate.cpp" -o "$copy/simulate.o"
"$compiler" -pthread "$copy/simulate.o" -o "$copy/simulate"

status=0
timeout 300 "$copy/simulate" --seeds 5000 >"$copy/output" 2>&1 || status=$?
grep -m1 objection "$copy/output" || true
case $status in
  1 | 3) grep -q '^objection: ' "$copy/output" ;; # 3: a world that hangs
  134 | 139) echo "it died of signal $((status - 128))" ;; # aborted, or touched memory that is not its own
  124) echo "no objection in 300 s, on a machine that is too slow" >&2 && exit 1 ;;
  *) echo "not found within 5,000 worlds" >&2 && exit 1 ;;
esac
