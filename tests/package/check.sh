#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check.sh <way> <component> <our build folder> <scratch folder> <compiler>: builds and runs the user's project of that
# way, from nothing, in the scratch folder.
set -euo pipefail
way=$1 component=$2 build=$3 scratch=$4 compiler=$5
rooms=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$rooms/../.." && pwd)

rm -rf "$scratch"
mkdir -p "$scratch"
case $way in
  find_package) cmake --install "$build" --prefix "$scratch/installed" >"$scratch/install.log" ;;
  copied) mkdir "$scratch/copy" && cp -r "$root/include/heartbeat" "$scratch/copy/" ;;
esac
cmake -S "$rooms/$way" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCOMPONENT="$component" \
  -DCMAKE_PREFIX_PATH="$scratch/installed" -DHEARTBEAT_SOURCE="$root" -DHEARTBEAT_COPY="$scratch/copy"
cmake --build "$scratch/build"
ctest --test-dir "$scratch/build" --output-on-failure --no-tests=error
