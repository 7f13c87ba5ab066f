#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# A block of README.md or of the guide below `<!-- source: examples/a.cpp -->` equals that file, and one below
# `<!-- source: examples/a.cpp#tag -->` equals what stands between two lines `// [tag]` (or `# [tag]`) of it, indented
# less. Every block of C++ or CMake has such a source, a block of shell may: no code stands there that nobody compiles.
set -euo pipefail
cd "$(dirname "$0")/../.."

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

bad=0 checked=0
check_page() {
  local page=$1 line fence source expected
  while IFS=: read -r line fence; do
    source=$(sed -nE "$((line - 1))s/^<!-- source: ([^ ]+) -->\$/\1/p" "$page")
    [ -n "$source$(grep -x '```sh' <<<"$fence")" ] || { echo "$page:$line: no source above it" >&2; bad=1; continue; }
    [ -n "$source" ] || continue
    expected=$(source_of "$source") || { bad=1; continue; }
    [ -n "$expected" ] || { echo "$page:$line: $source is empty or has no such tag" >&2; bad=1; continue; }
    diff -u --label "$page:$line" --label "$source" \
      <(awk -v first="$line" 'NR <= first { next } /^```/ { exit } { print }' "$page") - <<<"$expected" >&2 || bad=1
    checked=$((checked + 1))
  done < <(grep -nE '^```(cpp|cmake|sh)$' "$page" || true)
}
for page in README.md examples/guide/*.md; do check_page "$page"; done

# A link to a file leads to one; what looks like a link inside code is none.
for page in README.md examples/guide/*.md; do
  for link in $(awk '/^```/ { code = !code } !code' "$page" | grep -oE '\]\([^)]+\)' | sed -E 's/\]\(([^)#]*).*/\1/' | grep -v '^http'); do
    [ -e "$(dirname "$page")/$link" ] || { echo "$page: there is no $link" >&2; bad=1; }
  done
done

echo "$checked blocks are compared with their sources"
exit $bad
