#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# fwd.hpp stays what it is for: it includes <cstdint> and nothing else (363 of its 471 lines after g++ 12's preprocessor;
# one <functional> or <chrono> is 40,000), it names every public class and enumeration of the headers beside it, of the
# thread executor and of functions as transports, and tests/unit/fwd.cpp uses every name of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
names=include/heartbeat/fwd.hpp user=tests/unit/fwd.cpp
bad=0
complain() { echo "$1" >&2; bad=1; }

included=$(grep -oE '^ *# *include *[<"][^>"]+' "$names" | sed -E 's/.*[<"]//')
[ "$included" = cstdint ] || complain "$names: includes more than <cstdint>: $(xargs <<<"$included")"

# Prints the names that stand in namespace heartbeat itself: "enum EndReason", "class BeatResult", "struct Event".
declared_in() {
  awk '
    FNR == 1 { hidden = 0 }
    /^namespace (heartbeat::)?detail/ { hidden = 1 }
    /^}  \/\/ namespace (heartbeat::)?detail/ { hidden = 0 }
    !hidden && /^(class|struct|enum class) / {
      text = $0
      gsub(/\[\[.*\]\]/, "", text)
      sub(/^enum class/, "enum", text)
      split(text, word, /[ :;{]+/)
      if (word[2] != "std") print word[1], word[2]
    }' "$@" | sort -u
}
defined=$(ls include/heartbeat/*.hpp | grep -vx "$names")
# shellcheck disable=SC2086 # a list of names without spaces
defined=$(declared_in $defined include/heartbeat/executors/thread.hpp include/heartbeat/transports/function.hpp)
named=$(declared_in "$names")
[ -n "$named" ] || complain "$names: names nothing"

while read -r name; do complain "$names: does not name: $name"; done < <(comm -23 <(echo "$defined") <(echo "$named"))
while read -r name; do complain "$names: names what no header defines: $name"; done < <(comm -13 <(echo "$defined") <(echo "$named"))
while read -r _ name; do
  grep -qw "heartbeat::$name" "$user" || complain "$user: does not use $name"
done <<<"$named"
exit $bad
