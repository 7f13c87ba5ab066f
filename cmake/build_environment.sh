# SPDX-License-Identifier: BSL-1.0
# Sourced by examples/run.sh, .ci/run and the run.sh below tests: installs what a build still lacks, on Debian and its
# relatives, and uses a compiler cache where there is one.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  export CCACHE_SLOPPINESS=pch_defines,time_macros # else it leaves out what uses a precompiled header
fi

# at_once: how many tests run at a time: one for each processor, and one for each lane of those that mostly wait, which
# tests/CMakeLists.txt tells of.
at_once() { echo $(($(nproc) + 4)); }

# debian_packages <package>[=<command>]…: a package counts as there if the command is found, or else if dpkg knows it.
# Elsewhere it does nothing, and CMake names what it misses.
debian_packages() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
  local entry as_root=() missing=()
  for entry in "$@"; do
    if [[ $entry == *=* ]]; then
      command -v "${entry#*=}" >/dev/null || missing+=("${entry%%=*}")
    else
      dpkg-query -W -f='${db:Status-Status}\n' "$entry" 2>/dev/null | grep -qx installed || missing+=("$entry")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "== installing ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "please install as root: ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# node_packages: those of the Node programs, once per lock file.
node_packages() {
  local node=tests/interop/node
  [ ! $node/node_modules/.package-lock.json -nt $node/package-lock.json ] || return 0
  echo "== installing Node packages"
  (cd $node && npm ci --no-audit --no-fund --loglevel=error </dev/null)
}
