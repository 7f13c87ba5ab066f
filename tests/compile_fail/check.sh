#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check.sh <source> <compiler> <flags…>: the source must fail to compile as its comment `// error: <text>` says, the
# compiler must point at the comment's line, and the source's twin, itself without HEARTBEAT_COMPILE_FAIL, must compile.
set -euo pipefail
export LC_ALL=C # a compiler quotes in the language of the user
source=$1
shift
compile=("$@" -fsyntax-only "$source")

fail() {
  printf '%s: %s\n' "$source" "$1" >&2
  [ -z "${output:-}" ] || printf -- '--- the compiler said:\n%s\n' "$output" >&2
  exit 1
}

[ "$(grep -c '// error: ' "$source" || true)" = 1 ] || fail "needs exactly one comment '// error: <text>'"
expected=$(sed -n 's|.*// error: ||p' "$source")
line=$(grep -n '// error: ' "$source" | cut -d: -f1)

if output=$("${compile[@]}" -DHEARTBEAT_COMPILE_FAIL 2>&1); then
  fail "compiles with HEARTBEAT_COMPILE_FAIL defined, but must fail with: $expected"
fi
# A compiler shows the source line with its comment; that is not its message.
said=$(grep -v '// error: ' <<<"$output")
grep -qF -- "$expected" <<<"$said" || fail "fails, but the message lacks: $expected"
grep -qF -- "$source:$line:" <<<"$said" || fail "fails, but not because of line $line, where the comment stands"
output=$("${compile[@]}" 2>&1) || fail "the twin (without HEARTBEAT_COMPILE_FAIL) must compile, but does not"
