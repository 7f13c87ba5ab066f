#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Do the embedded server's tests bite? Passes if, in an executable whose server has a deliberate fault, each of these
# suites reports an error of its own. The first one is enough: after it, a test may wait in vain for long.
#    goes_red.sh <executable> <suite>…
set -euo pipefail
executable=$1

for suite in "${@:2}"; do
  exec 3< <(exec timeout 300 "$executable" --run_test="$suite" --color_output=no --catch_system_errors=no 2>&1)
  tests=$!
  if ! grep -m1 "error: in \"$suite/" <&3; then
    echo "$suite does not see the fault" >&2
    exit 1
  fi
  kill "$tests" 2>/dev/null || true # unless it is over
  exec 3<&-
done
