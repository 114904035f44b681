#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# smoke: runs every libFuzzer target of a directory for its share of the time. What crashes is kept in DIR/crashes.
# Usage: fuzz/smoke.sh [--tap] DIR SECONDS
set -u
tap=''
if [ "$1" = --tap ]; then
    tap=1
    shift
fi
dir=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir/crashes" "$dir/found"
targets=$(find "$dir" -maxdepth 1 -type f -perm -u+x -name 'fuzz-*' | sort)

# Seconds in proportion to how much code stands behind a target.
weight() {
    case "$1" in
    base-*) echo 1 ;;
    lang-*) echo 2 ;;
    *) echo 8 ;;
    esac
}
total=0
for target in $targets; do total=$((total + $(weight "${target##*/fuzz-}"))); done

passed=0 failed=0
for target in $targets; do
    name=${target##*/fuzz-}
    share=$((seconds * $(weight "$name") / total))
    [ "$share" -ge 1 ] || share=1
    seeds=''
    for place in "$here/corpus/${name#lang-}" "$here/../src/proto/${name#proto-}/corpus"; do
        [ -d "$place" ] && seeds="$seeds $place"
    done
    mkdir -p "$dir/found/$name"
    # shellcheck disable=SC2086 # a list of words
    if "$target" -max_total_time="$share" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$dir/crashes/$name-" "$dir/found/$name" $seeds >"$dir/$name.log" 2>&1; then
        passed=$((passed + 1))
        ran=$(sed -n 's/^stat::number_of_executed_units: //p' "$dir/$name.log")
        if [ "$tap" ]; then
            printf 'ok %d - %s\n' $((passed + failed)) "$name"
        else
            printf 'ok     %-16s %s inputs\n' "$name" "$ran"
        fi
    else
        failed=$((failed + 1))
        if [ "$tap" ]; then
            printf 'not ok %d - %s\n' $((passed + failed)) "$name"
        else
            printf 'FAILED %s\n' "$name"
        fi
        tail -n 40 "$dir/$name.log" | sed "s/^/${tap:+# }/"
    fi
done
if [ "$tap" ]; then
    printf '1..%d\n' $((passed + failed))
else
    printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
