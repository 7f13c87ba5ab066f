#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# suites_of.sh <executable> <suite>…: fails if the executable has a test case outside the given suites, since CTest runs
# only those, and such a case would never run.
set -euo pipefail
executable=$1
shift

# --list_content prints a star after what is enabled, and indents what is inside a suite.
content=$("$executable" --list_content 2>&1)
outside=$(grep -v '^ ' <<<"$content" | sed 's/[*]*$//' | grep -vxF "$(printf '%s\n' "$@")" || true)
[ -z "$outside" ] && exit 0
printf 'never run, because no file has this name: %s\n' $outside >&2
echo 'put the cases into a BOOST_AUTO_TEST_SUITE named as their file' >&2
exit 1
