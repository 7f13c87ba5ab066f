#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check.sh <way> <our build folder> <compiler>: gets the library that way into an empty folder outside the tree, and builds
# and runs a user's program there. The folder of the way's name has the user's project.
set -euo pipefail
way=$1 build=$2 compiler=$3
rooms=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$rooms/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
user=$scratch/user
mkdir "$user"

complain() { printf '%s\n' "$1" >&2; exit 1; }
# project <way>: the user's project, and the programs beside it
project() { cp "$rooms/$1"/* "$rooms"/*.cpp "$user"; }
configure() { cmake -S "$user" -B "$user/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" "$@"; }
build_and_run() {
  cmake --build "$user/build"
  ctest --test-dir "$user/build" --output-on-failure --no-tests=error
}

# Installed, and moved: nothing there may remember where it was installed, or built.
install_and_move() {
  cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log"
  mv "$scratch/first" "$scratch/moved"
  ! grep -rlF -e "$scratch" -e "$root" "$scratch/moved" || complain 'an installed file has a path of this machine'
}

find_package() {
  install_and_move
  project find_package
  configure -DCMAKE_PREFIX_PATH="$scratch/moved"
  build_and_run
}

# asked <what find_package gets after `heartbeat`> [<option>…]: what CMake says, on one line; its success or failure
asked() {
  local status=0
  rm -rf "$user/build"
  configure -DCMAKE_PREFIX_PATH="$scratch/moved" -DREQUEST="${1// /;}" "${@:2}" >"$scratch/said" 2>&1 || status=$?
  tr -s '\n ' ' ' <"$scratch/said"
  return $status
}
answers() { # answers <what it says> <request> [<option>…]
  local said
  said=$(asked "${@:2}") || complain "was refused: $2: $said"
  grep -qF -- "$1" <<<"$said" || complain "$2: was not answered with: $1: $said"
}
refuses() { # as answers, but the user's build must not be configured
  local said
  ! said=$(asked "${@:2}") || complain "was not refused: $2"
  grep -qF -- "$1" <<<"$said" || complain "$2: was refused, but not with: $1: $said"
}
refused() {
  install_and_move
  project refused
  local without_grpc=(-DCMAKE_DISABLE_FIND_PACKAGE_{gRPC,Protobuf,PkgConfig}=ON)
  refuses 'compatible with requested version "1.0"' '1.0 CONFIG REQUIRED'
  refuses 'compatible with requested version "0.2"' '0.2 CONFIG REQUIRED'
  refuses 'heartbeat has no component telepathy; it has typedb, etcd, grpc_health, asio.' \
    '0.1 CONFIG REQUIRED COMPONENTS telepathy'
  refuses 'apt-get install libgrpc++-dev' '0.1 CONFIG REQUIRED COMPONENTS etcd' "${without_grpc[@]}"
  refuses 'apt-get install libboost-dev' '0.1 CONFIG REQUIRED COMPONENTS asio' -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON
  answers 'goes on without heartbeat' '0.1 CONFIG COMPONENTS telepathy'
  answers 'heartbeat is there' '0.1 CONFIG REQUIRED COMPONENTS core OPTIONAL_COMPONENTS etcd telepathy' "${without_grpc[@]}"
}

fetch_content() {
  local upstream=$scratch/upstream
  mkdir "$upstream"
  cp -r "$root"/{CMakeLists.txt,LICENSE,cmake,include} "$upstream"
  git -C "$upstream" init -q -b main
  git -C "$upstream" add .
  git -C "$upstream" -c user.name=user -c user.email=user@localhost commit -q -m everything
  project fetch_content
  configure -Dwhere_this_repository_is="file://$upstream"
  build_and_run
}

add_subdirectory() {
  project add_subdirectory
  configure -DHEARTBEAT_SOURCE="$root" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_INSTALL_PREFIX="$scratch/installed"
  ! grep -E '"command": .* -(W|f|O|g|D|isystem)' "$user/build/compile_commands.json" || complain 'flags leaked'
  build_and_run
  [ "$(ctest --test-dir "$user/build" -N | grep -c 'Test *#')" = 1 ] || complain 'tests leaked'
  cmake --install "$user/build"
  [ "$(cd "$scratch/installed" && find . -type f)" = ./bin/program ] || complain 'files were installed unasked'

  configure -DHEARTBEAT_INSTALL=ON
  cmake --install "$user/build"
  [ -f "$scratch/installed/share/heartbeat/heartbeatConfig.cmake" ] || complain 'nothing was installed when asked'
}

copied() {
  cp -r "$root/include" "$user"
  cp "$rooms/core.cpp" "$user/program.cpp"
  cd "$user"
  bash -ex "$rooms/copied/build.sh"
  ./a.out
}

pkg_config() {
  install_and_move
  export PKG_CONFIG_PATH=$scratch/moved/share/pkgconfig
  [ "$(pkg-config --modversion heartbeat)" = "$(project_version)" ] || complain 'another version'
  cp "$rooms/core.cpp" "$user/program.cpp"
  cd "$user"
  bash -ex "$rooms/pkg_config/build.sh"
  ./a.out
}

project_version() { sed -nE 's/^project\(heartbeat VERSION ([0-9.]+) .*/\1/p' "$root/CMakeLists.txt"; }

# use_core <prefix>: a program of the core, by find_package
use_core() {
  cp "$rooms/core.cpp" "$user"
  cat >"$user/CMakeLists.txt" <<'end'
cmake_minimum_required(VERSION 3.22)
project(uses_the_core LANGUAGES CXX)
enable_testing()
find_package(heartbeat 0.1 CONFIG REQUIRED)
add_executable(program core.cpp)
target_link_libraries(program PRIVATE heartbeat::heartbeat)
add_test(NAME core COMMAND program)
end
  configure -DCMAKE_PREFIX_PATH="$1"
  build_and_run
}

vcpkg() {
  local port=$root/cmake/packaging/vcpkg
  python3 - "$port/vcpkg.json" "$(project_version)" <<'end'
import json, sys
port = json.load(open(sys.argv[1], encoding="utf-8"))
assert (port["name"], port["version"]) == ("heartbeat", sys.argv[2]), "another version"
assert sorted(port["features"]) == ["asio", "etcd", "grpc-health", "typedb"]
end
  cmake -DPORT_DIR="$port" -DPACKAGE="$scratch/package" -DBUILD="$scratch/build" -P "$rooms/vcpkg/run_portfile.cmake"
  [ -f "$scratch/package/share/heartbeat/copyright" ] || complain 'vcpkg wants a copyright'
  use_core "$scratch/package"
}

conan() {
  PYTHONDONTWRITEBYTECODE=1 python3 "$rooms/conan/run_recipe.py" "$root/cmake/packaging/conan" "$scratch"
  use_core "$scratch/package"
}

"$way"
