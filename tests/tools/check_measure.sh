#!/bin/bash
# tools/measure: the command's exit status, and a line of four numbers that know a process with memory from one without.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
measure=$BUILD/tools/measure
dir=$(mktemp -d "${TMPDIR:-/tmp}/measure-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT

say() { # name, command...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; failed=1; fi
}
failed=0

status_is() { # wanted, command...
    local wanted=$1
    shift
    "$@" >/dev/null 2>&1
    [ $? -eq "$wanted" ]
}

say measure_passes_the_status_on status_is 7 "$measure" "$dir/a" bash -c 'exit 7'
say measure_knows_a_signal status_is 137 "$measure" "$dir/a" bash -c 'kill -9 $$'
say measure_names_a_missing_command status_is 127 "$measure" "$dir/a" "$dir/nothing"
say measure_wants_a_command status_is 2 "$measure" "$dir/a"

# dd holds its 64 MiB for as long as it copies.
"$measure" "$dir/small" sleep 0.2
"$measure" "$dir/large" dd if=/dev/zero of=/dev/null bs=64M count=50 status=none
say measure_writes_four_numbers grep -qE '^[0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+ [0-9]+$' "$dir/small"
say measure_sees_the_peak awk 'NR == FNR { peak = $3; own = $4; next } { exit !($3 - peak > 60000 && $4 - own > 60000) }' \
    "$dir/small" "$dir/large"
exit $failed
