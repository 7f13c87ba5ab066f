#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# headers_alone.sh <compiler> <flags…>: every header must compile when it is the first and only one included.
# HEADERS_ALONE_SKIP is a regular expression of headers to leave out.
set -euo pipefail
cd "$(dirname "$0")/../../include"
export compile="$* -std=c++20 -fsyntax-only -I. -x c++ -"

# shellcheck disable=SC2016 # the inner shell expands
find heartbeat -name '*.hpp' | sort | grep -Ev "${HEADERS_ALONE_SKIP:-^$}" |
  xargs -P "$(nproc)" -I{} bash -c 'echo "#include <{}>" | $compile || { echo "does not compile alone: {}" >&2; exit 1; }'
