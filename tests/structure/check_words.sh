#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Words that must not come back, each with what to write instead. Comments may speak of the C++ ones, code may not; a host
# of packages or a path of one machine may stand nowhere.
set -euo pipefail
cd "$(dirname "$0")/../.."

files=$(git ls-files --cached --others --exclude-standard 2>/dev/null ||
  find . \( -name build -o -name node_modules -o -name .git \) -prune -o -type f -print)
code=$(grep -E '[.](hpp|cpp)$' <<<"$files")
bad=0

report() { # report <found> <instead>
  [ -n "$1" ] || return 0
  printf '%s\n    instead: %s\n' "$1" "$2" >&2
  bad=1
}
# forbid_in_code <regular expression> <instead> <file>…
forbid_in_code() {
  report "$(awk -v word="$1" '{ code = $0; sub(/\/\/.*/, "", code) }
                              code ~ word { print FILENAME ":" FNR ":" $0 }' "${@:3}")" "$2"
}
forbid_anywhere() { report "$(grep -nEHI -- "$1" "${@:3}" || true)" "$2"; }

# shellcheck disable=SC2086 # no file here has a space in its name
{
  timeless=$(grep -vE '^([.]/)?tests/benchmarks/' <<<"$code") # benchmarks measure spans of real time
  forbid_in_code 'sleep_for|sleep_until|usleep|nanosleep' 'wait for the event, or run the manual clock' $timeless
  forbid_in_code '(^|[^[:alnum:]_ ] *|[^m] )volatile[^[:alnum:]_]' 'std::atomic, or a mutex' $code
  forbid_in_code 'steady_clock::now' 'the Clock policy, or the now that is passed in' \
    $(grep -vE '^([.]/)?(include/heartbeat/executors|tests/benchmarks)/' <<<"$code")
  forbid_anywhere 'https?://[a-z0-9.-]*(registry|npm|pypi|crates|proxy|mirror)[a-z0-9.-]*' \
    'the name of the package; for a lock file, omit-lockfile-registry-resolved=true in .npmrc' $files
  forbid_anywhere '(^|[^[:alnum:]_.$}])/(home|root|tmp|work|Users)/' 'a path below the project, or mktemp' $files
}
exit $bad
