#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# with_server.sh etcd|redis <program> [arguments…]: starts that server on a free port of 127.0.0.1, with its data in a
# folder of its own, runs the program with the server's address as its first argument, and stops the server again.
set -euo pipefail
kind=$1
shift
program=$1
shift
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

# A port is free until somebody takes it: a server that does not get its port ends at once, and another one is tried.
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 20000))
  case $kind in
    etcd)
      etcd --name example --data-dir "$folder/data" --log-level error \
        --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
        --listen-peer-urls "http://127.0.0.1:$((port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
        --initial-cluster "example=http://127.0.0.1:$((port + 1))" >"$folder/log" 2>&1 &
      answers() { ETCDCTL_API=3 etcdctl --endpoints "127.0.0.1:$port" --command-timeout=1s endpoint health >/dev/null 2>&1; }
      ;;
    redis)
      redis-server --bind 127.0.0.1 --port "$port" --save '' --dir "$folder" >"$folder/log" 2>&1 &
      answers() { redis-cli -p "$port" ping 2>/dev/null | grep -qx PONG; }
      ;;
    *)
      echo "with_server.sh: no server of the kind '$kind'; there are etcd and redis" >&2
      exit 2
      ;;
  esac
  server=$!
  while kill -0 "$server" 2>/dev/null; do
    if answers && kill -0 "$server" 2>/dev/null; then
      "$program" "127.0.0.1:$port" "$@"
      exit
    fi
  done
  server=
done
echo "with_server.sh: $kind does not start; its last words:" >&2
cat "$folder/log" >&2
exit 1
