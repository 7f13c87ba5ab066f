#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# A block of C++, CMake or shell in README.md below `<!-- source: examples/a.cpp -->` equals that file, and one below
# `<!-- source: examples/a.cpp#tag -->` equals what stands between two lines `// [tag]` or `# [tag]` of it, indented less.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -f README.md ] || { echo 'no README.md yet'; exit 77; }

# source_of <path>[#tag]
source_of() {
  case $1 in
    *#*) awk -v tag="[${1#*#}]" '
           { text = $0; sub(/^ *(\/\/|#) /, "", text) }
           text == tag && text != $0 { inside = !inside; next }
           inside && !found++ { match($0, /^ */); indent = RLENGTH }
           inside { print $0 ~ /^ *$/ ? "" : substr($0, indent + 1) }' "${1%%#*}" ;;
    *) cat "$1" ;;
  esac
}
# block_at <line>: the code block that opens below that line
block_at() { awk -v first="$1" 'NR <= first + 1 { next } /^```/ { exit } { print }' README.md; }

bad=0 checked=0
while IFS=: read -r line comment; do
  source=$(sed -E 's/.*<!-- source: ([^ ]+) -->.*/\1/' <<<"$comment")
  sed -n "$((line + 1))p" README.md | grep -qE '^```(cpp|cmake|sh)$' || { echo "README.md:$line: no code below it" >&2; bad=1; }
  expected=$(source_of "$source") || { bad=1; continue; }
  [ -n "$expected" ] || { echo "README.md:$line: $source is empty or has no such tag" >&2; bad=1; continue; }
  diff -u --label README.md --label "$source" <(block_at "$line") - <<<"$expected" >&2 || bad=1
  checked=$((checked + 1))
done < <(grep -nE '<!-- source: [^ ]+ -->' README.md || true)
echo "$checked blocks are compared with their source"
exit $bad
