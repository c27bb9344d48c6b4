#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A Meson project that has mproc in its subprojects/ configures, builds and runs.
#
# usage: subproject.sh SOURCE_DIRECTORY CC
set -euo pipefail

source=$(cd "$1" && pwd)
here=$source/tests/install
work=$(mktemp -d "${TMPDIR:-/tmp}/mproc-subproject-XXXXXX")
trap 'rm -rf "$work"' EXIT

cp "$here/subproject/meson.build" "$here/consumer.c" "$work"
mkdir "$work/subprojects"
ln -s "$source" "$work/subprojects/mproc"

# forcefallback: an mproc that happens to be installed is not what is tested.
for kind in shared static; do
    CC=$2 meson setup --wrap-mode=forcefallback -Ddefault_library="$kind" "$work/$kind" "$work"
    meson test -C "$work/$kind" --print-errorlogs
done
