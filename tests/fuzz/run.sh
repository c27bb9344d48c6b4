#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Run one fuzz target for MPROC_FUZZ_SECONDS, from the seeds and from what earlier runs found.
# What crashes it is left beside its executable: run that with the file as argument.
#
# usage: run.sh TARGET SEED_DIRECTORY
set -euo pipefail

target=$1
seeds=$2
found=$target.corpus

mkdir -p "$found"
inputs=("$found")
[[ -d $seeds ]] && inputs+=("$seeds")
# libFuzzer's own exit code for a find, 77, would be a skipped test to Meson.
exec "$target" -error_exitcode=1 -max_total_time="${MPROC_FUZZ_SECONDS:-20}" -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$target." "${inputs[@]}"
