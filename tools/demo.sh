#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The examples at work, on real files and over real sockets; `./dev demo` runs it.
#
# usage: demo.sh BUILD_DIRECTORY
set -euo pipefail

examples=$1/examples
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/mproc-demo-XXXXXX")
background=()
trap 'stop_background; rm -rf "$work"' EXIT

stop_background() {
    ((${#background[@]} == 0)) || kill "${background[@]}" 2>/dev/null || true
}

heading() {
    printf '\n== %s\n' "$1"
}

show() { # COMMAND...: run it under its own name
    echo "\$ $(basename "$1") ${*:2}"
    "$@"
}

# Start a program that says `listening on ADDRESS` first, and set `address` when it did.
start() { # NAME COMMAND...
    local out=$work/$1 line
    mkfifo "$out.pipe"
    "${@:2}" >"$out.pipe" 2>&1 &
    background+=("$!")
    started=$!
    exec {from}<"$out.pipe"
    rm "$out.pipe"
    IFS= read -r -t 20 -u "$from" line || {
        echo "$1 did not start"
        exit 1
    }
    address=${line#listening on }
    # What it says later is shown with its name before it.
    sed -u "s/^/[$1] /" <&"$from" &
    shown=$!
    background+=("$shown")
    exec {from}<&-
}

# A client talks to a server through a relay that prints what passes.
talk() { # LISTENER_COMMAND -- CLIENT_COMMAND
    local server=() server_pid server_shown relay_pid relay_shown
    while [[ $1 != -- ]]; do
        server+=("$1")
        shift
    done
    shift
    start server "${server[@]}"
    server_pid=$started server_shown=$shown
    start wire python3 "$tools/wire.py" "$address"
    relay_pid=$started relay_shown=$shown
    "${@/ADDRESS/$address}" 2>&1 | sed -u 's/^/[client] /'
    wait "$server_pid" "$relay_pid" "$server_shown" "$relay_shown"
    background=()
}

words() {
    heading "Count the words of the system's headers with worker processes"
    printf '$ pwc /usr/include/*.h\n'
    "$examples/pwc" /usr/include/*.h
}

workers() {
    heading "Four workers, ten messages each, one wait for all of them"
    show "$examples/wait_workers"
}

c_to_c() {
    heading "A C server and a C client over TCP; key: secret password"
    start server "$examples/server" 127.0.0.1:0
    local server_pid=$started server_shown=$shown
    "$examples/client" "$address" 2>&1 | sed -u 's/^/[client] /'
    wait "$server_pid" "$server_shown"
    background=()
}

# Python before 3.12 knows the MD5 handshake only, which mproc has to be asked for.
python_needs_md5() {
    python3 -c 'import sys; sys.exit(sys.version_info >= (3, 12))'
}

with_python() {
    local legacy=()
    ! python_needs_md5 || legacy=(--legacy-md5)
    heading "A C server and a Python client ($(python3 --version)), and what passes over the wire"
    talk "$examples/server" 127.0.0.1:0 "${legacy[@]}" -- python3 "$tools/peer.py" client ADDRESS
    heading "A Python server and a C client, and what passes over the wire"
    talk python3 "$tools/peer.py" server -- "$examples/client" ADDRESS "${legacy[@]}"
}

python_worker() {
    heading "A C program and its Python worker, on one end of a pipe"
    show "$examples/command" "$tools/../examples/worker.py"
}

words
workers
c_to_c
if command -v python3 >/dev/null; then
    with_python
    python_worker
else
    echo "no python3: the talk with Python is left out"
fi
