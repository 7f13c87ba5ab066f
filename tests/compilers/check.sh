#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check.sh <compiler> <flags…>: builds and runs a program of two translation units that each include every header of the
# core twice, one forward, one backward: as one program, and as a program and a shared library, with hidden symbols.
set -euo pipefail
room=$(cd "$(dirname "$0")" && pwd)
include=$room/../../include
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The headers of the core: those that include, themselves or through others, nothing but the library and the system.
core_headers() {
  (cd "$include" && find heartbeat -name '*.hpp' | xargs awk '
    FNR == 1 { header[FILENAME] }
    /^ *#include </ { name = $2; gsub(/[<>]/, "", name); includes[FILENAME] = includes[FILENAME] " " name }
    function foreign(name) { return name in left_out || (name ~ "/" && name !~ "^(heartbeat|sys)/") || name ~ /[.]pb[.]h$/ }
    END {
      do {
        changed = 0
        for (h in header) {
          count = h in left_out ? 0 : split(includes[h], names, " ")
          for (i = 1; i <= count; i++) if (foreign(names[i])) { left_out[h]; changed = 1 }
        }
      } while (changed)
      for (h in header) if (!(h in left_out)) print h
    }' | LC_ALL=C sort)
}
headers=$(core_headers)
grep -qx heartbeat/heartbeat.hpp <<<"$headers"
mkdir "$scratch/program" "$scratch/second"
printf '#include <%s>\n' $headers $headers >"$scratch/program/every_header.hpp"
tac "$scratch/program/every_header.hpp" >"$scratch/second/every_header.hpp"

compile=("$@" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fPIC -fvisibility=hidden -pthread
  -I"$include" -I"$room")
for unit in program second; do
  "${compile[@]}" -I"$scratch/$unit" -c "$room/$unit.cpp" -o "$scratch/$unit.o" &
  units+=($!)
done
for unit in "${units[@]}"; do wait "$unit"; done

cd "$scratch"
"$@" -pthread program.o second.o -o one
./one
"$@" -pthread -shared second.o -o libsecond.so
"$@" -pthread program.o -L. -lsecond -Wl,-rpath,"$scratch" -o two
./two
