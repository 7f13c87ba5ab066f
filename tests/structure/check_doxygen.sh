#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Doxygen finds a word beside everything public, and no reference in the pages that leads nowhere. What it found otherwise
# is printed; the pages are in build/doxygen afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD

# In a clone as deep in another project as a submodule may be, whose pages must not be taken for ours.
outer=$(mktemp -d)
trap 'rm -rf "$outer"' EXIT
mkdir -p "$outer/third_party/heartbeat/examples" "$here/build"
echo '# Another project' >"$outer/README.md"
cp -r include "$outer"
cp -r README.md cmake include "$outer/third_party/heartbeat"
cp -r examples/guide "$outer/third_party/heartbeat/examples"
cd "$outer/third_party/heartbeat"
found=$( (cat cmake/Doxyfile && echo "OUTPUT_DIRECTORY = \"$here/build\"") | doxygen - 2>&1) || { echo "$found" >&2; exit 1; }
