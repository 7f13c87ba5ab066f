#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# A header includes only headers that stand before it in layers.txt, or on its own line: one line is one unit, a class and
# the files its members' bodies were split into. A header that is not listed fails, and so does a line without its file.
set -euo pipefail
cd "$(dirname "$0")/../.."

find include/heartbeat -name '*.hpp' | sort | xargs awk '
  function complain(text) { print text > "/dev/stderr"; bad = 1 }
  FILENAME ~ /layers[.]txt$/ {
    if (!/^#/)
      for (i = 1; i <= NF; i++) {
        if ($i in layer) complain("layers.txt:" FNR ": " $i " is listed twice")
        layer[$i] = FNR
      }
    next
  }
  FNR == 1 {
    header = FILENAME
    sub(/^include\/heartbeat\//, "", header)
    seen[header] = 1
    if (!(header in layer)) complain(FILENAME ": not listed in tests/structure/layers.txt; put it after all it includes")
  }
  /^#include <heartbeat\// && !/[.]pb[.]h>/ {
    included = $2
    gsub(/^<heartbeat\/|>$/, "", included)
    if ((header in layer) && (included in layer) && layer[included] > layer[header])
      complain(FILENAME ":" FNR ": includes " included ", which layers.txt lists later")
  }
  END {
    for (name in layer) if (!(name in seen)) complain("layers.txt:" layer[name] ": " name " does not exist")
    exit bad
  }' tests/structure/layers.txt
