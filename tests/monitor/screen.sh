#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# screen.sh <monitor>: runs the example in a terminal of fixed size, presses keys as a user would, and reads the screen.
# The terminal is tmux's, on a socket of its own. Waits for what is to be seen, with a generous limit.
set -euo pipefail
program=$1
command -v tmux >/dev/null || { echo 'tmux is needed: tests/run.sh installs it' >&2; exit 1; }

folder=$(mktemp -d)
in_tmux() { tmux -S "$folder/socket" -f /dev/null "$@"; }
trap 'in_tmux kill-server 2>/dev/null || true; rm -rf "$folder"' EXIT

screen() { in_tmux capture-pane -p; }
fail() {
  printf '%s; the screen is\n' "$1" >&2
  screen >&2
  exit 1
}
# sees <what> <command…>: until the command succeeds on the screen's text
sees() {
  local what=$1
  shift
  for ((i = 0; i < 300; ++i)); do
    screen | "$@" >/dev/null && return 0
    sleep 0.2
  done
  fail "not seen: $what"
}
line_is() { sed -n "$1p" | grep -E "$2"; }
count_is() { [ "$(grep -cE "$2")" = "$1" ]; }
press() { in_tmux send-keys "$@"; }
run() { in_tmux "${@:2}" "'$program' $1; echo after $1: left with \$?; exec cat"; }

run '--seconds 200' new-session -d -x 80 -y 24
sees 'all heartbeats counted' line_is 1 '^heartbeats: (29[0-9]|300) '
sees 'rows that are valid' grep -E '^session-[0-9]{3} +valid '
sees 'the keys that may be pressed, in the last line' line_is 24 'q leave'

press 1
sees 'sorted by key' line_is 4 '^KEY\^'
sees 'the first key first' line_is 5 '^session-000 '
press r
sees 'sorted the other way round' line_is 4 '^KEYv'
sees 'the last key first' line_is 5 '^session-299 '
press NPage
sees 'a page further down' line_is 5 '^session-280 '
press 2
sees 'the worst first' line_is 5 '^session-[0-9]43 +lapsed .*Connection refused'

press /
press -l 'session-04'
sees 'what is typed' line_is 24 '^filter: session-04_'
press BSpace
press -l 43
press BSpace
press BSpace
press -l 43
press Enter
sees 'how many match' line_is 1 'matching session-043: 1 '
sees 'nothing else' count_is 1 '^session-'
press /
press Escape
sees 'all again' grep -E '^session-[0-9]{3} +valid '

in_tmux resize-window -x 120 -y 40
sees 'a window that has grown, filled' line_is 40 'q leave'
in_tmux resize-window -x 60 -y 12
sees 'a window that has shrunk, filled' line_is 12 '> sort'

press q
sees 'that it has left' grep -x 'after --seconds 200: left with 0'

run '--seconds 1' respawn-pane -k
sees 'that it has left by itself' grep -x 'after --seconds 1: left with 0'

TERM=dumb "$program" --help </dev/null | grep -q -- '--seconds N'
status=0
"$program" --seconds never </dev/null 2>"$folder/said" || status=$?
[ $status = 2 ] && grep -q 'not understood' "$folder/said" || { echo "a bad argument: left with $status" >&2; exit 1; }
