#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# What begins as a program can be called as one: git keeps that bit of a file, and loses it easily.
set -euo pipefail
cd "$(dirname "$0")/../.."

bad=0
programs=$( (git ls-files -z 2>/dev/null || find .ci cmake examples tests -name node_modules -prune -o -type f -print0) |
  xargs -0 awk 'FNR == 1 && /^#!/ { print FILENAME } { nextfile }')
for program in $programs; do
  [ -x "$program" ] && continue
  echo "$program: begins with #! and cannot be called: git update-index --chmod=+x $program" >&2
  bad=1
done
exit $bad
