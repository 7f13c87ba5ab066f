#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# No header over 350 lines, no function over 60. A function is a brace block that opens outside all others, or directly
# in a namespace or a class, and is neither of these itself nor an initializer (whose brace follows `=`).
set -euo pipefail
cd "$(dirname "$0")/../.."

find include tests examples \( -name node_modules -prune \) -o \( -name '*.hpp' -o -name '*.cpp' \) -print | sort | xargs awk '
  function complain(text) { print text > "/dev/stderr"; bad = 1 }
  function kind_of(head) {
    gsub(/\[\[[^]]*\]\]/, "", head)
    while (sub(/template *<[^<>]*(<[^<>]*(<[^<>]*>[^<>]*)*>[^<>]*)*>/, "", head)) {}
    sub(/^ *requires .* (class|struct) /, "struct ", head)
    if (head ~ /= *$/) return "initializer"
    return head ~ /^ *(inline |typedef )?(namespace|class|struct|union|enum|extern ")/ ? "scope" : "block"
  }
  FNR == 1 { depth = 0; text = "" }
  FNR == 351 && FILENAME ~ /^include\// { complain(FILENAME ": more than 350 lines; a second idea wants its own header") }
  /^ *#/ { next }
  /^BOOST_(AUTO|FIXTURE)_TEST_SUITE/ { text = ""; next }
  /^ *(public|private|protected): *(\/\/.*)?$/ { text = ""; next }
  {
    gsub(/\\./, "")
    gsub(/'\''[{}"]'\''/, "")
    gsub(/"[^"]*"/, "\"\"")
    sub(/\/\/.*/, "")
    for (i = 1; i <= length($0); i++) {
      c = substr($0, i, 1)
      if (c == "{") {
        kind[depth + 1] = depth == 0 || kind[depth] == "scope" ? kind_of(text) : "inner"
        opened[++depth] = FNR
      } else if (c == "}" && depth > 0) {
        if (kind[depth] == "block" && FNR - opened[depth] >= 60)
          complain(FILENAME ":" opened[depth] ": a function of " FNR - opened[depth] + 1 " lines; at most 60")
        depth--
      }
      text = c ~ /[{};]/ ? "" : text c
    }
    text = text " "
  }
  END { exit bad }'
