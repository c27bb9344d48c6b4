#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Install into a fresh prefix, and build a program against what lies there, with nothing but
# pkg-config: shared and static. The installed headers compile alone, as C11 and C++11.
#
# usage: consumer.sh SOURCE_DIRECTORY CC
set -euo pipefail

source=$(cd "$1" && pwd)
cc=$2
here=$source/tests/install
work=$(mktemp -d "${TMPDIR:-/tmp}/mproc-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
# -std=c11 without GNU extensions: what the public headers promise.
flags=(-std=c11 -Wall -Wextra -Wpedantic -Werror "$here/consumer.c")

install_mproc() {
    CC=$cc meson setup --prefix="$prefix" --libdir=lib --buildtype=release -Dtests=disabled \
        -Dexamples=false "$work/build" "$source"
    meson install -C "$work/build"
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
}

words() { # COMMAND...: its output, split into the array `reply`
    read -ra reply <<<"$("$@")"
}

shared_consumer() {
    words pkg-config --cflags --libs mproc
    "$cc" "${flags[@]}" -o "$work/shared" "${reply[@]}" -Wl,--no-as-needed
    LD_LIBRARY_PATH=$prefix/lib "$work/shared"
    # The soname is what a later version of the library is found by.
    readelf -d "$work/shared" | grep -F 'NEEDED' | grep -F '[libmproc.so.0]'
}

# The system's own libraries stay shared: a static getaddrinfo(3) needs them at run time anyway.
static_consumer() {
    words pkg-config --static --cflags --libs mproc
    "$cc" "${flags[@]}" -o "$work/static" "${reply[@]/#-lmproc/-l:libmproc.a}"
    "$work/static"
    if readelf -d "$work/static" | grep -F 'libmproc'; then
        echo "the static program asks for the shared library"
        return 1
    fi
}

# Nothing lands outside of include/mproc and lib, and every public header is there.
installed_files() {
    (cd "$prefix" && find . ! -type d | sort)
    diff <(cd "$source/include" && find mproc -name '*.h' | sort) \
        <(cd "$prefix/include" && find . -name '*.h' | sed 's|^\./||' | sort)
}

install_mproc
installed_files
shared_consumer
static_consumer
"$here/headers.sh" "$prefix/include" "$cc"
